/** A Vault (or OpenBao) with a transit engine on loopback: encrypts and decrypts as its API says, and every fault that is asked for. */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface VaultRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: string;
}

export interface FakeVault {
  readonly url: string;
  readonly requests: readonly VaultRequest[];
  /** A status, or a text, in place of the answer; null for none. */
  fault: number | string | null;
  close(): Promise<void>;
}

/** With one key at `transit/keys/NAME`, which one token may use. */
export async function startVault({ token, key, engine = "transit" }: { token: string; key: string; engine?: string }) {
  const secret = randomBytes(32);
  const requests: VaultRequest[] = [];
  const encrypt = (plaintext: string) => {
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", secret, iv);
    const sealed = Buffer.concat([cipher.update(Buffer.from(plaintext, "base64")), cipher.final()]);
    return `vault:v1:${Buffer.concat([iv, sealed, cipher.getAuthTag()]).toString("base64")}`;
  };
  const decrypt = (ciphertext: string) => {
    const bytes = Buffer.from(ciphertext.replace(/^vault:v1:/, ""), "base64");
    const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString("base64");
  };
  const server = createServer(async (request, response) => {
    const { method = "", url: path = "", headers } = request;
    const body = await text(request);
    const given = String(headers["x-vault-token"] ?? "");
    requests.push({ method, path, token: given, body });
    const answer = (status: number, data: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(data));
    if (typeof vault.fault === "string") return void response.writeHead(200).end(vault.fault);
    if (vault.fault !== null) return void answer(vault.fault, { errors: ["words of the server"] });
    if (given !== token) return void answer(403, { errors: ["permission denied"] });
    if (method !== "POST" && method !== "PUT") return void answer(405, { errors: [] });
    const { plaintext = "", ciphertext = "" } = JSON.parse(body) as Record<string, string>;
    if (path === `/v1/${engine}/encrypt/${key}`)
      answer(200, { data: { ciphertext: encrypt(plaintext), key_version: 1 } });
    else if (path === `/v1/${engine}/decrypt/${key}`) answer(200, { data: { plaintext: decrypt(ciphertext) } });
    else answer(404, { errors: ["no handler for route"] });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const vault: FakeVault = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fault: null,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return vault;
}
