/** Secrets as SOPS files (sealing formats 1); opened by sops and by Flux. */

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { formatYaml } from "../adapters/yaml/index.js";
import { Failure } from "../common/failure.js";
import { equalSecrets } from "../common/same.js";
import type { KubernetesObject } from "../render/index.js";
import type { Sealer } from "./sealer.js";
import { openSopsFile, readSopsFile } from "./sops-file.js";
import { ageRecipient, type SopsRecipient, unusable } from "./sops-recipient.js";

// No reader branches on it, and another value would only make a difference in Git.
const VERSION = "3.13.3";

/** SHA-256 of the word `sops`: where the code over encrypted values starts when clear ones are left out of it. */
const MAC_ONLY_ENCRYPTED = Buffer.from("8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69", "hex");

/**
 * Seals for every age recipient (`age1…`), and for `others`. Each file gets a data key of its own; without a private key
 * here, a changed value means a new data key for its whole file. Throws `SealingImpossible` when there is no recipient.
 */
export function createSopsSealer(age: readonly string[], others: readonly SopsRecipient[] = []): Sealer {
  const recipients = [...age.map(ageRecipient), ...others];
  if (recipients.length === 0) throw unusable("secrets.sops names no recipient");
  return {
    identity: JSON.stringify(["sops", ...recipients.map(({ identity }) => identity).sort()]),
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
      const wrapped = await Promise.all(
        recipients.map(async (recipient) => [recipient.kind, await recipient.wrap(dataKey, now)] as const),
      );
      const of = (wanted: SopsRecipient["kind"]) =>
        wrapped.filter(([kind]) => kind === wanted).map(([, entry]) => entry);
      const [forAge, forVault] = [of("age"), of("hc_vault")];
      const sops = {
        ...(forAge.length === 0 ? {} : { age: forAge }),
        ...(forVault.length === 0 ? {} : { hc_vault: forVault }),
        encrypted_regex: "^(data|stringData)$",
        lastmodified,
        mac: encrypt(digest, dataKey, lastmodified),
        mac_only_encrypted: true,
        version: VERSION,
      };
      // SOPS wants its own key last.
      const text = `${formatYaml({ ...object, data: Object.fromEntries(sealed) } satisfies KubernetesObject)}${formatYaml({ sops })}`;
      if (!isSound(text, data, dataKey, recipients)) throw defect();
      return text;
    },
  };
}

/** Opens the file again, by other code than what wrote it, and counts for whom it is. */
function isSound(
  text: string,
  data: Readonly<Record<string, string>>,
  dataKey: Buffer,
  recipients: readonly SopsRecipient[],
): boolean {
  const file = readSopsFile(text);
  if (file === null) return false;
  const { age, hc_vault } = file.sops;
  if (age.length + hc_vault.length !== recipients.length || !age.every(({ enc }) => ARMORED.test(enc))) return false;
  try {
    const opened = Object.entries(openSopsFile(file, dataKey));
    return opened.length === Object.keys(data).length && opened.every(([key, value]) => equalSecrets(data[key], value));
  } catch {
    return false;
  }
}

const ARMORED = /^-----BEGIN AGE ENCRYPTED FILE-----\n[A-Za-z0-9+/=\n]+\n-----END AGE ENCRYPTED FILE-----\n$/;

const defect = () =>
  new Failure("a SOPS file could not be opened again as it was sealed", {
    code: "Internal",
    stage: "seal",
    hint: "This is a defect of the agent: report it. Nothing was written.",
  });

function encrypt(value: string, key: Buffer, additionalData: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(additionalData));
  const data = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  const [d, i, t] = [data, iv, cipher.getAuthTag()].map((part) => part.toString("base64"));
  return `ENC[AES256_GCM,data:${d},iv:${i},tag:${t},type:str]`;
}
