/** Whoever can open a SOPS file: the key of its data is wrapped for each of them by itself. */

import { armor, Encrypter } from "age-encryption";
import { Failure } from "../common/failure.js";
import { type AgeKey, ageFile, readAgeKey } from "./age-file.js";

export interface SopsRecipient {
  /** Where the file's metadata has it. */
  readonly kind: "age" | "hc_vault";
  /** Tells it from all others, and nothing secret; a part of the mode's identity. */
  readonly identity: string;
  /** Its entry in the file's metadata. */
  wrap(dataKey: Buffer, now: Date): Promise<Readonly<Record<string, string>>>;
}

/** `age1…`, X25519 or hybrid (`age1pq1…`). Wrapping throws `SealingImpossible` when it is none. */
export function ageRecipient(recipient: string): SopsRecipient {
  let known: AgeKey | null = null;
  return {
    kind: "age",
    identity: recipient,
    wrap: async (dataKey) => {
      const encrypter = new Encrypter();
      try {
        // The library alone says whether it is a recipient, checksum and all.
        if (known === null) encrypter.addRecipient(recipient);
        known ??= readAgeKey(recipient);
        if (known !== null) return { recipient, enc: armor.encode(ageFile(dataKey, known)) };
        return { recipient, enc: armor.encode(await encrypter.encrypt(dataKey)) };
      } catch (thrown) {
        throw unusable("an age recipient of secrets.sops.age cannot be used", thrown);
      }
    },
  };
}

export const unusable = (message: string, cause?: unknown) =>
  new Failure(message, {
    code: "SealingImpossible",
    stage: "seal",
    hint: "Copy the recipient (age1…) as age-keygen printed it.",
    cause,
  });
