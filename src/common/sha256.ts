/** The digest that everything of ours is told apart by. */

import { createHash } from "node:crypto";

/** 64 hexadecimal digits over the bytes, or over the text in UTF-8. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
