/** How Flux or Argo CD is set to apply what the agent commits: what it reads, as whom it applies, whether it decrypts. */

import { z } from "zod";
import type { Right } from "./access-reviews.js";
import type { SendCall } from "./calls.js";
import { type CustomKind, createCustomObjects } from "./custom-objects.js";
import { ARGO_APPLICATION, KUSTOMIZATION, REPOSITORY, repositoryOf } from "./gitops.js";
import type { Place } from "./objects.js";

export interface Wiring {
  /** As people name it: Kustomization, Argo CD Application. */
  readonly kind: string;
  /** Folders of the repository that it applies, as it names them; "" for its root. */
  readonly paths: readonly string[];
  /** Where it reads each of them, in the same order. */
  readonly sources: readonly WiredSource[];
  /** What Flux reads by, as `GitRepository flux-system/clusters`; null with Argo CD, which reads by itself. Looked for as a GitRepository alone. */
  readonly reads: { readonly name: string; readonly isGit: boolean; readonly isThere: boolean } | null;
  /** It opens what is sealed for SOPS, as far as can be told. */
  readonly decrypts: boolean;
  /** The service account that it applies as; null for its own. */
  readonly account: Place | null;
  /** What is needed to ask it to look at Git now. */
  readonly asking: readonly Right[];
}

/** What is not said, or not of Git, is null. */
export interface WiredSource {
  readonly url: string | null;
  /** A branch, or a tag, a range of versions or a commit; null also where it is the host's default branch. */
  readonly revision: string | null;
}

/** Null where there is no such object. */
export type FindWiring = (kind: "flux" | "argocd", place: Place) => Promise<Wiring | null>;

// What cannot be read counts as not there: a version of them that says it otherwise is no failure of ours.
const word = z.string().optional().catch(undefined);
const sourceRef = z.object({ kind: z.string(), name: z.string(), namespace: word }).optional().catch(undefined);
const kustomization = z.object({
  metadata: z.object({}),
  spec: z
    .object({
      path: word,
      serviceAccountName: word,
      decryption: z.object({ provider: word }).optional().catch(undefined),
      sourceRef,
    })
    .catch({}),
});
const ref = z.object({ branch: word, tag: word, semver: word, name: word, commit: word });
const gitRepository = z.object({
  metadata: z.object({}),
  spec: z.object({ url: word, ref: ref.optional().catch(undefined) }).catch({}),
});
const source = z.object({
  path: word,
  repoURL: word,
  targetRevision: word,
  ref: word,
  chart: word,
  plugin: z.looseObject({}).optional().catch(undefined),
});
const argoApplication = z.object({
  metadata: z.object({}),
  spec: z
    .object({ source: source.optional().catch(undefined), sources: z.array(source).optional().catch(undefined) })
    .catch({}),
});

export function createWiring(send: SendCall): FindWiring {
  const custom = createCustomObjects(send);
  return async (kind, place) => {
    if (kind === "argocd") {
      const found = await custom.get(ARGO_APPLICATION, place, argoApplication);
      if (found === null) return null;
      const all = found.spec.sources ?? (found.spec.source === undefined ? [] : [found.spec.source]);
      // Without a path, one that others refer to applies nothing, and a chart no folder.
      const sources = all.filter(({ path, ref, chart }) => path !== undefined || (ref ?? chart) === undefined);
      return {
        kind: ARGO_APPLICATION.title,
        paths: sources.map(({ path }) => path ?? ""),
        sources: sources.map(({ repoURL, targetRevision }) => ({
          url: repoURL ?? null,
          revision: targetRevision === undefined || targetRevision === "HEAD" ? null : branchOf(targetRevision),
        })),
        reads: null,
        decrypts: sources.some(({ plugin }) => plugin !== undefined),
        account: null,
        asking: [toPatch(ARGO_APPLICATION, place)],
      };
    }
    const found = await custom.get(KUSTOMIZATION, place, kustomization);
    if (found === null) return null;
    const { path, decryption, serviceAccountName, sourceRef: reference } = found.spec;
    const repository = repositoryOf(reference, place);
    const read = repository && (await custom.get(REPOSITORY, repository, gitRepository));
    return {
      kind: KUSTOMIZATION.title,
      paths: [path ?? ""],
      sources: [read ? sourceOf(read.spec) : { url: null, revision: null }],
      reads: { name: nameOf(reference, place), isGit: repository !== null, isThere: read !== null },
      decrypts: decryption?.provider === "sops",
      account: serviceAccountName === undefined ? null : { namespace: place.namespace, name: serviceAccountName },
      asking: [toPatch(KUSTOMIZATION, place), ...(repository === null ? [] : [toPatch(REPOSITORY, repository)])],
    };
  };
}

const nameOf = (reference: z.infer<typeof sourceRef>, place: Place) =>
  reference === undefined ? "nothing" : `${reference.kind} ${reference.namespace ?? place.namespace}/${reference.name}`;

/** As Flux takes the one that counts, where more than one is said. */
function sourceOf({ url, ref: said }: z.infer<typeof gitRepository>["spec"]): WiredSource {
  if (url === undefined) return { url: null, revision: null };
  const { commit, name, semver, tag, branch } = said ?? {};
  return { url, revision: branchOf(commit ?? name ?? semver ?? tag ?? branch ?? "master") };
}

const branchOf = (revision: string) => revision.replace(/^refs\/heads\//, "");

const toPatch = ({ group, plural }: CustomKind, { namespace, name }: Place): Right => ({
  verb: "patch",
  group,
  resource: plural,
  namespace,
  name,
});
