/** The one comparison of what is secret, or keyed by it: how long it takes tells nothing of where two differ. */

import { timingSafeEqual } from "node:crypto";

/** In constant time for equal lengths, which are no secret. What is not there equals nothing. */
export function equalSecrets(
  left: string | Uint8Array | null | undefined,
  right: string | Uint8Array | null | undefined,
) {
  if (left == null || right == null) return false;
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
