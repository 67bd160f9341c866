import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHTTPClient } from "../src/adapters/http/index.js";
import { Secret } from "../src/common/secret.js";
import { createSealer, identityOf } from "../src/seal/index.js";
import { openSopsFile, readSopsFile } from "../src/seal/sops-file.js";
import { vaultRecipient } from "../src/vault-recipient.js";
import { noon } from "./builders.js";
import { failureOf } from "./common/failure-of.js";
import { startVault } from "./fakes/vault-server.js";
import { openSops } from "./seal/open-sops.js";

const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, type: "Opaque" };
const data = { password: Buffer.from("word").toString("base64") };

async function aVault(changes: { token?: string; engine?: string; key?: string } = {}) {
  const vault = await startVault({ token: "the-token", key: "agent", engine: "team/transit" });
  onTestFinished(() => vault.close());
  const client = createHTTPClient({
    stage: "seal",
    peer: "the transit engine",
    timeout: 10_000,
    maxBytes: 1_000_000,
    signal: new AbortController().signal,
  });
  onTestFinished(() => client.close());
  const { token = "the-token", engine = "team/transit", key = "agent" } = changes;
  return { vault, recipient: vaultRecipient({ address: vault.url, engine, key, token: Secret.of(token), client }) };
}

describe("a transit key as a recipient", () => {
  it("opens a file whose data key it wrapped, beside an age recipient who does, too", async () => {
    const { vault, recipient } = await aVault();
    const identity = await generateIdentity();
    const mode = { mode: "sops", recipients: [await identityToRecipient(identity)], others: [recipient] } as const;

    const text = await createSealer(mode).seal(object, data, noon);

    const file = readSopsFile(text);
    const [entry] = file?.sops.hc_vault ?? [];
    expect(entry).toEqual({
      vault_address: vault.url,
      engine_path: "team/transit",
      key_name: "agent",
      created_at: "2026-11-22T12:00:00Z",
      enc: expect.stringMatching(/^vault:v1:/),
    });
    const answer = await fetch(`${vault.url}/v1/team/transit/decrypt/agent`, {
      method: "POST",
      headers: { "x-vault-token": "the-token" },
      body: JSON.stringify({ ciphertext: entry?.enc }),
    });
    const { data: opened } = (await answer.json()) as { data: { plaintext: string } };
    if (file === null) throw new Error("it was not read");
    expect(openSopsFile(file, Buffer.from(opened.plaintext, "base64"))).toEqual(data);
    expect(await openSops(text, identity)).toEqual({ password: "word" });
  });

  it("is asked once a file, with the token in a header and nowhere else", async () => {
    const { vault, recipient } = await aVault();

    await createSealer({ mode: "sops", recipients: [], others: [recipient] }).seal(object, data, noon);

    expect(vault.requests.map(({ method, path, token }) => [method, path, token])).toEqual([
      ["POST", "/v1/team/transit/encrypt/agent", "the-token"],
    ]);
    expect(vault.requests[0]?.body).not.toContain("the-token");
  });

  it.each(["hvs.one\nhvs.two", "hvs.one two", "hvs.on\u00e9"])(
    "asks nothing with a token that no header can hold",
    async (token) => {
      const { vault, recipient } = await aVault({ token });

      const failure = await failureOf(recipient.wrap(Buffer.alloc(32), noon));

      expect(failure).toMatchObject({ code: "SecretUnreadable", stage: "seal", retryable: false });
      expect(failure.message).not.toContain(token);
      expect(vault.requests).toHaveLength(0);
    },
  );

  it("changes the identity of the mode by its place, and not by its token", async () => {
    const [one, other] = [await aVault(), await aVault()];
    const of = (...others: (typeof one.recipient)[]) =>
      identityOf({ mode: "sops", recipients: ["age1x"], others }, new Date()).sealer;

    expect(new Set([of(), of(one.recipient), of(other.recipient)]).size).toBe(3);
    expect(of(one.recipient)).not.toContain("the-token");
  });

  it.each<[string, Parameters<typeof aVault>[0], number | string | null, object]>([
    ["refuses the token", { token: "canary" }, null, { code: "SealingImpossible", retryable: false }],
    ["has no such engine", { engine: "other" }, null, { code: "SealingImpossible", retryable: false }],
    ["is sealed", {}, 503, { code: "ServerError", retryable: true }],
    ["answers with a page", {}, "<html>canary</html>", { code: "AnswerMalformed" }],
    ...[
      ["a word", "x"],
      ["fewer bytes than hold a key", Buffer.alloc(59, 7).toString("base64")],
      ["no base64", `${"a".repeat(79)}!`],
      ["base64 with a tail", `${Buffer.alloc(60, 7).toString("base64")}a`],
    ].map(([what, sealed]): [string, Parameters<typeof aVault>[0], string, object] => [
      `answers with ${what} as the ciphertext`,
      {},
      JSON.stringify({ data: { ciphertext: `vault:v1:${sealed}` } }),
      { code: "AnswerMalformed" },
    ]),
    ["answers without a ciphertext", {}, '{"data":{"ciphertext":"canary"}}', { code: "AnswerMalformed" }],
  ])("is told of where it %s, without its words", async (_, changes, fault, failure) => {
    const { vault, recipient } = await aVault(changes);
    vault.fault = fault;

    await expect(recipient.wrap(Buffer.alloc(32), noon)).rejects.toMatchObject({
      stage: "seal",
      message: expect.not.stringMatching(/canary|words of the server/),
      ...failure,
    });
  });
});
