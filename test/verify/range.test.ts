/** Ranges that the agent committed, that people did, and that somebody forged in the agent's name. */

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openHistory } from "../../src/adapters/git/index.js";
import { formatYaml, parseYaml } from "../../src/adapters/yaml/index.js";
import { formatInventory, type Inventory, inventoryAsItStands, sealKeyID } from "../../src/base/index.js";
import { sha256 } from "../../src/common/sha256.js";
import { revisionDigest } from "../../src/plan/index.js";
import { ATTRIBUTES_PATH, ATTRIBUTES_TEXT, kustomizationText, revisionText } from "../../src/render/index.js";
import { createSealer } from "../../src/seal/index.js";
import { type FindingCode, type VerifiedRange, verifyRange } from "../../src/verify/index.js";
import { commitAs, createBareRepository, git, gitBytes, type Seed } from "../fakes/git-server.js";

const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const OTHER = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const GIT_PATH = "clusters/test";
const RUNTIME = "0e4d8b1a-5a5b-4c3d-9e9f-000000000001";
const SECRET = /^applications\/[^/]+\/secrets\//;
const SEAL_KEY = Buffer.alloc(32, 7);
const STRANGERS_KEY = Buffer.alloc(32, 9);

let folder = "";
let repository = "";
let base = "";

/** A repository in which the agent made two commits on top of a person's. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "verify-test-"));
  repository = await createBareRepository(folder, "fleet.git");
  base = await commitAs(repository, { files: { "README.md": "ours\n" } });
  await commitAsAgent({
    key: SEAL_KEY,
    files: {
      ...(await anApplication("mp-crm", "first")),
      ...(await anApplication("mp-erp", "first")),
      [ATTRIBUTES_PATH]: ATTRIBUTES_TEXT,
    },
  });
  await commitAsAgent({ key: SEAL_KEY, files: await anApplication("mp-erp", "second") });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function anApplication(name: string, description: string): Promise<Record<string, string>> {
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: `${name}-1`, namespace: "kyma-system" } };
  return {
    [`applications/${name}/application.yaml`]: formatYaml({
      apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
      kind: "Application",
      metadata: { name },
      spec: { description },
    }),
    [`applications/${name}/secrets/${name}-1.yaml`]: await sealedTo([RECIPIENT], formatYaml(secret)),
  };
}

async function verify(changes: { readonly sealKey?: Buffer } = {}): Promise<VerifiedRange> {
  return verifyRange({
    history: await openHistory(repository, new AbortController().signal),
    base,
    head: "main",
    path: GIT_PATH,
    email: "runtime-agent@example.com",
    runtimeID: RUNTIME,
    allowedKinds: ["Application", "Secret", "ConfigMap"],
    recipients: [RECIPIENT],
    sealKey: null,
    isSigned: null,
    ...changes,
  });
}

/** Files under the agent's path on main. */
async function standing(): Promise<Map<string, string>> {
  const listed = await git(repository, "ls-tree", "-r", "--name-only", "main", `${GIT_PATH}/`);
  const files = new Map<string, string>();
  for (const path of listed.split("\n").filter((each) => each !== "")) {
    files.set(path.slice(GIT_PATH.length + 1), (await gitBytes(repository, "show", `main:${path}`)).toString("utf8"));
  }
  return files;
}

const parseObject = (text: string) =>
  parseYaml(text, { file: "a manifest", stage: "base", code: "Internal" }) as Record<string, unknown>;

const codesOf = ({ findings }: VerifiedRange) => [...new Set(findings.map(({ code }) => code))].sort();

const blobOf = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

interface Forgery {
  readonly files?: Readonly<Record<string, string>>;
  readonly resources?: readonly string[];
  readonly digest?: string;
  readonly inventory?: Partial<Inventory>;
  readonly key?: Buffer;
  readonly seed?: Omit<Seed, "message" | "branch">;
}

