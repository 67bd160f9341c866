/** Brings the Secrets of mode `cluster` to the cluster before a commit, and takes away after it what a plan deletes. */

import { isDeepStrictEqual } from "node:util";
import { ClusterFailure, type Heir, openCluster } from "./adapters/kubernetes/index.js";
import { isSecretPath, secretNameOf } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure } from "./common/failure.js";
import { inParallel } from "./common/in-parallel.js";
import { forTerminal } from "./common/quote.js";
import { Secret } from "./common/secret.js";
import { sha256 } from "./common/sha256.js";
import type { Config } from "./config/index.js";
import type { Snapshot } from "./fetch/index.js";
import type { SetAside } from "./model/index.js";
import {
  type ClusterPlace,
  type FoundSecret,
  leftovers,
  type OwnedManifest,
  type Plan,
  placeOf,
} from "./plan/index.js";
import { refusalMessage } from "./refusal-words.js";
import {
  APPLICATION_ANNOTATION,
  createWordsGate,
  KEEP_ANNOTATIONS,
  MANAGED_ANNOTATION,
  RUNTIME_LABEL,
} from "./seal/index.js";
import type { Environment } from "./setup.js";
import type { Memory, State } from "./state/index.js";

export interface ClusterSecretsOptions {
  readonly config: Config;
  readonly state: Pick<State, "memory" | "saveMemory">;
  readonly runtimeID: string;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface ClusterSecrets {
  /**
   * Before the commit: what it refers to is there when it arrives, and what comes to Git is let go of. All of it may be done
   * again, and what this cycle did already is not. `marked` are namespaces where Secrets may carry the agent's marks of which
   * no inventory knows, as where the first commit was refused. Throws a `ClusterFailure` for anything but a refusal.
   */
  bring(plan: Pick<Plan, "cluster" | "rows">, snapshot: Snapshot, marked: readonly string[]): Promise<Brought>;
  /**
   * After the commit, which nothing that happens here can take back: what could not be removed is told in the notes. An
   * agent that is killed before that finds it by its label in a later cycle.
   */
  clear(plan: Plan, memory: Pick<Memory, "missing">): Promise<Cleared>;
}

/** For who proposes: the request is merged by others, and no cycle after that knows of these. */
export const leftByRequest = ({ cluster: { remove } }: Pick<Plan, "cluster">): readonly string[] =>
  remove.length === 0 ? [] : [`once the request is merged, remove these from the cluster by hand: ${named(remove)}`];

export interface Brought {
  /** Applications of which the API server refuses a Secret for what it is. */
  readonly refused: readonly SetAside[];
  readonly notes: readonly string[];
}

export interface Cleared {
  readonly notes: readonly string[];
  /** Of what nobody refers to, for the memory. */
  readonly missing: Memory["missing"];
}

/** How many Secrets a note names. */
const NAMED = 10;

const RIGHTS = "deploy/rbac-cluster-secrets.yaml has the rights that it needs there";

const MARKS = {
  labels: [RUNTIME_LABEL],
  annotations: [APPLICATION_ANNOTATION, ...Object.keys(KEEP_ANNOTATIONS)],
};

/** For one cycle. Opens nothing before there is something to do. */
export function openClusterSecrets(options: ClusterSecretsOptions): ClusterSecrets {
  const { config, state, runtimeID, env, clock, signal } = options;
  const isApplied = config.secrets.mode === "cluster";
  const { appliedSecrets, markedSecrets } = openCluster({ env, stage: "publish", clock, signal });
  const runtime = labelValue(runtimeID);
  const brought = new Map<string, OwnedManifest>();
  /** Namespaces in which some carry the marks that are not in Git, in a mode with files. */
  let left: readonly string[] = [];

  /** Those with our label; what cannot be seen is not removed. */
  const findIn = async (namespaces: readonly string[]) => {
    const found: FoundSecret[] = [];
    const unseen = new Set<string>();
    const reasons: string[] = [];
    await inParallel(namespaces, async (namespace) => {
      try {
        for (const { annotations, ...place } of await markedSecrets(namespace, RUNTIME_LABEL, runtime))
          found.push({ ...place, owner: annotations[APPLICATION_ANNOTATION] ?? null });
      } catch (thrown) {
        unseen.add(namespace);
        reasons.push(reasonOf(thrown));
      }
    });
    return { found, unseen, reasons };
  };

  const rememberMarked = async (namespaces: readonly string[]) => {
    const memory = await state.memory();
    const marked = [...new Set(namespaces)].sort();
    if (!isDeepStrictEqual(marked, memory.marked)) await state.saveMemory({ ...memory, marked });
  };

  /** What stands in Git by now, and still carries the marks; the namespaces where more of it is, or nobody can look, stay remembered. */
  const releaseFound = async (rows: Plan["rows"], namespaces: readonly string[]): Promise<readonly string[]> => {
    const { marked } = await state.memory();
    const inGit = [...rows.values()].filter(({ path, cluster }) => isSecretPath(path) && cluster === undefined);
    const names = new Set(inGit.map(({ path }) => secretNameOf(path)));
    const { found, unseen: all, reasons } = await findIn(namespaces);
    // Where it was a guess that some are, nobody has to look again.
    const unseen = marked.filter((namespace) => all.has(namespace));
    const [given, rest] = [found.filter(({ name }) => names.has(name)), found.filter(({ name }) => !names.has(name))];
    await inParallel(given, (place) => appliedSecrets.release(place, MARKS, heirIn(config)));
    left = rest.map(namespaceOf);
    await rememberMarked([...left, ...unseen]);
    const [why] = reasons.sort();
    return why === undefined || unseen.length === 0
      ? []
      : [
          `Secrets in ${unseen.join(", ")} may still carry marks of secrets.mode cluster, by which nobody else removes them or their keys: ${why}`,
        ];
  };

  return {
    bring: async ({ cluster: { apply, release }, rows }, snapshot, marked) => {
      const namespaces = isApplied ? apply.map(namespaceOf) : [];
      // What an earlier attempt of this cycle applied counts, too.
      const before = namespaces.length === 0 ? marked : (await state.memory()).marked;
      if (namespaces.some((each) => !before.includes(each))) await rememberMarked([...before, ...namespaces]);
      const fresh = apply.filter((manifest) => !isSame(manifest, brought.get(placeOf(manifest))));
      const refused = new Map<string, SetAside>();
      const holdsValue = createWordsGate(snapshot);
      await inParallel(fresh, async (manifest) => {
        const words = await appliedSecrets.apply(withMarks(manifest, runtime));
        brought.set(placeOf(manifest), manifest);
        if (words === null) return;
        const values = [...manifest.data.values()].map(plain);
        const message = refusalMessage({ kind: "Secret", name: manifest.name, words, values }, holdsValue);
        refused.set(manifest.owner.id, { ...manifest.owner, reason: "RefusedByAdmission", message });
      }).catch(async (thrown: unknown) => {
        // Where the agent may not write there is nothing that another mode would have to look for.
        if (brought.size === 0 && isNoAccess(thrown)) await rememberMarked(before);
        throw thrown;
      });
      await inParallel(release, (place) => appliedSecrets.release(place, MARKS, heirIn(config)));
      const notes = isApplied || marked.length === 0 ? [] : await releaseFound(rows, marked);
      return { refused: [...refused.values()], notes };
    },

    clear: async (plan, { missing }) => {
      const { apply, remove } = plan.cluster;
      const own = isApplied ? [config.applications.namespace, ...apply.map(namespaceOf)] : left;
      const namespaces = [...new Set([...own, ...remove.map(namespaceOf)])].sort();
      const { found, unseen, reasons } = await findIn(namespaces);
      const wanted = new Set(remove.map(placeOf));
      const { due, waiting, isOverLimit, ...seen } = leftovers({
        found,
        plan,
        rules: config.deletion,
        missing,
        now: clock.now(),
      });
      const stay: ClusterPlace[] = remove.filter(({ namespace }) => unseen.has(namespace));
      await inParallel([...found.filter((secret) => wanted.has(placeOf(secret))), ...due], async (secret) => {
        try {
          await appliedSecrets.remove(secret, MARKS);
        } catch (thrown) {
          stay.push(secret);
          reasons.push(reasonOf(thrown));
        }
      });
      const [why = ""] = reasons.sort();
      const removed = due.filter((secret) => !stay.includes(secret));
      const notes = [
        ...(stay.length > 0
          ? [`still in the cluster, though nothing refers to it any more: ${named(stay)} (${why}); remove it by hand`]
          : unseen.size > 0
            ? [`what is left behind in the cluster is not looked for: ${why}`]
            : []),
        ...(removed.length > 0
          ? [`removed from the cluster what an earlier cycle had left there: ${named(removed)}`]
          : []),
        ...(isOverLimit
          ? [
              `left in the cluster, since it is more than deletion.limit: ${named(waiting)}; nothing refers to it any more`,
            ]
          : []),
      ];
      return { notes, missing: seen.missing };
    },
  };
}

/** Those that still carry the label of this runtime; throws a `ClusterFailure` where nobody can look. Never of another mode. */
export async function secretsLeft({
  config,
  runtimeID,
  env,
  clock,
  signal,
}: Omit<ClusterSecretsOptions, "state">): Promise<ClusterPlace[]> {
  if (config.secrets.mode !== "cluster") return [];
  const cluster = openCluster({ env, stage: "publish", clock, signal });
  const found = await cluster.markedSecrets(config.applications.namespace, RUNTIME_LABEL, labelValue(runtimeID));
  return found.map(({ name, namespace }) => ({ name, namespace }));
}

/**
 * Who applies the Secrets that come back to Git. The Sealed Secrets controller writes them whole, whoever had what, and
 * refuses what it did not make without its mark.
 */
const heirIn = ({ secrets: { mode }, gitops: { kind } }: Config): Heir => {
  if (mode === "sealed-secrets") return { manager: null, annotations: { [MANAGED_ANNOTATION]: "true" } };
  return { manager: kind === "argocd" ? "argocd-controller" : "kustomize-controller", annotations: {} };
};

const isNoAccess = (thrown: unknown) =>
  thrown instanceof ClusterFailure && (thrown.code === "ClusterForbidden" || thrown.code === "ClusterAuthentication");

const namespaceOf = ({ namespace }: ClusterPlace) => namespace;

/** A label has at most 63 characters, and not every one; a recording's runtime may have any id. */
const labelValue = (id: string) =>
  /^[0-9A-Za-z](?:[0-9A-Za-z._-]{0,61}[0-9A-Za-z])?$/.test(id) ? id : sha256(id).slice(0, 32);

const plain = (value: Secret) => Secret.of(Buffer.from(value.reveal(), "base64").toString());

function withMarks({ object, owner, ...rest }: OwnedManifest, runtime: string) {
  const { metadata } = object;
  const labels = { ...metadata.labels, [RUNTIME_LABEL]: runtime };
  const annotations = { ...metadata.annotations, [APPLICATION_ANNOTATION]: owner.id };
  return { ...rest, object: { ...object, metadata: { ...metadata, labels, annotations } } };
}

const isSame = ({ object, data }: OwnedManifest, other: OwnedManifest | undefined) =>
  other !== undefined &&
  JSON.stringify(object) === JSON.stringify(other.object) &&
  data.size === other.data.size &&
  [...data].every(([key, value]) => other.data.get(key)?.equals(value) === true);

const reasonOf = (thrown: unknown) => {
  const { message } = asFailure(thrown, "publish");
  return thrown instanceof ClusterFailure && thrown.code === "ClusterForbidden" ? `${message}; ${RIGHTS}` : message;
};

export function named(places: readonly ClusterPlace[]): string {
  const names = places.map((place) => forTerminal(placeOf(place), 320)).sort();
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return `${names.slice(0, NAMED).join(", ")}${more}`;
}
