/** The canary: a Secret with the revision's digest, sealed as all others are, by which the whole way is seen to work. */

import { type Base, type InventoryFile, overForeign } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";
import { CANARY_NAME, CANARY_PATH, canaryObject } from "../render/index.js";
import type { Fingerprinter } from "./fingerprint.js";
import type { SealedFile } from "./seal-estate.js";
import type { Sealer } from "./sealer.js";

export interface CanaryOptions {
  /** The revision's, which is made without the canary. */
  readonly digest: string;
  readonly namespace: string;
  readonly sealer: Sealer;
  readonly fingerprints: Fingerprinter;
  readonly base: Base;
  /** Rows of what is the agent's. */
  readonly owned: readonly InventoryFile[];
  readonly now: Date;
}

/** The one key of the canary. */
export const CANARY_KEY = "digest";

/** Keeps the committed bytes as long as the digest, the recipients and the rest of the file are the same. */
export async function sealCanary(options: CanaryOptions): Promise<SealedFile> {
  const { digest, namespace, sealer, fingerprints, base, owned, now } = options;
  const committed = owned.find(({ path }) => path === CANARY_PATH);
  if (committed === undefined) await refuseForeign(options);
  const object = canaryObject(namespace);
  const input = sha256(JSON.stringify(object));
  const value = fingerprints.value({ secret: CANARY_NAME, key: CANARY_KEY }, Secret.of(digest));
  const keys = [{ key: CANARY_KEY, fingerprint: value }];
  const fingerprint = fingerprints.secret({ name: CANARY_NAME, keys }) ?? "";
  const isSame =
    committed?.input === input &&
    committed.fingerprint === fingerprint &&
    committed.written === undefined &&
    base.listing.get(CANARY_PATH) === committed.blob;
  if (isSame) return { row: committed, content: null };
  const data = { [CANARY_KEY]: Buffer.from(digest).toString("base64") };
  const content = Buffer.from(await sealer.seal(object, data, now));
  const row = { path: CANARY_PATH, id: null, blob: base.blobID(content), sha256: sha256(content), input, fingerprint };
  return { row, content };
}

/** What no inventory lists may still be the agent's own, beside an older inventory or one that cannot be read. */
async function refuseForeign({ base, owned }: CanaryOptions): Promise<void> {
  const ours = new Set(owned.map(({ path }) => path));
  if (!overForeign(base, ours)(CANARY_PATH)) return;
  const bytes = base.listing.has(CANARY_PATH) ? await base.read(CANARY_PATH) : Buffer.alloc(0);
  if (new RegExp(`^ {2}name: ${CANARY_NAME}$`, "m").test(bytes.toString("utf8"))) return;
  throw new Failure(`"${CANARY_PATH}" in git.path was not written by the agent, which would put its canary there`, {
    code: "BaseUnusable",
    stage: "seal",
    hint: "Move it away, or set applications.canary to false.",
  });
}
