/** Flux and Argo CD, as far as they say how applying went, and the wish that they look at Git now. */

import { z } from "zod";
import type { SendCall } from "./calls.js";
import { type CustomKind, createCustomObjects } from "./custom-objects.js";
import type { Place } from "./objects.js";

/** What one of their objects says of itself. */
export interface GitOpsState {
  /** As people name it: Kustomization, GitRepository, Argo CD Application. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** True when it says that all is well, false when something failed, null while it works or says nothing. */
  readonly isReady: boolean | null;
  /** Their word for it; "" for none. */
  readonly reason: string;
  /** Their sentence; "" for none. */
  readonly message: string;
}

export interface GitOps {
  /** Of a Kustomization first, then of the GitRepository that it reads; empty when there is no such Kustomization. */
  flux(place: Place): Promise<readonly GitOpsState[]>;
  /** Empty when there is no such Application. */
  argocd(place: Place): Promise<readonly GitOpsState[]>;
  /**
   * Asks them to look at Git now; with `isNew` there is something there that they have not seen. Rejects where there is no such
   * object, and where that may not be asked.
   */
  refresh(
    kind: "flux" | "argocd",
    place: Place,
    options: { readonly at: Date; readonly isNew: boolean },
  ): Promise<void>;
}

export const KUSTOMIZATION: CustomKind = {
  group: "kustomize.toolkit.fluxcd.io",
  version: "v1",
  plural: "kustomizations",
  title: "Kustomization",
};
export const REPOSITORY: CustomKind = {
  group: "source.toolkit.fluxcd.io",
  version: "v1",
  plural: "gitrepositories",
  title: "GitRepository",
};
export const ARGO_APPLICATION: CustomKind = {
  group: "argoproj.io",
  version: "v1alpha1",
  plural: "applications",
  title: "Argo CD Application",
};

const REFRESH = { flux: "reconcile.fluxcd.io/requestedAt", argocd: "argocd.argoproj.io/refresh" };

// What cannot be read counts as not said: a version of them that says it otherwise is no failure of ours.
const word = z.string().catch("");
const generation = z.number().optional().catch(undefined);
const fluxStatus = {
  metadata: z.object({ generation }),
  status: z
    .object({
      observedGeneration: generation,
      conditions: z.array(z.object({ type: word, status: word, reason: word, message: word })).catch([]),
    })
    .catch({ conditions: [] }),
};
const suspend = z.boolean().optional().catch(undefined);
const repositorySchema = z.object({ ...fluxStatus, spec: z.object({ suspend }).catch({}) });
const sourceRef = z.object({ kind: word, name: word, namespace: z.string().optional() });
const kustomizationSchema = z.object({
  ...fluxStatus,
  spec: z
    .object({ suspend, sourceRef: sourceRef.catch({ kind: "", name: "" }) })
    .catch({ sourceRef: { kind: "", name: "" } }),
});
const argoSchema = z.object({
  metadata: z.object({}),
  status: z
    .object({
      sync: z.object({ status: word }).catch({ status: "" }),
      health: z.object({ status: word, message: word }).catch({ status: "", message: "" }),
      operationState: z.object({ phase: word, message: word }).catch({ phase: "", message: "" }),
      conditions: z.array(z.object({ type: word, message: word })).catch([]),
    })
    .catch({
      sync: { status: "" },
      health: { status: "", message: "" },
      operationState: { phase: "", message: "" },
      conditions: [],
    }),
});

export function createGitOps(send: SendCall): GitOps {
  const custom = createCustomObjects(send);
  const kustomization = (place: Place) => custom.get(KUSTOMIZATION, place, kustomizationSchema);
  return {
    flux: async (place) => {
      const found = await kustomization(place);
      if (found === null) return [];
      const own = { kind: KUSTOMIZATION.title, ...named(place), ...fluxState(found) };
      const source = repositoryOf(found.spec.sourceRef, place);
      const repository = source && (await custom.get(REPOSITORY, source, repositorySchema));
      return repository ? [own, { kind: REPOSITORY.title, ...source, ...fluxState(repository) }] : [own];
    },
    argocd: async (place) => {
      const found = await custom.get(ARGO_APPLICATION, place, argoSchema);
      return found === null ? [] : [{ kind: ARGO_APPLICATION.title, ...named(place), ...argoState(found.status) }];
    },
    refresh: async (kind, place, { at, isNew }) => {
      if (kind === "argocd") {
        await custom.annotate(ARGO_APPLICATION, place, { [REFRESH.argocd]: "normal" });
        return;
      }
      const annotations = { [REFRESH.flux]: at.toISOString() };
      const found = await kustomization(place);
      const source = repositoryOf(found?.spec.sourceRef, place);
      // The source is what takes a minute to look.
      if (source !== null) await custom.annotate(REPOSITORY, source, annotations);
      // A Kustomization that is well follows its source by itself. Asked, too, it would first apply once more what it has.
      const follows = isNew && source !== null && found !== null && fluxState(found).isReady === true;
      if (!follows) await custom.annotate(KUSTOMIZATION, place, annotations);
    },
  };
}

const named = ({ namespace, name }: Place): Place => ({ namespace, name });

/** Null where it reads something else than a GitRepository. */
export function repositoryOf(
  source: { readonly kind: string; readonly name: string; readonly namespace?: string | undefined } | undefined,
  { namespace }: Place,
): Place | null {
  if (source?.kind !== REPOSITORY.title || source.name === "") return null;
  return { namespace: source.namespace ?? namespace, name: source.name };
}

type State = Pick<GitOpsState, "isReady" | "reason" | "message">;

function fluxState({ metadata, status, spec }: z.infer<typeof repositorySchema>): State {
  if (spec.suspend === true) return { isReady: false, reason: "Suspended", message: "somebody suspended it" };
  const ready = status.conditions.find(({ type }) => type === "Ready");
  const isSeen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  if (ready === undefined || !isSeen) return { isReady: null, reason: "", message: "" };
  const isReady = ready.status === "True" ? true : ready.status === "False" ? false : null;
  return { isReady, reason: ready.reason, message: ready.message };
}

/** The first of what is wrong: an error that it lists, the last sync, what differs, what is not healthy. */
function argoState({ sync, health, operationState, conditions }: z.infer<typeof argoSchema>["status"]): State {
  const error = conditions.find(({ type }) => type.endsWith("Error"));
  if (error !== undefined) return { isReady: false, reason: error.type, message: error.message };
  const { phase, message } = operationState;
  if (phase === "Failed" || phase === "Error") return { isReady: false, reason: phase, message };
  if (phase === "Running") return { isReady: null, reason: phase, message };
  if (health.status === "Degraded") return { isReady: false, reason: health.status, message: health.message };
  if (sync.status === "Synced") return { isReady: true, reason: sync.status, message: "" };
  return { isReady: sync.status === "OutOfSync" ? false : null, reason: sync.status, message: "" };
}
