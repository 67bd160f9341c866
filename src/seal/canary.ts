/** The canary: a Secret with the revision's digest, sealed as all others are, by which the whole way is seen to work. */

import { type Base, type InventoryFile, overForeign } from "../base/index.js";
import { Failure } from "../common/failure.js";
import { equalSecrets } from "../common/same.js";
import { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";
import { CANARY_NAME, CANARY_PATH, canaryObject } from "../render/index.js";
import type { Fingerprinter } from "./fingerprint.js";
import type { SealedFile } from "./seal-estate.js";
import { isForEarlier } from "./sealed-for.js";
import type { Sealer } from "./sealer.js";

export interface CanaryOptions {
  /** The revision's, which is made without the canary. */
  readonly digest: string;
  readonly namespace: string;
  /** Null where Secrets are applied to the cluster. */
  readonly sealer: Sealer | null;
  readonly fingerprints: Fingerprinter;
  readonly base: Base;
  /** Rows of what is the agent's. */
  readonly owned: readonly InventoryFile[];
  /** Whether it may be sealed anew for a newer certificate by itself: else it is when others are, whose digest it holds. */
  readonly mayReseal: boolean;
  /** What is sealed on the agent's own branch and waits to be merged. @default nothing */
  readonly before?: ((path: string) => Promise<SealedFile | null>) | undefined;
  /** Secrets wait to be sealed for others: other recipients alone are no reason to seal it anew before the first of them. */
  readonly isHeldBack: boolean;
  readonly now: Date;
}

/** The one key of the canary. */
export const CANARY_KEY = "digest";

/**
 * Keeps the committed bytes as long as the digest, the recipients and the rest of the file are the same. Null where none is to
 * stand.
 */
export async function sealCanary(options: CanaryOptions): Promise<SealedFile | null> {
  const { digest, namespace, sealer, fingerprints, base, owned, mayReseal, isHeldBack, now } = options;
  const committed = owned.find(({ path }) => path === CANARY_PATH);
  if (isHeldBack && committed === undefined) return null;
  if (sealer !== null) await refuseForeign(options);
  const object = canaryObject(namespace);
  const input = sha256(JSON.stringify(object));
  const value = fingerprints.value({ secret: CANARY_NAME, key: CANARY_KEY }, Secret.of(digest));
  const keys = [{ key: CANARY_KEY, fingerprint: value }];
  const as = (sealing: string | undefined) => fingerprints.secret({ name: CANARY_NAME, keys }, sealing) ?? "";
  const isSame = (row: InventoryFile) =>
    row.input === input &&
    equalSecrets(row.fingerprint, as(isHeldBack ? row.sealing : undefined)) &&
    !(mayReseal && isForEarlier(row, fingerprints));
  const isThere = committed?.written === undefined && base.listing.get(CANARY_PATH) === committed?.blob;
  if (committed !== undefined && isThere && isSame(committed)) return { row: committed, content: null };
  const proposed = (await options.before?.(CANARY_PATH)) ?? null;
  if (proposed !== null && isSame(proposed.row)) return proposed;
  if (sealer === null) return null;
  const data = { [CANARY_KEY]: Buffer.from(digest).toString("base64") };
  const content = Buffer.from(await sealer.seal(object, data, now));
  const { certificate } = fingerprints;
  const each = certificate === null ? {} : { certificates: { [CANARY_KEY]: certificate } };
  const identified = { blob: base.blobID(content), sha256: sha256(content) };
  const known = { fingerprint: as(undefined), sealing: fingerprints.sealing, ...each };
  return { row: { path: CANARY_PATH, id: null, ...identified, input, ...known }, content };
}

/**
 * What no inventory lists may still be the agent's own, beside an older inventory or one that cannot be read. Where one lists
 * it, a folder or a link may have taken its place.
 */
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
