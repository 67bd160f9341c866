/** From manifests to the bytes of each file; the only place where secret values and files meet. */

import { setImmediate } from "node:timers/promises";
import { readPlaceholder } from "../../templates/index.js";
import { applicationPath, type Base, DIGEST_ANNOTATION, type InventoryFile } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { equalSecrets } from "../common/same.js";
import { sha256 } from "../common/sha256.js";
import type { Snapshot } from "../fetch/index.js";
import type { ApplicationModel, SetAside } from "../model/index.js";
import type { Manifest, RenderedApplication } from "../render/index.js";
import { type ClusterManifest, clusterManifest, standInFor } from "./cluster.js";
import type { Fingerprinter } from "./fingerprint.js";
import type { Guards } from "./guards.js";
import { isForEarlier, isForOthers } from "./sealed-for.js";
import type { Sealer } from "./sealer.js";
import { type SecretValues, secretValues } from "./values.js";

/** One file of an Application: a row of the inventory, and its bytes unless Git already holds them. */
export interface SealedFile {
  readonly row: InventoryFile;
  readonly content: Buffer | null;
  /** What is to stand in the cluster in place of a file; undefined for what stands in Git, or is not known. */
  readonly manifest?: ClusterManifest;
}

export interface SealedApplication {
  readonly application: ApplicationModel;
  readonly files: readonly SealedFile[];
}

export interface Sealing {
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
  /** Secrets whose values are as they were, and that are sealed for others than those configured: by path. */
  readonly waiting: readonly WaitingFile[];
}

export interface WaitingFile {
  readonly path: string;
  /** Director's id of its Application. */
  readonly id: string;
}

/** A Secret as the agent sealed it before, where that is not merged yet. */
export interface SealedBefore {
  readonly row: InventoryFile;
  readonly content: Buffer;
}

