import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../src/config/index.js";
import { trySealing } from "../src/sealing-check.js";
import { aClock } from "./common/clock.js";
import { failureOf } from "./common/failure-of.js";
import { startVault } from "./fakes/vault-server.js";
import { aSealingPair } from "./seal/sealing-pair.js";

const DAY = 24 * 60 * 60 * 1000;
let recipient = "";

beforeAll(async () => {
  recipient = await identityToRecipient(await generateIdentity());
});

async function tried(secrets: object, git: object | null = { url: "/srv/r.git", path: "p" }) {
  const folder = await mkdtemp(join(tmpdir(), "sealing-check-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "agent.yaml");
  await writeFile(join(folder, "token"), "the-token");
  await writeFile(file, JSON.stringify({ version: 1, secrets, ...(git === null ? {} : { git }) }));
  const { config } = await loadConfig({ env: { RUNTIME_AGENT_CONFIG: file }, cwd: folder });
  const clock = aClock(new Date().toISOString());
  return trySealing(config, { env: {}, clock, signal: new AbortController().signal });
}

async function byCertificate(text: string | null) {
  const folder = await mkdtemp(join(tmpdir(), "sealing-check-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "certificate.pem");
  if (text !== null) await writeFile(file, text);
  return tried({ mode: "sealed-secrets", sealedSecrets: { certificate: { file } } });
}

const from = (days: number) => new Date(Date.now() + days * DAY);

describe("whether Secrets could be sealed", () => {
  it("is told where they can be, in each mode", async () => {
    const { certificate } = await aSealingPair();

    const verdicts = [
      await tried({ mode: "sops", sops: { age: [recipient] } }),
      await byCertificate(certificate),
      await tried({ mode: "cluster" }),
      await tried({ mode: "cluster" }, null),
    ];

    expect(verdicts.map(({ isTried, mend }) => [isTried, mend])).toEqual([
      [true, null],
      [true, null],
      [true, null],
      [false, null],
    ]);
    expect(verdicts[0]?.message).toBe("a file can be sealed for each of 1 recipients");
  });

  it("is a warning with its mend in mode plain, and while a certificate soon ends", async () => {
    const plain = await tried({ mode: "plain", acknowledgePlain: true });
    const soon = await byCertificate((await aSealingPair({ notAfter: from(10) })).certificate);

    expect(plain).toMatchObject({
      message: expect.stringContaining("everybody"),
      mend: expect.stringContaining("sops"),
    });
    expect(soon).toMatchObject({ message: expect.stringContaining("expires on"), mend: expect.any(String) });
  });

  it.each<[string, () => Promise<string | null>, RegExp]>([
    ["missing", async () => null, /certificate.*does not exist/],
    ["expired", async () => (await aSealingPair({ notAfter: from(-1) })).certificate, /expired on/],
    ["not valid yet", async () => (await aSealingPair({ notBefore: from(1) })).certificate, /valid only from/],
    [
      "too small",
      async () =>
        (await aSealingPair({ key: generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey })).certificate,
      /not for an RSA key of/,
    ],
    [
      "not RSA",
      async () =>
        (await aSealingPair({ key: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey })).certificate,
      /not for an RSA key of/,
    ],
  ])("fails for a certificate that is %s, and says the mend", async (_, certificate, message) => {
    const failure = await failureOf(byCertificate(await certificate()));

    expect(failure.message).toMatch(message);
    expect(failure.hint).not.toBe("");
  });

  it("asks the transit engine, and says when it does not answer or lets nobody in", async () => {
    const vault = await startVault({ token: "the-token", key: "agent" });
    onTestFinished(() => vault.close());
    const transit = (address: string) =>
      tried({
        mode: "sops",
        sops: { age: [recipient], vault: { address, keyName: "agent", token: { file: "token" } } },
      });

    const well = await transit(vault.url);
    vault.fault = 403;
    const refused = await failureOf(transit(vault.url));
    const away = await failureOf(transit("http://127.0.0.1:1"));

    expect(well.message).toBe("a file can be sealed for each of 2 recipients");
    expect([refused.code, away.code]).toEqual(["SealingImpossible", "NetworkUnreachable"]);
  });
});
