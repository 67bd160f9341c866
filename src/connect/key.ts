/** New private keys. */

import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { Secret } from "../common/secret.js";

/** RSA of so many bits as PKCS#1 PEM, the form of the Go agent's Secret (contract 3.5). Does not hold the event loop. */
export async function generateKey(modulusLength: number): Promise<Secret> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength });
  return Secret.of(privateKey.export({ type: "pkcs1", format: "pem" }).toString());
}
