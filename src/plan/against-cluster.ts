/** What the agent would write, compared with what is in the cluster, object by object and field by field. Pure. */

import { isDeepStrictEqual } from "node:util";
import type { ListedApplication, ListedSecret } from "../adapters/kubernetes/index.js";
import { DIGEST_ANNOTATION } from "../base/index.js";
import { equalSecrets } from "../common/same.js";
import type { KubernetesObject } from "../render/index.js";

/** Why the agent's object differs from the Go agent's on purpose. Documented in docs/tutorials/move-over.md. */
export type DocumentedDifference =
  | "OwnAnnotation"
  | "OwnerReference"
  | "SortedClientIDs"
  | "MissingSecret"
  | "EmptyParameters"
  | "UnusedSecret"
  | "InvalidName"
  | "ReplacedCharacters"
  | "NotOurs";

export interface ClusterDifference {
  /** Of the field; "" for the object as a whole. */
  readonly path: string;
  readonly documented: boolean;
  /** Null for what is not documented. */
  readonly reason: DocumentedDifference | null;
  /** Null where there is none. A Secret's values are masked. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface ComparedObject {
  readonly kind: "Application" | "Secret";
  /** Null for an Application, which is in none. */
  readonly namespace: string | null;
  readonly name: string;
  readonly change: "same" | "create" | "update" | "only-in-cluster";
  readonly differences: readonly ClusterDifference[];
}

export interface Comparison {
  /** Applications and Secrets as they would be written, data in base64; "" for a value that a recording left out. */
  readonly wanted: readonly KubernetesObject[];
  readonly applications: readonly ListedApplication[];
  readonly secrets: readonly ListedSecret[];
  /** Names that are set aside, with the reason. */
  readonly setAside: ReadonlyMap<string, string>;
}

const MASK = "••••••••";

/** Applications first, each kind by name. */
export function compareWithCluster(comparison: Comparison): ComparedObject[] {
  const { wanted, applications, secrets, setAside } = comparison;
  const ours = applications.filter(({ spec }) => isRecord(spec.compassMetadata));
  const live = liveOf(applications, secrets);
  const byName = new Map(applications.map((each) => [each.name, each]));
  const bySecret = new Map(secrets.map((each) => [`${each.namespace}/${each.name}`, each]));
  const wantedApplications = wanted.filter(({ kind }) => kind === "Application");
  const wantedSecrets = wanted.filter(({ kind }) => kind === "Secret");
  const names = new Set(wantedApplications.map(({ metadata }) => metadata.name));
  const secretNames = new Set(wantedSecrets.map(placeOf));
  return [
    ...wantedApplications.map((object) => compareApplication(object, byName.get(object.metadata.name) ?? null, live)),
    ...ours
      .filter(({ name }) => !names.has(name))
      .map(({ name }) =>
        onlyThere(
          { kind: "Application", namespace: null, name },
          setAside.get(name) === "InvalidName" ? "InvalidName" : null,
        ),
      ),
    ...wantedSecrets.map((object) => compareSecret(object, bySecret.get(placeOf(object)) ?? null)),
    ...secrets
      .filter(({ namespace, name }) => !secretNames.has(`${namespace}/${name}`))
      .map((secret) => {
        const { namespace, name } = secret;
        return onlyThere({ kind: "Secret", namespace, name }, whyNotWritten(secret, comparison, live));
      }),
  ].sort(byKindAndName);
}

const placeOf = ({ metadata }: KubernetesObject) => `${metadata.namespace ?? ""}/${metadata.name}`;

const byKindAndName = (a: ComparedObject, b: ComparedObject) => {
  const [one, other] = [a, b].map(({ kind, name }) => `${kind} ${name}`) as [string, string];
  return one < other ? -1 : one > other ? 1 : 0;
};

/** What Secrets are there, and which of them an API entry refers to. */
interface Live {
  readonly isThere: (name: string) => boolean;
  readonly isUsed: (name: string) => boolean;
  /** True for one that is not there, or has nothing in it but empty objects. */
  readonly isEmpty: (name: string) => boolean;
}

function liveOf(applications: readonly ListedApplication[], secrets: readonly ListedSecret[]): Live {
  const byName = new Map(secrets.map((each) => [each.name, each]));
  const used = new Set(applications.flatMap(({ spec }) => secretsOf(spec)));
  return {
    isThere: (name) => byName.has(name),
    isUsed: (name) => used.has(name),
    isEmpty: (name) => {
      const secret = byName.get(name);
      return secret === undefined || holdsNothing(secret);
    },
  };
}

