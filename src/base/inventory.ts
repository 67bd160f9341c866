/** The list of files that are ours, as it stands in Git: one line per file, and a code that only our key can make. */

import { createHmac, hkdfSync } from "node:crypto";
import { z } from "zod";
import { equalSecrets } from "../common/same.js";
import type { DeletionRecord } from "../state/index.js";

export const INVENTORY_PATH = ".runtime-agent/inventory.json";

/** Largest inventory that is read, in bytes. */
export const INVENTORY_LIMIT = 64 * 1024 * 1024;

export interface InventoryFile {
  /** Relative to the agent's path, as in `applications/mp-x/application.yaml`. */
  readonly path: string;
  /** Director's id of the Application that the file belongs to; null for `kustomization.yaml` and the like. */
  readonly id: string | null;
  /** Git's id of the bytes that stand there after the commit. */
  readonly blob: string;
  /** SHA-256 of the same bytes, in hexadecimal digits. */
  readonly sha256: string;
  /** Git's id of the bytes that the agent wrote, where a person's stand in their place. */
  readonly written?: string;
  /** True: a person removed the file, and `drift: preserve` leaves it at that. `blob` is what the agent wrote. */
  readonly absent?: true;
  /** Git's ids of what the agent wrote there before, the latest first. */
  readonly former?: readonly string[];
  /** Digest of what the file was rendered from. */
  readonly input?: string;
  /** Of an Application: the digest that it carries as an annotation, by which it is known again in the cluster. */
  readonly digest?: string;
  /** Keyed fingerprint of a Secret's values. */
  readonly fingerprint?: string;
  /** Of a Secret: keyed name of the mode and the recipients that it was sealed for. */
  readonly sealing?: string;
  /** Of a Secret whose values are sealed one by one: their keyed fingerprints. */
  readonly values?: Readonly<Record<string, string>>;
  /** Beside `values`: the keyed name of the certificate that each was sealed for. */
  readonly certificates?: Readonly<Record<string, string>>;
  /** Of a Secret: what the Application says of it. */
  readonly reference?: SecretReference;
  /** The namespace of a Secret that stands in the cluster and not in Git; `blob` is of what stands for it here. */
  readonly cluster?: string;
}

/** How an Application refers to a Secret; nothing in it is secret. */
export interface SecretReference {
  /** Id of the bundle that the credentials belong to. */
  readonly bundle: string;
  readonly type: "Basic" | "OAuth" | "Parameters";
  /** Keys of its data; empty when they are not known. */
  readonly keys: readonly string[];
  readonly authenticationURL: string | null;
  readonly csrfTokenEndpointURL: string | null;
  /** Hosts that the values are sent to: of the targets and of both endpoints. Sorted. */
  readonly hosts: readonly string[];
  /** Keyed digest of the values; null when it is not known. */
  readonly values: string | null;
}

export interface Inventory {
  /** The runtime id of the agent that owns the path. */
  readonly owner: string;
  /** External tenant of the runtime; null while none is configured. */
  readonly tenant: string | null;
  /** Counts the agent's commits: a lower one than the agent remembers was put back by a person. */
  readonly serial: number;
  /** Of the last day, the oldest first; approved ones are not among them. */
  readonly deletions: readonly DeletionRecord[];
  /** Id of the seal key in use. */
  readonly sealKey: string;
  readonly formerSealKeys: readonly string[];
  readonly files: readonly InventoryFile[];
}

export type InventoryReading =
  | { readonly state: "absent" }
  | { readonly state: "verified"; readonly inventory: Inventory }
  /** Not ours, not whole or not known; the reason repeats nothing of what was read. */
  | {
      readonly state: "unverified";
      readonly reason: string;
      /** Whom the file names as owner, if it can be read that far; not to be relied on. */
      readonly owner: string | null;
      /** Ids of the seal keys that it names, the current one first; not to be relied on either. */
      readonly sealKeys: readonly string[];
      /** The tenant that it names; likewise. */
      readonly tenant: string | null;
      /** What it says of the last day's deletions; null when that cannot be read. Likewise. */
      readonly deletions: readonly DeletionRecord[] | null;
      /** Paths that it lists; null when that cannot be read. Likewise. */
      readonly paths: ReadonlySet<string> | null;
      /** Written by a later version of the agent, as far as it can be told. */
      readonly newer: boolean;
    };

/** A name as Kubernetes allows it, which is what the agent makes folders and files of. */
const NAME = "(?!.*\\.\\.)[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?";

