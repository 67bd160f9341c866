/** Files both ways between the agent and the real sops: all kinds of recipients, values of any kind, and an edit by hand. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { armor, Decrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHTTPClient } from "../../src/adapters/http/index.js";
import { formatYaml } from "../../src/adapters/yaml/index.js";
import { Secret } from "../../src/common/secret.js";
import { createSealer } from "../../src/seal/index.js";
import { openSopsFile, readSopsFile } from "../../src/seal/sops-file.js";
import { vaultRecipient } from "../../src/vault-recipient.js";
import { runs, timeLimit } from "../common/property.js";
import { aFolder, aWorld, GIT_PATH } from "../e2e/world.js";
import { git } from "../fakes/git-server.js";
import { startVault } from "../fakes/vault-server.js";
import { tools } from "./tools.js";

const execute = promisify(execFile);
const object = { apiVersion: "v1", kind: "Secret", metadata: { name: "s", namespace: "n" }, type: "Opaque" };
const identity = await generateX25519Identity();
const recipient = await identityToRecipient(identity);
const now = new Date("2026-01-02T03:04:05Z");

/** Runs sops in a folder; nothing of the tester's is in its environment. */
async function sops(args: readonly string[], env: Record<string, string> = { SOPS_AGE_KEY: identity }, cwd?: string) {
  const { stdout } = await execute(join(tools, "sops"), args, {
    cwd: cwd ?? (await aFolder()),
    env: { HOME: "/nonexistent", ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

const dataOf = async (file: string, env?: Record<string, string>) =>
  (JSON.parse(await sops(["decrypt", "--output-type", "json", file], env)) as { data: Record<string, string> }).data;

/** What our reader makes of a file for the identity. */
async function openOurs(text: string): Promise<Readonly<Record<string, string>>> {
  const file = readSopsFile(text);
  if (file === null) throw new Error("it is no such file");
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return openSopsFile(file, Buffer.from(await decrypter.decrypt(armor.decode(file.sops.age[0]?.enc ?? ""))));
}

const RULES = {
  creation_rules: [{ encrypted_regex: "^(data|stringData)$", mac_only_encrypted: true, age: recipient }],
};

const base64 = (values: Record<string, string>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));

describe("a file for", () => {
  it("a post-quantum recipient opens with sops", async () => {
    const hybrid = await generateHybridIdentity();
    const mode = { mode: "sops", recipients: [await identityToRecipient(hybrid)] } as const;
    const file = join(await aFolder(), "secret.yaml");
    await writeFile(file, await createSealer(mode).seal(object, { a: "YQ==" }, now));

    expect(await dataOf(file, { SOPS_AGE_KEY: hybrid })).toEqual({ a: "YQ==" });
  });

  it("a transit key opens with sops, which asks that server", async () => {
    const vault = await startVault({ token: "the-token", key: "agent" });
    onTestFinished(() => vault.close());
    const { signal } = new AbortController();
    const client = createHTTPClient({ stage: "seal", peer: "it", timeout: 9_000, maxBytes: 100_000, signal });
    onTestFinished(() => client.close());
    const address = vault.url;
    const transit = vaultRecipient({ address, engine: "transit", key: "agent", token: Secret.of("the-token"), client });
    const file = join(await aFolder(), "secret.yaml");
    const sealer = createSealer({ mode: "sops", recipients: [], others: [transit] });
    await writeFile(file, await sealer.seal(object, { a: "YQ==" }, now));

    expect(await dataOf(file, { VAULT_TOKEN: "the-token" })).toEqual({ a: "YQ==" });
    await expect(dataOf(file, { VAULT_TOKEN: "another" })).rejects.toThrow();
  });
});

const key = fc.stringMatching(/^[A-Za-z0-9._-]{1,20}$/).filter((name) => name !== "__proto__");
const value = fc.oneof(
  { weight: 24, arbitrary: fc.string({ unit: "binary", maxLength: 40 }) },
  {
    weight: 12,
    arbitrary: fc.constantFrom("", "a", "true", "kyma", "application/json", "null", "0123", "12:30:45", "~"),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 900_000 }).map((size) => randomBytes(size).toString("latin1")) },
);
const secret = fc.dictionary(key, value, { maxKeys: 6 }).map((values) => base64(values));

/** Two programs start for each Secret, so that many are under way at a time: sops takes one file, whatever it is asked for. */
const AT_ONCE = 8;

/** `RUNTIME_AGENT_RUNS=2000` costs two minutes of processor time. */
const { numRuns } = runs(200);

describe("random Secrets", () => {
  it(
    `open with sops as they were sealed, and sealed by sops they open with our reader: ${numRuns} of them`,
    async () => {
      const folder = await aFolder();
      await writeFile(join(folder, ".sops.yaml"), formatYaml(RULES));
      const sealer = createSealer({ mode: "sops", recipients: [recipient] });
      let seen = 0;
      const bothWays = async (data: Record<string, string>, index: number) => {
        const [ours, theirs] = ["ours", "theirs"].map((name) => join(folder, `${name}-${index}.yaml`));
        await writeFile(ours ?? "", await sealer.seal(object, data, now));
        await writeFile(theirs ?? "", formatYaml({ ...object, data }));
        const [opened] = await Promise.all([
          dataOf(ours ?? ""),
          sops(["encrypt", "--in-place", theirs ?? ""], undefined, folder),
        ]);

        expect(opened ?? {}).toEqual(data);
        expect(await openOurs(await readFile(theirs ?? "", "utf8"))).toEqual(data);
        seen++;
      };

      await fc.assert(
        fc.asyncProperty(fc.array(secret, { minLength: AT_ONCE, maxLength: AT_ONCE }), (secrets) =>
          Promise.all(secrets.map(bothWays)).then(() => undefined),
        ),
        { ...runs(200), numRuns: Math.ceil(numRuns / AT_ONCE) },
      );

      expect(seen).toBeGreaterThanOrEqual(numRuns);
    },
    timeLimit(200, 1_500),
  );
});

describe("a file that a person edits with sops", () => {
  it("is read by us as what it is, and seen as drift: told, and written as Compass has it", async () => {
    const secrets = { mode: "sops", sops: { age: [recipient], configFile: true } };
    const world = await aWorld({ sandbox: { applications: 3 }, settings: { secrets } });
    await world.pair();
    expect((await world.run(["sync"])).code).toBe(0);
    const clone = join(world.folder, "clone");
    await git(world.folder, "clone", "-q", world.repository, clone);
    const path = [...(await world.files()).keys()].find((each) => /\/secrets\/mp/.test(each)) ?? "";
    const file = join(clone, GIT_PATH, path);
    const before = await dataOf(file);
    const [name = ""] = Object.keys(before);

    await sops(["set", file, `["data"]["${name}"]`, '"YnkgaGFuZA=="']);
    const edited = await readFile(file, "utf8");
    await git(clone, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qam", "By hand");
    await git(clone, "push", "-q");
    const { code, stdout } = await world.run(["sync", "-o", "json"]);

    expect(await openOurs(edited)).toEqual({ ...before, [name]: "YnkgaGFuZA==" });
    expect(code).toBe(0);
    const { notes, result } = JSON.parse(stdout);
    expect(result).toBe("published");
    expect(notes).toEqual([expect.stringContaining(`somebody changed what the agent writes over: ${path}`)]);
    const written = join(await aFolder(), "secret.yaml");
    await writeFile(written, (await world.files()).get(path) ?? "");
    expect(await dataOf(written)).toEqual(before);
  });

  it("can be added by the rules that the agent writes beside the inventory, which no build takes for a manifest", async () => {
    const secrets = { mode: "sops", sops: { age: [recipient], configFile: true } };
    const world = await aWorld({ sandbox: { applications: 1 }, settings: { secrets } });
    await world.pair();
    await world.run(["sync"]);
    const files = await world.files();
    const folder = join(world.folder, "checkout");
    for (const [path, text] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const own = join(folder, "secrets", "own.yaml");
    await mkdir(dirname(own));
    await writeFile(own, formatYaml({ ...object, data: { a: "YQ==" } }));

    await sops(["--config", join(folder, ".runtime-agent/.sops.yaml"), "encrypt", "--in-place", own]);
    const { stdout } = await execute(join(tools, "kustomize"), ["build", folder]);

    expect(await openOurs(await readFile(own, "utf8"))).toEqual({ a: "YQ==" });
    expect(stdout).not.toContain("creation_rules");
    expect(files.get("kustomization.yaml")).not.toContain("sops");
  });
});
