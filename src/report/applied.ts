/** Whether what stands on the target branch was applied in the cluster, and what speaks against it. Pure. */

import { applicationOf, applicationPath, type InventoryFile, isSecretPath, secretNameOf } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { CANARY_PATH } from "../render/index.js";

/** What the target branch holds, as far as it can be seen again in a cluster. */
export interface AppliedTarget {
  /** Of the revision. */
  readonly digest: string;
  /** Digest of each Application by name; null where only that it is there can be told. */
  readonly applications: ReadonlyMap<string, string | null>;
  /** Names of the Secrets, the canary's not among them. */
  readonly secrets: ReadonlySet<string>;
  /** Names of Applications that the agent took from there: of any other it does not know whose it is. */
  readonly deleted: ReadonlySet<string>;
  readonly hasCanary: boolean;
}

export type CanaryState = "equal" | "different" | "absent" | "unreadable";

/** Who applies, and what they say. */
export interface AppliedBy {
  /** As people name it: Kustomization, GitRepository, Argo CD Application. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly reason: string;
  readonly message: string;
}

/** What the cluster showed. */
export interface AppliedView {
  /** The digest in the ConfigMap; null when it is not there. */
  readonly revision: string | null;
  /** The digest that each Application carries, null for none; null when they were not asked for. */
  readonly applications: ReadonlyMap<string, string | null> | null;
  /** Null for a SealedSecret that its controller has not looked at; not there: there is none. Null when nobody asked. */
  readonly sealedSecrets: ReadonlyMap<string, { readonly isUnsealed: boolean | null; readonly message: string }> | null;
  /** Null when nobody asked. */
  readonly canary: CanaryState | null;
  /** The first of those who apply that is not well; null when all are, or nobody asked. */
  readonly controller: AppliedBy | null;
}

export interface Applied {
  /** What is applied is what is on the target branch. */
  readonly current: boolean;
  /** Names of Applications that are not there or are another version, sorted. */
  readonly missing: readonly string[];
  /** Names of the agent's Applications that are there though Git does not hold them any more, sorted. */
  readonly remaining: readonly string[];
  /** The digest that the cluster shows; null for none. */
  readonly revision: string | null;
  /** When the cluster was asked, ISO 8601. */
  readonly at: string;
  /** Since when it is not current, ISO 8601; null when it is. */
  readonly since: string | null;
  readonly controller: AppliedBy | null;
  readonly canary: CanaryState | null;
  /** Secrets that were not unsealed, sorted by name. */
  readonly unsealed: readonly { readonly name: string; readonly message: string }[];
}

/** Characters of somebody's words: looked through whole, and then told as far as a sentence goes. */
const [WORDS, SENTENCE] = [64_000, 500];

export function appliedTarget(
  digest: string,
  files: readonly InventoryFile[],
  deleted: ReadonlySet<string>,
): AppliedTarget {
  const there = files.filter(({ absent }) => absent !== true);
  const applications = there.flatMap(({ path, digest: own, written }) => {
    const name = applicationOf(path) ?? "";
    // Where a person's bytes stand, the agent cannot tell what they carry.
    return path === applicationPath(name) ? [[name, (written === undefined ? own : null) ?? null] as const] : [];
  });
  const paths = there.map(({ path }) => path);
  return {
    digest,
    applications: new Map(applications),
    secrets: new Set(paths.filter(isSecretPath).map(secretNameOf)),
    deleted,
    hasCanary: paths.includes(CANARY_PATH),
  };
}

/** `since` is since when it was not applied, as it was known before. */
export function judgeApplied(target: AppliedTarget, view: AppliedView, since: string | null, now: Date): Applied {
  const { revision, canary, controller } = view;
  const missing = [...target.applications]
    .filter(([name, digest]) => {
      if (view.applications === null) return false;
      const shown = view.applications.get(name);
      return shown === undefined || (digest !== null && shown !== digest);
    })
    .map(([name]) => name)
    .sort();
  // Who applies the revision prunes after that, and may be refused.
  const remaining = [...(view.applications ?? [])]
    .filter(([name, shown]) => shown !== null && target.deleted.has(name) && !target.applications.has(name))
    .map(([name]) => name)
    .sort();
  const unsealed = [...(view.sealedSecrets === null ? [] : target.secrets)].flatMap((name) => {
    const found = view.sealedSecrets?.get(name);
    return found?.isUnsealed === true ? [] : [{ name, message: forTerminal(found?.message ?? "", WORDS) }];
  });
  const isCanaryWell = canary !== "different" && canary !== "absent";
  const isComplete = view.applications !== null && missing.length + remaining.length + unsealed.length === 0;
  const current = revision === target.digest && isComplete && isCanaryWell;
  return {
    current,
    missing,
    remaining,
    revision: revision === null ? null : forTerminal(revision, 100),
    at: now.toISOString(),
    since: current ? null : (since ?? now.toISOString()),
    // Who is not well though all is applied may have other things to do.
    controller: current ? null : controller && quoted(controller),
    canary,
    unsealed: unsealed.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** What Flux and Argo CD may take when nobody asks them, in milliseconds. */
const USUAL = 5 * 60 * 1000;

/** Whether it is time to tell people: those who apply say that something is wrong, or have taken too long. */
export function isLate({ current, since, at, controller }: Applied): boolean {
  if (current || since === null) return false;
  return controller !== null || Date.parse(at) - Date.parse(since) >= USUAL;
}

const quoted = ({ kind, namespace, name, reason, message }: AppliedBy): AppliedBy => ({
  kind,
  namespace,
  name,
  reason: forTerminal(reason, 63),
  message: forTerminal(message.trim(), WORDS),
});

/** To be told: what was cut before it was looked through could hold the most of a secret value. */
export function inSentences(applied: Applied): Applied {
  const cut = <T extends { readonly message: string }>(said: T): T => ({
    ...said,
    message: said.message.length <= SENTENCE ? said.message : `${said.message.slice(0, SENTENCE - 1)}…`,
  });
  return { ...applied, controller: applied.controller && cut(applied.controller), unsealed: applied.unsealed.map(cut) };
}

/** Names that a sentence has. */
const NAMED = 5;

/** The first of them: names of Kubernetes, which need no quotes. */
function some(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return `${names.slice(0, NAMED).join(", ")}${more}`;
}

/** What is missing and who says why, in one line; "" when all is applied. */
export function notAppliedText({
  current,
  missing,
  remaining,
  revision,
  controller,
  canary,
  unsealed,
}: Applied): string {
  if (current) return "";
  const parts = [
    ...(controller === null ? [] : [controllerText(controller)]),
    ...(missing.length === 0 ? [] : [`not as in Git: ${some(missing)}`]),
    ...(remaining.length === 0 ? [] : [`not in Git any more, and still there: ${some(remaining)}`]),
    ...(unsealed.length === 0 ? [] : [unsealedText(unsealed)]),
    ...(canary === "different" ? ["the canary holds another digest than the revision"] : []),
    ...(canary === "absent" ? ["the canary is not there"] : []),
  ];
  if (parts.length > 0) return parts.join("; ");
  return revision === null
    ? "the cluster shows no revision of it"
    : `the cluster shows the revision ${revision.slice(0, 19)}…`;
}

function controllerText({ kind, namespace, name, reason, message }: AppliedBy): string {
  const said = [reason, message].filter((part) => part !== "").join(": ");
  return `${kind} ${namespace}/${name} says ${said === "" ? "nothing" : said}`;
}

function unsealedText(unsealed: Applied["unsealed"]): string {
  const [first] = unsealed;
  const why = first === undefined || first.message === "" ? "" : ` (${first.message})`;
  return `not unsealed: ${some(unsealed.map(({ name }) => name))}${why}`;
}

/** Of a wait that came to nothing. */
export const notApplied = (applied: Applied, waited: string): Failure =>
  new Failure(`it was not applied within ${waited}: ${notAppliedText(applied)}`, {
    code: "NotApplied",
    stage: "report",
    retryable: true,
    hint: "What is committed stays: look at what Flux or Argo CD says of it; the next sync asks again.",
  });
