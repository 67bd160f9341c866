/** `applications.admission: dry-run`: what a cycle would write is tried against the API server before it is committed. */

import { isForbidden, openCluster } from "./adapters/kubernetes/index.js";
import type { Base } from "./base/index.js";
import type { Clock } from "./common/clock.js";
import { inOtherWords } from "./common/failure.js";
import { inParallel } from "./common/in-parallel.js";
import type { Config } from "./config/index.js";
import type { Snapshot } from "./fetch/index.js";
import type { SetAside } from "./model/index.js";
import { refusalMessage } from "./refusal-words.js";
import type { RenderedApplication } from "./render/index.js";
import { createWordsGate, type OpenObject, openObjects, type SealedApplication } from "./seal/index.js";
import type { Environment } from "./setup.js";

export interface Submission {
  readonly snapshot: Snapshot;
  readonly base: Base;
  readonly rendered: readonly RenderedApplication[];
  readonly sealed: readonly SealedApplication[];
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Admitted {
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
}

/**
 * Lets pass what the API server takes, and sets aside (`RefusedByAdmission`) each Application of which it refuses an
 * object, or that has one of a further kind that may not be tried. Throws a `ClusterFailure` where it cannot be asked: who wants the check wants no commit without it.
 */
export type Admit = (submission: Submission) => Promise<Admitted>;

export interface AdmissionOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** For one cycle: what it answered holds while the cycle goes back to the base. Asks nobody where admission is off. */
export function openAdmission({ config, env, clock, signal }: AdmissionOptions): Admit {
  const { admission, admissionAs } = config.applications;
  if (admission === "off") return async ({ sealed }) => ({ applications: sealed, setAside: [] });
  const asUser = admissionAs === null ? null : `system:serviceaccount:${admissionAs.namespace}:${admissionAs.name}`;
  const cluster = openCluster({ env, stage: "plan", clock, signal, ...(asUser === null ? {} : { asUser }) });
  /** By path and intent, so that a Secret that is sealed once more is not tried once more. */
  const answered = new Map<string, Promise<string | null>>();
  const ask = (open: OpenObject, { application }: SealedApplication) => {
    const answer = () => cluster.tryApply(open).catch((thrown: unknown) => withoutRight(thrown, open, asUser));
    // Without an intent nothing tells whether it is the same.
    if (application.intent === null) return answer();
    const key = `${open.path}\0${application.intent}\0${JSON.stringify(open.object)}`;
    const known = answered.get(key) ?? answer();
    answered.set(key, known);
    return known;
  };

  return async ({ snapshot, base, rendered, sealed, onProgress }) => {
    const sources = new Map(snapshot.applications.map((source) => [source.id, source]));
    const manifests = new Map(rendered.map((each) => [each.application.id, each]));
    const changed = sealed.flatMap((each) => {
      const { id } = each.application;
      const [source, own] = [sources.get(id), manifests.get(id)];
      const objects = source && own ? openObjects({ rendered: own, sealed: each, source, base }) : [];
      return objects.length === 0 ? [] : [{ each, objects }];
    });
    if (changed.length === 0) return { applications: sealed, setAside: [] };
    const holdsValue = createWordsGate(snapshot);
    const refused = new Map<string, SetAside>();
    let done = 0;
    await inParallel(changed, async ({ each, objects }) => {
      signal.throwIfAborted();
      const refusal = await firstRefusal(objects, (open) => ask(open, each));
      onProgress?.(++done, changed.length);
      if (refusal === null) return;
      const { open, words } = refusal;
      const { name, id } = each.application;
      const { kind, metadata } = open.object;
      const told = { kind, name: metadata.name, words, values: open.data?.values() ?? [] };
      const message = refusalMessage(told, holdsValue);
      refused.set(id, { name, id, reason: "RefusedByAdmission", message });
    });
    return {
      applications: sealed.filter(({ application }) => !refused.has(application.id)),
      setAside: [...refused.values()],
    };
  };
}

async function firstRefusal(objects: readonly OpenObject[], ask: (open: OpenObject) => Promise<string | null>) {
  for (const open of objects) {
    const words = await ask(open);
    if (words !== null) return { open, words };
  }
  return null;
}

/** Of what is not in every Application, only those wait for the right that have it. */
function withoutRight(thrown: unknown, { object }: OpenObject, asUser: string | null): string {
  // Who may not be impersonated tries nothing at all.
  const isOfKind = isForbidden(thrown) && !/\bcannot impersonate\b/.test(thrown.message);
  if (!isOfKind || ALWAYS.has(object.kind)) throw worded(thrown, asUser);
  const [who, as] = asUser === null ? ["the agent's account", ""] : ["that service account", `, as ${asUser}`];
  return `${thrown.message}${as}; give ${who} create and patch on it`;
}

/** Kinds that `install` and deploy/admission.yaml give the right to try. */
const ALWAYS: ReadonlySet<string> = new Set(["Application", "Secret"]);

function worded(thrown: unknown, asUser: string | null): unknown {
  if (!isForbidden(thrown)) return thrown;
  const off = "or set applications.admission: off.";
  if (asUser === null) {
    const hint = `Apply deploy/admission.yaml, which lets the agent try Applications and Secrets without storing them; ${off}`;
    return inOtherWords(thrown, thrown.message, hint);
  }
  const hint = `Give the agent's account the verb impersonate on that service account, and that one the verbs create and patch on what it applies; ${off}`;
  return inOtherWords(thrown, `${thrown.message}, as ${asUser}`, hint);
}