/** Commits in the agent's name, with all that agrees with all but what is forged. */
async function commitAsAgent({
  files = {},
  resources,
  digest,
  inventory,
  key = STRANGERS_KEY,
  seed = {},
}: Forgery): Promise<string> {
  const there = (await standing()).get(".runtime-agent/inventory.json");
  const before = there === undefined ? null : inventoryAsItStands(Buffer.from(there));
  const rows = new Map(before?.files.map((row) => [row.path, row]));
  const written = new Map<string, Buffer<ArrayBuffer>>();
  const put = (path: string, text: string) => {
    const bytes = Buffer.from(text);
    written.set(path, bytes);
    rows.set(path, { id: null, ...rows.get(path), path, blob: blobOf(bytes), sha256: sha256(bytes) });
  };
  for (const [path, text] of Object.entries(files)) put(path, text);
  const manifests = resources ?? [...rows.keys()].filter((path) => path.startsWith("applications/"));
  put("kustomization.yaml", kustomizationText(manifests));
  const right = revisionDigest([...rows.values()]);
  put("revision.yaml", revisionText(digest ?? right, "kyma-system"));
  const common = {
    owner: RUNTIME,
    tenant: null,
    serial: 1,
    deletions: [],
    sealKey: sealKeyID(SEAL_KEY),
    formerSealKeys: [],
  };
  const listed: Inventory = { ...common, ...before, files: [...rows.values()], ...inventory };
  written.set(".runtime-agent/inventory.json", Buffer.from(formatInventory(listed, key)));
  const placed = Object.fromEntries([...written].map(([path, bytes]) => [`${GIT_PATH}/${path}`, bytes]));
  const message = `Update\n\nRuntime: ${RUNTIME}\nDigest: ${right}\nAgent-Version: 1.0.0\n`;
  return commitAs(repository, { message, ...seed, files: { ...placed, ...seed.files } });
}

async function aSecret(): Promise<[path: string, text: string]> {
  const found = [...(await standing())].find(([path]) => SECRET.test(path));
  if (found === undefined) throw new Error("no Secret");
  return found;
}

async function sealedTo(recipients: readonly string[], text: string): Promise<string> {
  const { apiVersion, kind, metadata } = parseObject(text) as never;
  const sealer = createSealer({ mode: "sops", recipients });
  const data = { username: Buffer.from("me").toString("base64") };
  return sealer.seal({ apiVersion, kind, metadata }, data, new Date("2026-01-01T00:00:00Z"));
}

describe("verify accepts", () => {
  it("what the agent committed, with and without its seal key", async () => {
    const verified = await verify();
    const withKey = await verify({ sealKey: SEAL_KEY });

    expect(verified).toMatchObject({ findings: [], base, commits: { total: 2, agent: 2 } });
    expect(withKey.findings).toEqual([]);
  });

  it("people's commits: elsewhere, an edited Application, an approval, a revert, a merge", async () => {
    const path = "applications/mp-crm/application.yaml";
    const text = (await standing()).get(path) ?? "";
    const first = await git(repository, "rev-parse", "main~1^{tree}");
    await commitAs(repository, {
      files: {
        "other/secret.yaml": "kind: Secret\ndata: {a: b}\n",
        [`${GIT_PATH}/${path}`]: text.replace("description:", "description: edited "),
        [`${GIT_PATH}/.runtime-agent/approve`]: "hash\n",
        [`${GIT_PATH}/NOTES.md`]: "kind: Secret\n",
      },
    });
    // Back to what the agent's first commit held, as `git revert` does.
    const tip = await git(repository, "rev-parse", "main");
    const reverted = await git(repository, "commit-tree", first, "-p", tip, "-m", "Revert");
    const merge = await git(repository, "commit-tree", first, "-p", base, "-p", reverted, "-m", "Merge");
    await git(repository, "update-ref", "refs/heads/main", merge);

    const verified = await verify();

    expect(verified.findings).toEqual([]);
    expect(verified.commits).toEqual({ total: 5, agent: 2 });
  });

  it("the commits of another runtime's agent in its own folder", async () => {
    await commitAs(repository, {
      message: `Update\n\nRuntime: another\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`,
      files: { "clusters/other/revision.yaml": "x" },
    });

    expect(await verify()).toMatchObject({ findings: [], commits: { total: 3, agent: 2 } });
  });
});

type Forging = () => Promise<Forgery>;