export interface SealOptions {
  /** Null where Secrets are applied to the cluster. */
  readonly sealer: Sealer | null;
  /** Of Secrets whose template says none. */
  readonly namespace: string;
  /** Readable Secrets are what the user asked for (`plain`). */
  readonly readable: boolean;
  readonly snapshot: Snapshot;
  readonly rendered: readonly RenderedApplication[];
  readonly base: Base;
  readonly committed: ReadonlyMap<string, readonly InventoryFile[]>;
  readonly fingerprints: Omit<Fingerprinter, "value">;
  /** Paths of Secrets that are sealed anew though their values are as they were. @default none */
  readonly reseal?: ReadonlySet<string>;
  readonly now: Date;
  /** What stands at a path on the agent's own branch; asked only for what would be sealed anew. @default nothing */
  readonly before?: ((path: string) => Promise<SealedBefore | null>) | undefined;
  /** Over the values of `snapshot`. */
  readonly guards: Guards;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The API server's limit of a Secret's data, decoded, in bytes. */
const LARGEST_SECRET = 1024 * 1024;

/**
 * Seals what changed and keeps the committed bytes of what did not, whoever it is sealed for. Then the gate: an Application of whose files one
 * holds a readable value is set aside (`ReadableSecret`), so that the others go on.
 */
export async function sealEstate(options: SealOptions): Promise<Sealing> {
  const { snapshot, rendered, committed, guards, signal, onProgress } = options;
  const fetched = new Map(snapshot.applications.map((application) => [application.id, application]));
  const applications: SealedApplication[] = [];
  const setAside: SetAside[] = [];
  for (const [index, { application, input, manifests, kept }] of rendered.entries()) {
    onProgress?.(index + 1, rendered.length);
    if (index % 25 === 0) await setImmediate();
    if (kept !== null) {
      applications.push({ application, files: kept.map((row) => ({ row, content: null })) });
      continue;
    }
    const source = fetched.get(application.id);
    if (source === undefined) throw new TypeError("an Application was rendered that was not fetched");
    const values = secretValues(source);
    const rows = new Map((committed.get(application.id) ?? []).map((row) => [row.path, row]));
    const secrets = manifests.filter(({ object }) => object.kind === "Secret");
    const large = secrets.find(({ object }) => sizeOf(object, values) > LARGEST_SECRET);
    if (large !== undefined) {
      const message = `${large.path} would hold more than the 1 MiB that Kubernetes stores`;
      setAside.push({ name: application.name, id: application.id, reason: "TooLarge", message });
      continue;
    }
    const [fault] = secrets.flatMap(({ object }) => options.sealer?.fault?.(object) ?? []);
    if (fault !== undefined) {
      setAside.push({ name: application.name, id: application.id, reason: "InvalidByTemplate", message: fault });
      continue;
    }
    const files: SealedFile[] = [];
    const named = guards.findInName(namesOf(application, source.name, manifests), application.id);
    let leak: Leak | null = named.size === 0 ? null : { path: applicationPath(application.name), ids: named };
    for (const manifest of manifests) {
      await setImmediate();
      signal.throwIfAborted();
      const isSecret = manifest.object.kind === "Secret";
      const file = isSecret
        ? await sealSecret(manifest, application, values, rows.get(manifest.path), options)
        : openFile(manifest, application, input, options.base);
      files.push(file);
      const shown = isSecret ? readableOf(manifest, file, options) : textsOf(manifest.object).join("\0");
      const ids = guards.find(shown, application.id);
      if (leak === null && ids.size > 0) leak = { path: manifest.path, ids };
    }
    if (leak === null) applications.push({ application, files });
    else {
      const message = leakMessage(leak, application, fetched);
      setAside.push({ name: application.name, id: application.id, reason: "ReadableSecret", message });
    }
  }
  const sealed = applications.flatMap(({ application, files }) => files.map(({ row }) => ({ application, row })));
  const waiting = sealed
    .filter(({ application, row }) => isForOthers(row, options.fingerprints) && isKnown(application))
    .map(({ application, row }) => ({ path: row.path, id: application.id }));
  return { applications, setAside, waiting: waiting.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** False for one of a recording that left values out: it cannot be sealed anew. */
const isKnown = ({ secrets }: ApplicationModel) =>
  secrets.every(({ keys }) => keys.every(({ fingerprint }) => fingerprint !== null));

/** A file that would hold secret values in readable form, and ids of the Applications whose they are. */
interface Leak {
  readonly path: string;
  readonly ids: ReadonlySet<string>;
}

/** Whose value it is counts: the text may be right, and the password the one that stands in everybody's. */
function leakMessage(
  { path, ids }: Leak,
  { id }: ApplicationModel,
  fetched: ReadonlyMap<string, { readonly name: string }>,
): string {
  if (ids.has(id))
    return `${path} would hold one of its secret values in readable form; mend the text in Compass or the template`;
  const [owner = ""] = [...ids].sort();
  const name = forTerminal(fetched.get(owner)?.name ?? owner, 63);
  return `${path} would hold a secret value of ${name} in readable form; mend the text in Compass or the template, or, if the text is right, change the credentials of ${name}`;
}

function openFile({ path, text, object }: Manifest, { id }: ApplicationModel, input: string, base: Base): SealedFile {
  const content = Buffer.from(text);
  const row = { path, id, ...identified(content, base) };
  if (object.kind !== "Application") return { row, content };
  const digest = object.metadata.annotations?.[DIGEST_ANNOTATION];
  return { row: { ...row, input, ...(digest === undefined ? {} : { digest }) }, content };
}

async function sealSecret(
  { path, object, text }: Manifest,
  application: ApplicationModel,
  values: SecretValues,
  committed: InventoryFile | undefined,
  { sealer, base, fingerprints, reseal, namespace, now, before }: SealOptions,
): Promise<SealedFile> {
  // Over the manifest with its placeholders: a changed label is a change, too.
  const input = sha256(text);
  const places = placesOf(object);
  const secret = secretOf(object.metadata.name, places, application);
  const current = fingerprints.secret(secret);
  const isThere =
    committed !== undefined && committed.written === undefined && base.listing.get(path) === committed.blob;
  const unchanged =
    isThere &&
    committed.input === input &&
    // Values that are not known cannot be sealed for others either.
    (current === null ||
      (reseal?.has(path) !== true &&
        equalSecrets(committed.fingerprint, fingerprints.secret(secret, committed.sealing))));
  const reference = referenceOf(places, application);
  // What is said of values that are not known stays as it is.
  const told = current === null ? {} : reference;
  const kept = unchanged ? { row: { ...committed, ...told }, content: null } : null;
  if (kept !== null && (sealer !== null || committed?.cluster === undefined)) return kept;

  // What a person reviews already is proposed to the byte, or the review would begin anew with every cycle.
  const proposed = current === null ? null : ((await before?.(path)) ?? null);
  if (
    proposed !== null &&
    current !== null &&
    isProposed(proposed.row, { id: application.id, input, current }, fingerprints)
  ) {
    const { content, row } = proposed;
    const { values, certificates } = row;
    const each = values === undefined || certificates === undefined ? {} : { values, certificates };
    const known = { fingerprint: current, ...each };
    const sealing = fingerprints.sealing;
    return {
      row: { path, id: application.id, ...identified(content, base), input, ...reference, ...known, sealing },
      content,
    };
  }

  const data: Record<string, string> = {};
  for (const [key, place] of places) {
    const found = place && values(place.bundle, place.key);
    if (!found) throw unresolved(path);
    // A recording without its values: the file is new, but what will stand in it is not known here.
    data[key] = found.isRedacted ? "" : Buffer.from(found.reveal()).toString("base64");
  }
  const row = { path, id: application.id, input, ...reference };
  const known = current === null ? {} : { fingerprint: current, sealing: fingerprints.sealing };
  if (sealer === null) {
    const manifest = clusterManifest(object, data, namespace);
    const shown = current === null ? {} : { manifest };
    // Applied again though it is unchanged: nobody else would put it back.
    if (kept !== null) return { ...kept, ...shown };
    const content = Buffer.from(standInFor(text, current));
    return {
      row: { ...row, ...identified(content, base), ...known, cluster: manifest.namespace },
      content,
      ...shown,
    };
  }
  const own = new Map(
    secret.keys.flatMap(({ key, fingerprint }) => (fingerprint === null ? [] : [[key, fingerprint]])),
  );
  const isKept =
    sealer.byKey &&
    isThere &&
    committed.cluster === undefined &&
    committed.sealing === fingerprints.sealing &&
    // What is due to be sealed anew is so with the first change, or a file with a lost key would stay closed.
    !isForEarlier(committed, fingerprints) &&
    reseal?.has(path) !== true;
  const earlier = isKept ? sameKeys(committed, own) : new Map<string, string>();
  const former = isKept ? { text: (await base.read(path)).toString("utf8"), keys: new Set(earlier.keys()) } : null;
  const content = Buffer.from(await sealer.seal(object, data, now, former));
  const { certificate } = fingerprints;
  const each =
    current === null || certificate === null
      ? {}
      : {
          values: Object.fromEntries(own),
          certificates: Object.fromEntries([...own.keys()].map((key) => [key, earlier.get(key) ?? certificate])),
        };
  return { row: { ...row, ...identified(content, base), ...known, ...each }, content };
}

/** True for what is sealed already, of the same values and for the same recipients, where a person reviews it. */
const isProposed = (
  row: InventoryFile,
  { id, input, current }: { readonly id: string; readonly input: string; readonly current: string },
  use: Omit<Fingerprinter, "value">,
): boolean =>
  equalSecrets(row.fingerprint, current) &&
  row.sealing === use.sealing &&
  !isForEarlier(row, use) &&
  row.input === input &&
  row.id === id;

/** Keys of which the value is the one that was sealed, each with the certificate that it was sealed for. */
function sameKeys(
  { values = {}, certificates = {} }: InventoryFile,
  now: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map(
    [...now].flatMap(([key, fingerprint]) => {
      const certificate = certificates[key];
      return equalSecrets(values[key], fingerprint) && certificate !== undefined ? [[key, certificate] as const] : [];
    }),
  );
}

type Places = readonly (readonly [key: string, place: ReturnType<typeof readPlaceholder>])[];

/** A Secret's keys, each with the bundle and key of its placeholder. */
export const placesOf = ({ data }: Manifest["object"]): Places =>
  Object.entries(data as Record<string, string>).map(([key, value]) => [key, readPlaceholder(value)] as const);

/** What the inventory keeps of the credentials that a Secret holds. */
function referenceOf(places: Places, { secrets }: ApplicationModel): Pick<InventoryFile, "reference"> {
  const [, place] = places.find(([, each]) => each !== null) ?? [];
  const model = secrets.find(
    ({ bundle, keys }) => bundle === place?.bundle && keys.some(({ key }) => key === place?.key),
  );
  return model === undefined ? {} : { reference: model.reference };
}

/** Bytes of a Secret's data; of what is not known, none. */
function sizeOf(object: Manifest["object"], values: SecretValues): number {
  return placesOf(object).reduce((sum, [, place]) => {
    const value = place && values(place.bundle, place.key);
    return sum + (value && !value.isRedacted ? Buffer.byteLength(value.reveal()) : 0);
  }, 0);
}

/** What a Secret holds, whatever the template calls it and its keys: the fingerprints of the values that it names. */
function secretOf(name: string, places: Places, { secrets }: ApplicationModel) {
  const keys = places.map(([key, place]) => {
    const model = secrets.find(
      ({ bundle, keys }) => bundle === place?.bundle && keys.some((each) => each.key === place.key),
    );
    return { key, fingerprint: model?.keys.find((each) => each.key === place?.key)?.fingerprint ?? null };
  });
  return { name, keys };
}

/**
 * What can be read of a Secret's file; nothing in a mode in which all of it is meant to be. Beside the bytes the strings of
 * its manifest, which has placeholders for values.
 */
function readableOf({ object }: Manifest, { content }: SealedFile, { readable }: SealOptions): string {
  return content === null || readable ? "" : [content.toString("utf8"), ...textsOf(object)].join("\0");
}

/** Of all files, and as Compass has them: the files' are those in small letters, with dashes for what no name may have. */
const namesOf = ({ name, services }: ApplicationModel, given: string, manifests: readonly Manifest[]): string =>
  [
    ...[name, given],
    ...manifests.flatMap(({ path, object }) => [path, object.metadata.name]),
    ...services.flatMap((service) => [service.displayName, service.name, service.path]),
    ...services.flatMap(({ entries }) => entries.map((entry) => entry.name)),
  ].join("\0");

/** Every key and value as a text of its own, since YAML's quotes, escapes and indentation would hide one. */
function textsOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [String(value)];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)]);
}

const identified = (content: Buffer, base: Base) => ({
  blob: base.blobID(content),
  sha256: sha256(content),
});

const unresolved = (path: string) =>
  new Failure(`${path} has a placeholder for which there is no value`, {
    code: "Internal",
    stage: "seal",
    hint: "This is a defect of the agent: report it.",
  });