/** Names of the Secrets that an Application's entries refer to. */
export function secretsOf(spec: unknown): string[] {
  const entries = listOf(recordOf(spec).services).flatMap((service) => listOf(recordOf(service).entries));
  return entries.flatMap((entry) => {
    const { credentials, requestParametersSecretName } = recordOf(entry);
    const names = [recordOf(credentials).secretName, requestParametersSecretName];
    return names.filter((name): name is string => typeof name === "string" && name !== "");
  });
}

const holdsNothing = ({ data }: ListedSecret) => [...data.keys()].every((key) => isEmptyObject(key, data));

/** Parameters that are an empty object. */
function isEmptyObject(key: string, data: ListedSecret["data"]): boolean {
  const value = data.get(key);
  if (value === undefined || (key !== "headers" && key !== "queryParameters")) return false;
  return Buffer.from(value.reveal(), "base64").toString("utf8").trim() === "{}";
}

function whyNotWritten(secret: ListedSecret, { setAside }: Comparison, live: Live): DocumentedDifference | null {
  if (setAside.get(secret.labels.app ?? "") === "InvalidName") return "InvalidName";
  if (secret.data.size > 0 && holdsNothing(secret)) return "EmptyParameters";
  return live.isUsed(secret.name) ? null : "UnusedSecret";
}

type Named = Pick<ComparedObject, "kind" | "namespace" | "name">;

const difference = (
  path: string,
  before: unknown,
  after: unknown,
  reason: DocumentedDifference | null = null,
): ClusterDifference => ({ path, documented: reason !== null, reason, before: before ?? null, after: after ?? null });

const onlyThere = (named: Named, reason: DocumentedDifference | null): ComparedObject => ({
  ...named,
  change: "only-in-cluster",
  differences: [difference("", null, null, reason)],
});

const compared = (named: Named, differences: readonly ClusterDifference[]): ComparedObject => ({
  ...named,
  change: differences.length === 0 ? "same" : "update",
  differences,
});

const created = (named: Named): ComparedObject => ({
  ...named,
  change: "create",
  differences: [difference("", null, null)],
});

function compareApplication(object: KubernetesObject, found: ListedApplication | null, live: Live): ComparedObject {
  const named = { kind: "Application", namespace: null, name: object.metadata.name } as const;
  if (found === null) return created(named);
  return compared(named, [
    ...compareMetadata(object, found),
    ...compareValues("spec", found.spec, object.spec, { live, isInList: false }),
  ]);
}

function compareSecret(object: KubernetesObject, found: ListedSecret | null): ComparedObject {
  const named = { kind: "Secret", namespace: object.metadata.namespace ?? "", name: object.metadata.name } as const;
  if (found === null) return created(named);
  const wanted = recordOf(object.data);
  const owners = found.owners.map(({ kind, name }) => `${kind} ${name}`);
  return compared(named, [
    ...compareMetadata(object, found),
    ...(owners.length === 0 ? [] : [difference("metadata.ownerReferences", owners, null, "OwnerReference")]),
    ...(object.type === found.type ? [] : [difference("type", found.type, object.type)]),
    ...Object.entries(wanted).flatMap(([key, value]) => {
      const before = found.data.get(key);
      // What a recording left out counts as unchanged.
      if (value === "" || (typeof value === "string" && equalSecrets(before?.reveal(), value))) return [];
      return [difference(pathTo("data", key), before === undefined ? null : MASK, MASK)];
    }),
    ...[...found.data.keys()]
      .filter((key) => !Object.hasOwn(wanted, key))
      .map((key) =>
        difference(pathTo("data", key), MASK, null, isEmptyObject(key, found.data) ? "EmptyParameters" : "NotOurs"),
      ),
  ]);
}

/** Annotations that the agent alone writes, whatever the templates add. */
const OWN_ANNOTATIONS = new Set([DIGEST_ANNOTATION, "kustomize.toolkit.fluxcd.io/substitute"]);

