/** Secrets as SOPS files for age recipients (sealing formats 1); opened by sops and by Flux. */

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { armor, Encrypter } from "age-encryption";
import { formatYaml } from "../adapters/yaml/index.js";
import { Failure } from "../common/failure.js";
import type { KubernetesObject } from "../render/index.js";
import type { Sealer } from "./sealer.js";

// No reader branches on it, and another value would only make a difference in Git.
const VERSION = "3.13.3";

/** SHA-256 of the word `sops`: where the code over encrypted values starts when clear ones are left out of it. */
const MAC_ONLY_ENCRYPTED = Buffer.from("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69", "hex");

/**
 * Seals for every recipient (`age1…`). Each file gets a data key of its own; without a private key here, a changed value
 * means a new data key for its whole file. Throws `SealingImpossible` when a recipient is none.
 */
export function createSopsSealer(recipients: readonly string[]): Sealer {
  if (recipients.length === 0) throw unusable("secrets.sops.age names no age recipient");
  return {
    identity: JSON.stringify(["sops", ...[...recipients].sort()]),
    byKey: false,
    seal: async (object, data, now) => {
      const dataKey = randomBytes(32);
      const lastmodified = `${now.toISOString().slice(0, 19)}Z`;
      const mac = createHash("sha512").update(MAC_ONLY_ENCRYPTED);
      // In the order in which they are written: the code depends on it.
      const sealed = Object.keys(data)
        .sort()
        .map((key) => {
          const value = data[key] ?? "";
          mac.update(value);
          return [key, value === "" ? "" : encrypt(value, dataKey, `data:${key}:`)] as const;
        });
      const digest = mac.digest("hex").toUpperCase();
      const sops = {
        age: await Promise.all(
          recipients.map(async (recipient) => ({ recipient, enc: await wrap(dataKey, recipient) })),
        ),
        encrypted_regex: "^(data|stringData)$",
        lastmodified,
        mac: encrypt(digest, dataKey, lastmodified),
        mac_only_encrypted: true,
        version: VERSION,
      };
      // SOPS wants its own key last.
      return `${formatYaml({ ...object, data: Object.fromEntries(sealed) } satisfies KubernetesObject)}${formatYaml({ sops })}`;
    },
  };
}

async function wrap(dataKey: Buffer, recipient: string): Promise<string> {
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
    return armor.encode(await encrypter.encrypt(dataKey));
  } catch (thrown) {
    throw unusable("an age recipient of secrets.sops.age cannot be used", thrown);
  }
}

const unusable = (message: string, cause?: unknown) =>
  new Failure(message, {
    code: "SealingImpossible",
    stage: "seal",
    hint: "Copy the recipient (age1…) as age-keygen printed it.",
    cause,
  });

function encrypt(value: string, key: Buffer, additionalData: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(additionalData));
  const data = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  const [d, i, t] = [data, iv, cipher.getAuthTag()].map((part) => part.toString("base64"));
  return `ENC[AES256_GCM,data:${d},iv:${i},tag:${t},type:str]`;
}