const forgeries: readonly (readonly [title: string, codes: readonly FindingCode[], forging: Forging])[] = [
  [
    "a clear Secret",
    ["ClearSecret"],
    async () => {
      const [path, text] = await aSecret();
      const { sops: _sops, ...object } = parseObject(text);
      return { files: { [path]: JSON.stringify({ ...object, data: { password: "aHVudGVyMg==" } }) } };
    },
  ],
  [
    "a readable value beside sealed ones",
    ["ClearSecret"],
    async () => {
      const [path, text] = await aSecret();
      const object = parseObject(text);
      return { files: { [path]: JSON.stringify({ ...object, stringData: { password: "hunter2" } }) } };
    },
  ],
  [
    "a foreign recipient beside ours",
    ["ForeignRecipient"],
    async () => {
      const [path, text] = await aSecret();
      return { files: { [path]: await sealedTo([RECIPIENT, OTHER], text) } };
    },
  ],
  [
    "a foreign recipient behind the name of ours",
    ["ForeignRecipient"],
    async () => {
      const [path, text] = await aSecret();
      const sealed = parseObject(await sealedTo([RECIPIENT, OTHER], text)) as unknown as {
        sops: { age: { recipient: string; enc: string }[] };
      };
      const [own, foreign] = sealed.sops.age;
      const header = (enc = "") => Buffer.from(enc.replaceAll(/-----[^-]*-----|\n/g, ""), "base64").toString("latin1");
      const both = header(own?.enc).replace(
        "\n--- ",
        `\n-> X25519 ${header(foreign?.enc).split("-> X25519 ")[1]?.split("\n---")[0]}\n--- `,
      );
      const lines = Buffer.from(both, "latin1")
        .toString("base64")
        .match(/.{1,64}/g)
        ?.join("\n");
      const enc = `-----BEGIN AGE ENCRYPTED FILE-----\n${lines}\n-----END AGE ENCRYPTED FILE-----\n`;
      sealed.sops.age = [{ recipient: RECIPIENT, enc }];
      return { files: { [path]: JSON.stringify(sealed) } };
    },
  ],
  [
    "a Secret that is sealed with another kind of key, too",
    ["ForeignRecipient"],
    async () => {
      const [path, text] = await aSecret();
      const object = parseObject(text) as { sops: object };
      const sops = { ...object.sops, pgp: [{ fp: "ABCD", enc: "x" }] };
      return { files: { [path]: JSON.stringify({ ...object, sops }) } };
    },
  ],
  [
    "an edited inventory that names another owner",
    ["ForeignOwner"],
    async () => ({ inventory: { owner: "somebody" } }),
  ],
  [
    "an edited inventory that leaves out what is there",
    ["DigestDisagrees", "FileNotAsListed", "KustomizationDisagrees"],
    async () => ({
      inventory: { files: [{ path: "kustomization.yaml", id: null, blob: "a".repeat(40), sha256: "b".repeat(64) }] },
    }),
  ],
  [
    "a file outside of the path",
    ["OutsidePath"],
    async () => ({ seed: { files: { ".github/workflows/x.yaml": "on: push\n" } } }),
  ],
  [
    "a file in no place of the agent's",
    ["OutsideLayout"],
    async () => ({ seed: { files: { [`${GIT_PATH}/applications/run.sh`]: "#!/bin/sh\n" } } }),
  ],
  [
    "a kind that is not allowed",
    ["KindNotAllowed"],
    async () => ({ files: { "applications/mp-x/roles/admin.yaml": "apiVersion: v1\nkind: ClusterRole\n" } }),
  ],
  [
    "a second document behind the first",
    ["Unreadable"],
    async () => ({ files: { "applications/mp-x/application.yaml": "kind: Application\n---\nkind: ClusterRole\n" } }),
  ],
  [
    "a symbolic link",
    ["NotARegularFile"],
    async () => ({ seed: { links: { [`${GIT_PATH}/applications/mp-x/application.yaml`]: "/etc/passwd" } } }),
  ],
  [
    "a submodule",
    ["NotARegularFile"],
    async () => ({ seed: { submodules: { [`${GIT_PATH}/applications/mp-x/sub`]: "1".repeat(40) } } }),
  ],
  [
    "a kustomization that lists more",
    ["KustomizationDisagrees"],
    async () => {
      const paths = [...(await standing()).keys()].filter((path) => path.startsWith("applications/"));
      return { resources: [...paths, "https://example.com/evil.yaml"] };
    },
  ],
  ["a wrong digest", ["DigestDisagrees"], async () => ({ digest: `sha256:${"0".repeat(64)}` })],
];