/** Only what the agent writes: labels and annotations of others stay. */
function compareMetadata(
  { metadata }: KubernetesObject,
  found: Pick<ListedApplication, "labels" | "annotations">,
): ClusterDifference[] {
  const pairs = [
    ["labels", metadata.labels ?? {}, found.labels],
    ["annotations", metadata.annotations ?? {}, found.annotations],
  ] as const;
  return pairs.flatMap(([field, wanted, there]) =>
    Object.entries(wanted).flatMap(([key, value]) => {
      const before = Object.hasOwn(there, key) ? there[key] : undefined;
      if (before === value) return [];
      const isOwn = field === "annotations" && OWN_ANNOTATIONS.has(key);
      return [difference(pathTo(`metadata.${field}`, key), before, value, isOwn ? "OwnAnnotation" : null)];
    }),
  );
}

interface Within {
  readonly live: Live;
  /** A list is replaced as a whole: what others wrote into it does not stay. */
  readonly isInList: boolean;
}

function compareValues(path: string, before: unknown, after: unknown, within: Within): ClusterDifference[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isRecord(before) && isRecord(after)) return compareRecords(path, before, after, within);
  if (Array.isArray(before) && Array.isArray(after)) return compareLists(path, before, after, within);
  return [difference(path, before, after, reasonOf(before, after))];
}

/** Prose in which the characters were replaced that consumers refuse. */
function reasonOf(before: unknown, after: unknown): DocumentedDifference | null {
  if (typeof before !== "string" || typeof after !== "string" || !after.includes("\ufffd")) return null;
  const [one, other] = [[...before], [...after]];
  const isReplaced = one.length === other.length && other.every((each, at) => each === "\ufffd" || each === one[at]);
  return isReplaced ? "ReplacedCharacters" : null;
}

function compareRecords(path: string, before: Fields, after: Fields, within: Within): ClusterDifference[] {
  const { live, isInList } = within;
  const referred = recordOf(before.credentials).secretName;
  return [...new Set([...Object.keys(after), ...Object.keys(before)])].flatMap((key) => {
    const [was, is] = [fieldOf(before, key), fieldOf(after, key)];
    const at = pathTo(path, key);
    if (key === "credentials" && isInList && typeof referred === "string" && referred !== "") {
      const isGone = recordOf(is).secretName === "" && recordOf(is).type === "" && !live.isThere(referred);
      if (isGone) return [difference(at, was, is, "MissingSecret")];
    }
    if (key === "requestParametersSecretName" && is === undefined && typeof was === "string" && live.isEmpty(was)) {
      return [difference(at, was, null, "EmptyParameters")];
    }
    if (is === undefined) return [difference(at, was, null, isInList ? null : "NotOurs")];
    if (key === "clientIds" && isSameSet(was, is)) {
      return isDeepStrictEqual(was, is) ? [] : [difference(at, was, is, "SortedClientIDs")];
    }
    return compareValues(at, was, is, within);
  });
}

function compareLists(path: string, before: readonly unknown[], after: readonly unknown[], within: Within) {
  const inside = { ...within, isInList: true };
  const [there, wanted] = [idsOf(before), idsOf(after)];
  // What has no ids of its own is compared as it stands.
  if (there === null || wanted === null) return [difference(path, before, after)];
  return [...new Set([...wanted.keys(), ...there.keys()])].flatMap((id) => {
    const [was, is] = [there.get(id), wanted.get(id)];
    const at = `${path}[${id}]`;
    return was === undefined || is === undefined ? [difference(at, was, is)] : compareValues(at, was, is, inside);
  });
}

/** Items by their ids; null where one has none, or two have the same. */
function idsOf(list: readonly unknown[]): Map<string, unknown> | null {
  const byID = new Map<string, unknown>();
  for (const item of list) {
    const { id } = recordOf(item);
    if (typeof id !== "string" || byID.has(id)) return null;
    byID.set(id, item);
  }
  return byID;
}

const isSameSet = (one: unknown, other: unknown) =>
  Array.isArray(one) && Array.isArray(other) && isDeepStrictEqual([...one].sort(), [...other].sort());

const pathTo = (path: string, key: string) => (/^[A-Za-z0-9_-]+$/.test(key) ? `${path}.${key}` : `${path}["${key}"]`);

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const recordOf = (value: unknown): Fields => (isRecord(value) ? value : {});
const fieldOf = (record: Fields, key: string): unknown => (Object.hasOwn(record, key) ? record[key] : undefined);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
