/** Keyed fingerprints: how an unchanged secret is known without anyone being able to guess it (sealing formats 3). */

import { createHmac, hkdfSync } from "node:crypto";
import type { Secret } from "../common/secret.js";
import type { SealedFor } from "./sealed-for.js";

export interface FingerprintOptions {
  /** 32 random bytes that never leave the state. */
  readonly sealKey: Buffer;
  readonly namespace: string;
  /** What a value is sealed with: mode and recipients. When it changes, every Secret is sealed anew, though no value is. */
  readonly sealer: string;
  /** Where there is one, the certificate in use, which is no part of a fingerprint: another one is no change. @default none */
  readonly certificate?: CertificateInUse | null;
}

/** `resealsEarlier`: whether what is still sealed for another one is to be sealed anew now. */
export interface CertificateInUse {
  readonly digest: string;
  readonly resealsEarlier: boolean;
}

/** With the keyed names of those that files are sealed for, by which a file is known that was sealed for others. */
export interface Fingerprinter extends SealedFor {
  /** Of one value at its place; null for a redacted value. Equal values at two places have different fingerprints. */
  value(place: { readonly secret: string; readonly key: string }, value: Secret): string | null;
  /**
   * Of a whole Secret, from those of its values in whatever order; null when one of them is not known. Given another
   * `sealing` than the one in use, the fingerprint that the same values had under that one.
   */
  secret(secret: FingerprintedSecret, sealing?: string): string | null;
}

export interface FingerprintedSecret {
  readonly name: string;
  readonly keys: readonly { readonly key: string; readonly fingerprint: string | null }[];
}

/** Keyed by the seal key: without it nobody can tell whether a guess of a value is right. */
export function createFingerprinter({ sealKey, namespace, sealer, certificate }: FingerprintOptions): Fingerprinter {
  const key = Buffer.from(hkdfSync("sha256", sealKey, "", "runtime-agent/fingerprint/v1", 32));
  const keyed = (fields: readonly string[]) => {
    const hmac = createHmac("sha256", key);
    for (const field of fields) {
      // Length first, so that no two lists of fields read alike.
      const bytes = Buffer.from(field);
      hmac.update(`${bytes.length}:`).update(bytes);
    }
    return hmac.digest("hex").slice(0, 32);
  };
  const own = keyed(["sealing", sealer]);
  return {
    sealing: own,
    certificate: certificate ? keyed(["certificate", certificate.digest]) : null,
    resealsEarlier: certificate?.resealsEarlier ?? false,
    value: ({ secret, key }, value) =>
      value.isRedacted ? null : keyed(["value", namespace, secret, key, value.reveal()]),
    secret: ({ name, keys }, sealing = own) => {
      const parts = ["secret", sealing, name];
      for (const { key, fingerprint } of [...keys].sort((a, b) => (a.key < b.key ? -1 : 1))) {
        if (fingerprint === null) return null;
        parts.push(key, fingerprint);
      }
      return keyed(parts);
    },
  };
}