describe("verify refuses a range with", () => {
  it.each(forgeries)("%s", async (_title, codes, forging) => {
    const forged = await commitAsAgent(await forging());

    const verified = await verify();

    expect(codesOf(verified)).toEqual([...codes]);
    expect(new Set(verified.findings.map(({ commit }) => commit))).toEqual(new Set([forged]));
    expect(verified.commits).toEqual({ total: 3, agent: 3 });
  });

  it("an inventory that somebody wrote who does not have the seal key", async () => {
    await commitAsAgent({});

    expect(codesOf(await verify())).toEqual([]);
    expect(codesOf(await verify({ sealKey: SEAL_KEY }))).toEqual(["InventoryForged"]);
  });

  it("no inventory, or one that is none", async () => {
    const path = `${GIT_PATH}/.runtime-agent/inventory.json`;
    const message = `Update\n\nRuntime: ${RUNTIME}\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`;
    await commitAs(repository, { message, files: { [path]: "{}" } });
    await commitAs(repository, { message, files: { [path]: null } });

    expect((await verify()).findings.map(({ code }) => code)).toEqual(["InventoryUnreadable", "InventoryMissing"]);
  });

  it("two files that were swapped", async () => {
    const [[one, first] = ["", ""], [two, second] = ["", ""]] = [...(await standing())].filter(([path]) =>
      SECRET.test(path),
    );
    const digest = /sha256:[0-9a-f]{64}/.exec((await standing()).get("revision.yaml") ?? "")?.[0];
    await commitAs(repository, {
      files: { [`${GIT_PATH}/${one}`]: second, [`${GIT_PATH}/${two}`]: first },
      message: `Update\n\nRuntime: ${RUNTIME}\nDigest: ${digest}\nAgent-Version: 1\n`,
    });

    const verified = await verify();

    expect(codesOf(verified)).toEqual(["FileNotAsListed"]);
    expect(verified.findings.map(({ path }) => path)).toEqual([`${GIT_PATH}/${one}`, `${GIT_PATH}/${two}`]);
  });

  it("a merge that smuggles a change, and one that drops the agent's", async () => {
    const tip = await git(repository, "rev-parse", "main");
    const [secret] = await aSecret();
    const old = await git(repository, "rev-parse", `${base}^{tree}`);
    const side = await git(repository, "commit-tree", old, "-p", base, "-m", "Nothing");
    // A tree with one file that neither parent has.
    const smuggled = await commitAs(repository, { files: { [`${GIT_PATH}/${secret}`]: "kind: ConfigMap\n" } });
    const mergeOf = async (tree: string) => {
      const merge = await git(repository, "commit-tree", tree, "-p", tip, "-p", side, "-m", "Merge");
      await git(repository, "update-ref", "refs/heads/main", merge);
    };

    await mergeOf(await git(repository, "rev-parse", `${smuggled}^{tree}`));
    const withMore = await verify();
    await mergeOf(old);
    const withLess = await verify();

    expect(codesOf(withMore)).toEqual(["FileNotAsListed", "MergeChanges"]);
    expect(codesOf(withLess)).toEqual(["MergeChanges"]);
  });

  it("a person's commit with a clear Secret in the agent's folder, in any disguise", async () => {
    const disguises = [
      "kind: Secret\ndata: {a: b}\n",
      "kind: ConfigMap\n---\nkind: Secret\n",
      '{"kind": "List", "items": [{"kind": "Secret"}]}',
    ];
    for (const [index, text] of disguises.entries()) {
      await commitAs(repository, { files: { [`${GIT_PATH}/mine-${index}.yaml`]: text } });
    }

    const { findings } = await verify();

    expect(findings.map(({ code, path }) => [code, path])).toEqual(
      disguises.map((_, index) => ["ClearSecret", `${GIT_PATH}/mine-${index}.yaml`]),
    );
  });

  it("a person's commit that edits the inventory", async () => {
    const inventory = (await standing()).get(".runtime-agent/inventory.json") ?? "";
    const edited = inventory.replace(/"sha256":"[0-9a-f]{64}/, `"sha256":"${"0".repeat(64)}`);
    await commitAs(repository, { files: { [`${GIT_PATH}/.runtime-agent/inventory.json`]: edited } });

    expect(codesOf(await verify())).toContain("FileNotAsListed");
  });
});
