/** From manifests to the bytes of each file; the only place where secret values and files meet. */

import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { readPlaceholder } from "../../templates/index.js";
import type { Base, InventoryFile } from "../base/index.js";
import { Failure } from "../common/failure.js";
import type { Snapshot } from "../fetch/index.js";
import type { ApplicationModel, SetAside } from "../model/index.js";
import type { Manifest, RenderedApplication } from "../render/index.js";
import { createGate, type Gate } from "./gate.js";
import type { Sealer } from "./sealer.js";
import { guardedValues, type SecretValues, secretValues } from "./values.js";

/** One file of an Application: a row of the inventory, and its bytes unless Git already holds them. */
export interface SealedFile {
  readonly row: InventoryFile;
  readonly content: Buffer | null;
}

export interface SealedApplication {
  readonly application: ApplicationModel;
  readonly files: readonly SealedFile[];
}

export interface Sealing {
  readonly applications: readonly SealedApplication[];
  readonly setAside: readonly SetAside[];
}

export interface SealOptions {
  readonly sealer: Sealer;
  /** Readable Secrets are what the user asked for (`plain`). */
  readonly readable: boolean;
  readonly snapshot: Snapshot;
  readonly rendered: readonly RenderedApplication[];
  readonly base: Base;
  readonly committed: ReadonlyMap<string, readonly InventoryFile[]>;
  readonly fingerprint: (secret: ApplicationModel["secrets"][number]) => string | null;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/**
 * Seals what changed and keeps the committed bytes of what did not. Then the gate: an Application of whose files one
 * holds a readable value is set aside (`ReadableSecret`), so that the others go on.
 */
export async function sealEstate(options: SealOptions): Promise<Sealing> {
  const { snapshot, rendered, committed, signal } = options;
  const fetched = new Map(snapshot.applications.map((application) => [application.id, application]));
  const gate = createGate(guardedValues(snapshot));
  const applications: SealedApplication[] = [];
  const setAside: SetAside[] = [];
  for (const { application, input, manifests, kept } of rendered) {
    if (kept !== null) {
      applications.push({ application, files: kept.map((row) => ({ row, content: null })) });
      continue;
    }
    signal.throwIfAborted();
    await setImmediate();
    const source = fetched.get(application.id);
    if (source === undefined) throw new TypeError("an Application was rendered that was not fetched");
    const values = secretValues(source);
    const rows = new Map((committed.get(application.id) ?? []).map((row) => [row.path, row]));
    const files: SealedFile[] = [];
    for (const manifest of manifests) {
      files.push(
        manifest.object.kind === "Secret"
          ? await sealSecret(manifest, application, values, rows.get(manifest.path), options)
          : openFile(manifest, application, input, options.base),
      );
    }
    const leak = files.find((file) => leaks(file, gate, options.readable));
    if (leak === undefined) applications.push({ application, files });
    else {
      const message = `${leak.row.path} would hold one of its secret values in readable form; mend the text in Compass or the template`;
      setAside.push({ name: application.name, id: application.id, reason: "ReadableSecret", message });
    }
  }
  return { applications, setAside };
}

function openFile({ path, text, object }: Manifest, { id }: ApplicationModel, input: string, base: Base): SealedFile {
  const content = Buffer.from(text);
  const row = { path, id, ...identified(content, base) };
  return { row: object.kind === "Application" ? { ...row, input } : row, content };
}

async function sealSecret(
  { path, object, text }: Manifest,
  application: ApplicationModel,
  values: SecretValues,
  committed: InventoryFile | undefined,
  { sealer, base, fingerprint, now }: SealOptions,
): Promise<SealedFile> {
  // Over the manifest with its placeholders: a changed label is a change, too.
  const input = createHash("sha256").update(text).digest("hex");
  const secret = application.secrets.find(({ name }) => name === object.metadata.name);
  const current = secret === undefined ? null : fingerprint(secret);
  const unchanged =
    committed !== undefined &&
    committed.input === input &&
    (current === null || committed.fingerprint === current) &&
    base.listing.get(path) === committed.blob;
  if (unchanged) return { row: committed, content: null };

  const data: Record<string, string> = {};
  for (const [key, value] of Object.entries(object.data as Record<string, string>)) {
    const place = readPlaceholder(value);
    const found = place && values(place.bundle, place.key);
    if (!found) throw unresolved(path);
    // A recording without its values: the file is new, but what will stand in it is not known here.
    data[key] = found.isRedacted ? "" : Buffer.from(found.reveal()).toString("base64");
  }
  const content = Buffer.from(await sealer.seal(object, data, now));
  const row = { path, id: application.id, ...identified(content, base), input };
  return { row: current === null ? row : { ...row, fingerprint: current }, content };
}

function leaks({ row, content }: SealedFile, gate: Gate, readable: boolean): boolean {
  if (content === null || (readable && row.fingerprint !== undefined)) return false;
  return gate.find(content.toString("utf8")).size > 0;
}

const identified = (content: Buffer, base: Base) => ({
  blob: base.blobID(content),
  sha256: createHash("sha256").update(content).digest("hex"),
});

const unresolved = (path: string) =>
  new Failure(`${path} has a placeholder for which there is no value`, {
    code: "Internal",
    stage: "seal",
    hint: "This is a defect of the agent: report it.",
  });