/** Everything the agent ever writes (design, layout). A path outside of it was not written by us. */
const LAYOUT = new RegExp(
  `^(?:kustomization\\.yaml|revision\\.yaml|canary\\.yaml|\\.runtime-agent/\\.(?:gitattributes|sops\\.yaml)` +
    `|applications/${NAME}/(?:application|[a-z]+/${NAME})\\.yaml)$`,
);

const word = z.string().min(1).max(512);
const keyID = z.string().regex(/^[0-9a-f]{16}$/);

const blobID = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);
const endpoint = z.string().nullable();

const referenceSchema = z.strictObject({
  bundle: word,
  type: z.enum(["Basic", "OAuth", "Parameters"]),
  keys: z.array(z.string()),
  authenticationURL: endpoint,
  csrfTokenEndpointURL: endpoint,
  hosts: z.array(z.string()),
  values: word.nullable(),
});

const fileSchema = z.strictObject({
  path: z.string().max(1024).regex(LAYOUT),
  id: word.nullable(),
  blob: blobID,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  written: blobID.optional(),
  absent: z.literal(true).optional(),
  former: z.array(blobID).optional(),
  input: word.optional(),
  digest: word.optional(),
  fingerprint: word.optional(),
  sealing: word.optional(),
  values: z.record(z.string(), word).optional(),
  certificates: z.record(z.string(), word).optional(),
  reference: referenceSchema.optional(),
  cluster: word.optional(),
});

const number = z.int().nonnegative();

const deletionsSchema = z.array(
  z.strictObject({
    serial: number.default(0),
    at: z.iso.datetime(),
    applications: number,
    secrets: number,
    ofApplications: number,
    ofSecrets: number,
  }),
);

const documentSchema = z.strictObject({
  version: z.literal(1),
  owner: word,
  tenant: word.nullable(),
  serial: number,
  deletions: deletionsSchema,
  sealKey: keyID,
  formerSealKeys: z.array(keyID).max(1_000),
  files: z.array(fileSchema).refine((files) => new Set(files.map(({ path }) => path)).size === files.length),
  hmac: z.string().regex(/^[0-9a-f]{64}$/),
});

const headSchema = z.looseObject({
  version: z.unknown(),
  owner: word.nullable().catch(null),
  tenant: word.nullable().catch(null),
  sealKey: keyID.nullable().catch(null),
  formerSealKeys: z.array(keyID).catch([]),
  deletions: deletionsSchema.nullable().catch(null),
  files: z
    .array(z.looseObject({ path: z.string() }))
    .nullable()
    .catch(null),
});

/**
 * Gives the file's bytes: JSON with one line per file, sorted by path, ending with the code. The same inventory always
 * gives the same bytes. Throws a ZodError when it could not be read back.
 */
export function formatInventory(inventory: Inventory, sealKey: Buffer): Buffer {
  const body = formatBody(inventory);
  const hmac = authenticate(body, sealKey);
  documentSchema.parse({ version: 1, ...inventory, hmac });
  return Buffer.from(`${body}"hmac": ${JSON.stringify(hmac)}\n}\n`);
}

/** Reads what stands in Git. Never throws: what does not verify is told apart from what is absent. */
export function readInventory(bytes: Buffer, sealKey: Buffer): InventoryReading {
  if (bytes.length > INVENTORY_LIMIT) return unverified("it is larger than 64 MiB");
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    return unverified("it is not JSON");
  }
  const head = headSchema.safeParse(value);
  if (!head.success) return unverified("it has no version");
  const { version, owner, tenant, sealKey: named, formerSealKeys, deletions, files } = head.data;
  const paths = files && new Set(files.map(({ path }) => path));
  const newer = typeof version === "number" && version > 1;
  const claims = {
    owner,
    tenant,
    sealKeys: [...(named === null ? [] : [named]), ...formerSealKeys],
    deletions,
    paths,
    newer,
  };
  if (version !== 1) return unverified("its version is not known to this agent", claims);
  const document = documentSchema.safeParse(value);
  if (!document.success) {
    // The way to the fault, never the value found there.
    const path = document.error.issues[0]?.path.map((part) => (typeof part === "number" ? part + 1 : part)).join(" ");
    return unverified(`it is not well-formed at ${path === undefined || path === "" ? "the top" : path}`, claims);
  }
  const { version: _version, hmac, ...parsed } = document.data;
  const inventory = parsed as Inventory;
  // Over the values as we would write them, so that a formatter run by somebody's commit hook does no harm.
  const expected = authenticate(formatBody(inventory), sealKey);
  if (!equalSecrets(expected, hmac)) {
    return unverified("it was not written with this agent's seal key, or was changed since", claims);
  }
  return { state: "verified", inventory };
}

/**
 * What the file says, whoever wrote it: the code at its end is not looked at. For those who have no seal key. Null when it is
 * no inventory of this version.
 */
