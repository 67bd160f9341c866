/** What a proposal is to bring about, told apart from how: a digest that stays the same however often it is sealed. Pure. */

import { createHmac, hkdfSync } from "node:crypto";
import { type Base, INVENTORY_PATH, isSecretPath } from "../base/index.js";
import type { Plan } from "../plan/index.js";
import { CANARY_PATH, REVISION_PATH } from "../render/index.js";

export interface IntentOptions {
  readonly plan: Pick<Plan, "writes" | "deletes" | "rows" | "reencryption">;
  readonly base: Pick<Base, "inventory">;
  readonly runtimeID: string;
  readonly sealKey: Buffer;
}

/**
 * Keyed, for it stands where everybody can read it and covers what secrets are. Over what changes, by path: a Secret by the
 * fingerprint of its values, anything else by its bytes; not the revision's and the canary's, which follow from the others,
 * and nothing of the inventory, in which stand times; where a person is asked about nothing but to
 * seal it anew for another key of the controller, by that key as well. Null when there is nothing that a person should be asked about: the inventory alone is
 * the agent's own bookkeeping and comes with the next change, unless it does not verify.
 */
export function intentDigest({ plan, base, runtimeID, sealKey }: IntentOptions): string | null {
  const { writes, deletes, rows, reencryption } = plan;
  const resealed = new Set(reencryption?.done);
  const isAsked = ([path]: readonly [string, unknown]) =>
    path !== INVENTORY_PATH || base.inventory.state === "unverified";
  if (deletes.length === 0 && ![...writes].some(isAsked)) return null;
  const lines = [...writes.keys()]
    .filter((path) => path !== INVENTORY_PATH)
    .map((path) => {
      const row = rows.get(path);
      if (path === REVISION_PATH || path === CANARY_PATH) return ["write", path];
      const { fingerprint, input, certificates } = row ?? {};
      const isSealed = isSecretPath(path) && fingerprint !== undefined && input !== undefined;
      if (!isSealed) return ["write", path, row?.sha256 ?? ""];
      // A request for this key that was closed says nothing about the next one.
      const keys = resealed.has(path) && certificates !== undefined ? [Object.entries(certificates).sort()] : [];
      return ["secret", path, fingerprint, input, ...keys];
    });
  const all = [...lines, ...deletes.map((path) => ["delete", path])].map((line) => JSON.stringify(line)).sort();
  const key = Buffer.from(hkdfSync("sha256", sealKey, "", "runtime-agent/intent/v1", 32));
  const text = JSON.stringify([runtimeID, all]);
  return createHmac("sha256", key).update(text).digest("hex").slice(0, 32);
}
