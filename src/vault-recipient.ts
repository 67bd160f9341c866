/** Vault's and OpenBao's transit engine as a recipient of SOPS files: it wraps their keys, and opens them for whom it lets. */

import { z } from "zod";
import type { HTTPClient } from "./adapters/http/index.js";
import { Failure } from "./common/failure.js";
import type { Secret } from "./common/secret.js";
import type { SopsRecipient } from "./seal/index.js";

export interface VaultRecipientOptions {
  /** Without a slash at its end. */
  readonly address: string;
  /** Where the transit engine is mounted. */
  readonly engine: string;
  readonly key: string;
  readonly token: Secret;
  readonly client: HTTPClient;
}

/** Bytes of a data key with what every cipher of the engine adds at least: a nonce and a tag. */
const SHORTEST = 32 + 12 + 16;

const CIPHERTEXT = /^vault:v\d+:([A-Za-z0-9+/]+={0,2})$/;

/** What cannot hold the key would be committed, and the file lost to whom it is for. */
const isCiphertext = (text: string) => {
  const [, sealed = ""] = CIPHERTEXT.exec(text) ?? [];
  const bytes = Buffer.from(sealed, "base64");
  return bytes.length >= SHORTEST && bytes.toString("base64") === sealed;
};

const answerSchema = z.looseObject({ data: z.looseObject({ ciphertext: z.string().refine(isCiphertext) }) });

/** Wrapping asks the server each time, with the token in a header. */
export function vaultRecipient({ address, engine, key, token, client }: VaultRecipientOptions): SopsRecipient {
  const url = `${address}/v1/${engine.split("/").map(encodeURIComponent).join("/")}/encrypt/${encodeURIComponent(key)}`;
  return {
    kind: "hc_vault",
    identity: JSON.stringify(["hc_vault", address, engine, key]),
    wrap: async (dataKey, now) => {
      if (!/^[!-~]+$/.test(token.reveal())) {
        throw new Failure(
          "the token of the transit engine has a line break, a blank or another character that no header can hold",
          {
            code: "SecretUnreadable",
            stage: "seal",
            hint: "Let secrets.sops.vault.token name a file or key that holds the token and nothing else.",
          },
        );
      }
      const answer = await client.fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-vault-token": token.reveal() },
        body: JSON.stringify({ plaintext: dataKey.toString("base64") }),
      });
      if (!answer.ok) throw refused(answer.status, new URL(address).host);
      const read = answerSchema.safeParse(parse(await answer.text()));
      if (!read.success) {
        throw new Failure(`what answers at ${new URL(address).host} is no transit engine`, {
          code: "AnswerMalformed",
          stage: "seal",
          hint: "Check secrets.sops.vault.address and .engine.",
        });
      }
      return {
        vault_address: address,
        engine_path: engine,
        key_name: key,
        created_at: `${now.toISOString().slice(0, 19)}Z`,
        enc: read.data.data.ciphertext,
      };
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(status: number, host: string): Failure {
  // 503 is a server that is sealed, 473 a standby; both pass.
  const retryable = status >= 500 || status === 429 || status === 473;
  const hint =
    status === 403
      ? "Give secrets.sops.vault.token the right to update the path encrypt/KEY of the engine."
      : status === 404
        ? "Check that the transit engine is mounted at secrets.sops.vault.engine."
        : "Check secrets.sops.vault, and that the key exists there.";
  return new Failure(`the transit engine at ${host} does not encrypt (HTTP ${status})`, {
    code: retryable ? "ServerError" : "SealingImpossible",
    stage: "seal",
    retryable,
    hint: retryable ? "Look whether the server is sealed or overloaded; then try again." : hint,
  });
}