export function inventoryAsItStands(bytes: Buffer): Inventory | null {
  if (bytes.length > INVENTORY_LIMIT) return null;
  try {
    const { version: _version, hmac: _hmac, ...inventory } = documentSchema.parse(JSON.parse(bytes.toString("utf8")));
    return inventory as Inventory;
  } catch {
    return null;
  }
}

/** A short public name of a seal key, which tells nothing about it. */
export function sealKeyID(sealKey: Buffer): string {
  return createHmac("sha256", sealKey).update("runtime-agent/seal-key-id/v1").digest("hex").slice(0, 16);
}

type Unverified = Extract<InventoryReading, { state: "unverified" }>;

const NO_CLAIMS = { owner: null, tenant: null, sealKeys: [], deletions: null, paths: null, newer: false };

const unverified = (reason: string, claims: Omit<Unverified, "state" | "reason"> = NO_CLAIMS): InventoryReading => ({
  state: "unverified",
  reason,
  ...claims,
});

/** The name of the Application whose folder a path is in; null for the files over all of them. */
export const applicationOf = (path: string): string | null => /^applications\/([^/]+)\//.exec(path)?.[1] ?? null;

/** Where the Application itself stands in its folder. */
export const applicationPath = (name: string): string => `applications/${name}/application.yaml`;

/** The name of the Secret at a path. */
export const secretNameOf = (path: string): string => path.replace(/^.*\/|\.yaml$/g, "");

/** True for the place of a sealed or readable Secret of an Application. */
export const isSecretPath = (path: string): boolean => /^applications\/[^/]+\/secrets\//.test(path);

/** Secrets that a verified inventory knows to stand in the cluster, by path: they are listed as if they stood in Git. */
export function inCluster(
  reading: InventoryReading,
  listing: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const files = reading.state === "verified" ? reading.inventory.files : [];
  return new Map(
    files.flatMap(({ path, blob, cluster }) => (cluster === undefined || listing.has(path) ? [] : [[path, blob]])),
  );
}

/** True for a path that the agent may write: everything it owns has one. */
export function isInLayout(path: string): boolean {
  return LAYOUT.test(path);
}

/** All that the code covers: the document up to its last line. */
function formatBody({ owner, tenant, serial, deletions, sealKey, formerSealKeys, files }: Inventory): string {
  const lines = [...files]
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    // The order of the keys is fixed here; what is undefined is left out.
    .map(
      ({
        path,
        id,
        blob,
        sha256,
        written,
        absent,
        former,
        input,
        digest,
        fingerprint,
        sealing,
        values,
        certificates,
        reference,
        cluster,
      }) =>
        JSON.stringify({
          path,
          id,
          blob,
          sha256,
          written,
          absent,
          former,
          input,
          digest,
          fingerprint,
          sealing,
          values: sorted(values),
          certificates: sorted(certificates),
          reference: ordered(reference),
          cluster,
        }),
    );
  return [
    "{",
    '"version": 1,',
    `"owner": ${JSON.stringify(owner)},`,
    `"tenant": ${JSON.stringify(tenant)},`,
    `"serial": ${JSON.stringify(serial)},`,
    `"deletions": ${JSON.stringify(deletions.map(orderedRecord))},`,
    `"sealKey": ${JSON.stringify(sealKey)},`,
    `"formerSealKeys": ${JSON.stringify(formerSealKeys)},`,
    lines.length === 0 ? '"files": [],' : `"files": [\n${lines.join(",\n")}\n],`,
    "",
  ].join("\n");
}

const byKey = ([left]: readonly [string, string], [right]: readonly [string, string]) => (left < right ? -1 : 1);

const sorted = (record: Readonly<Record<string, string>> | undefined) =>
  record === undefined ? undefined : Object.fromEntries(Object.entries(record).sort(byKey));

const ordered = (reference: SecretReference | undefined) => {
  if (reference === undefined) return undefined;
  const { bundle, type, keys, authenticationURL, csrfTokenEndpointURL, hosts, values } = reference;
  return { bundle, type, keys, authenticationURL, csrfTokenEndpointURL, hosts, values };
};

const orderedRecord = ({ serial, at, applications, secrets, ofApplications, ofSecrets }: DeletionRecord) => ({
  // As it was read, where it told of none.
  ...(serial === 0 ? {} : { serial }),
  at,
  applications,
  secrets,
  ofApplications,
  ofSecrets,
});

function authenticate(body: string, sealKey: Buffer): string {
  const key = Buffer.from(hkdfSync("sha256", sealKey, "", "runtime-agent/inventory-hmac/v1", 32));
  return createHmac("sha256", key).update(body).digest("hex");
}
