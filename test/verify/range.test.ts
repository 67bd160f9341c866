/** Ranges that the agent committed, that people did, and that somebody forged in the agent's name. */

import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
import type { VerifyOptions } from "../../src/verify/range.js";
import { commitAs, createBareRepository, git, gitBytes, type Seed } from "../fakes/git-server.js";

const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const OTHER = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
const GIT_PATH = "clusters/test";
const AGENT = "runtime-agent@example.com";
const RUNTIME = "0e4d8b1a-5a5b-4c3d-9e9f-000000000001";
const SECRET = /^applications\/[^/]+\/secrets\//;
const CLEAR = "apiVersion: v1\nkind: Secret\nmetadata: {name: y}\nstringData: {password: hunter2hunter2}\n";
const OPERATIONS = [{ op: "add", path: "/stringData", value: { password: "hunter2hunter2" } }];
const COPYING = "- {op: copy, from: /metadata/annotations/a, path: /data/a}\n";
const WHOLE = "- {op: replace, path: '', value: {metadata: {name: y}}}\n";
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

const OPT_OUT = { "kustomize.toolkit.fluxcd.io/substitute": "disabled" };
const DIGEST = "runtime-agent.kyma-project.io/digest";

/** As the shipped templates and the agent write it. */
function applicationText(name: string, description: string, changes: object = {}): string {
  const object = {
    apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
    kind: "Application",
    metadata: { name, annotations: OPT_OUT },
    spec: { description },
    ...changes,
  };
  const digest = `sha256:${sha256(formatYaml(object))}`;
  const annotations = { ...object.metadata.annotations, [DIGEST]: digest };
  return formatYaml({ ...object, metadata: { ...object.metadata, annotations } });
}

const secretObject = (name: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: `${name}-1`,
    namespace: "kyma-system",
    labels: { app: name, bundleId: "b" },
    annotations: OPT_OUT,
  },
  type: "Opaque",
});

async function anApplication(name: string, description: string): Promise<Record<string, string>> {
  return {
    [`applications/${name}/application.yaml`]: applicationText(name, description),
    [`applications/${name}/secrets/${name}-1.yaml`]: await sealedTo([RECIPIENT], formatYaml(secretObject(name))),
  };
}

async function verify(changes: Partial<VerifyOptions> = {}): Promise<VerifiedRange> {
  return verifyRange({
    history: await openHistory(repository, new AbortController().signal),
    base,
    head: "main",
    path: GIT_PATH,
    email: AGENT,
    runtimeID: RUNTIME,
    allowedKinds: ["Application", "Secret", "ConfigMap"],
    secrets: { mode: "sops", age: [RECIPIENT], vault: null },
    ownTemplates: false,
    fixed: new Map([[ATTRIBUTES_PATH, ATTRIBUTES_TEXT]]),
    sealKey: null,
    signatures: null,
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

/** A kustomization with one patch. */
const aPatch = (changes: object, key = "patches") =>
  formatYaml({ kind: "Kustomization", resources: ["a.yaml"], [key]: [{ patch: formatYaml(OPERATIONS), ...changes }] });

const parseObject = (text: string) =>
  parseYaml(text, { file: "a manifest", stage: "base", code: "Internal" }) as Record<string, unknown>;

const codesOf = ({ findings }: VerifiedRange) => [...new Set(findings.map(({ code }) => code))].sort();

const blobOf = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

interface Forgery {
  readonly files?: Readonly<Record<string, string>>;
  readonly resources?: readonly string[];
  readonly digest?: string;
  readonly inventory?: Partial<Inventory>;
  /** In place of the digest that an Application carries. */
  readonly listed?: string;
  readonly key?: Buffer;
  readonly seed?: Omit<Seed, "message" | "branch">;
}

/** Commits in the agent's name, with all that agrees with all but what is forged. */
async function commitAsAgent({
  files = {},
  resources,
  digest,
  inventory,
  listed: otherwise,
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
    const digest = new RegExp(`^ {4}${DIGEST}: (.*)$`, "m").exec(text)?.[1];
    const row = { id: null, ...rows.get(path), path, blob: blobOf(bytes), sha256: sha256(bytes) };
    rows.set(path, digest === undefined ? row : { ...row, digest: otherwise ?? digest });
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
  const { apiVersion, kind, metadata, type } = parseObject(text) as never;
  const sealer = createSealer({ mode: "sops", recipients });
  const data = { username: Buffer.from("me").toString("base64") };
  return sealer.seal({ apiVersion, kind, metadata, type }, data, new Date("2026-01-01T00:00:00Z"));
}

describe("verify accepts", () => {
  it("what the agent committed, with and without its seal key", async () => {
    const verified = await verify();
    const withKey = await verify({ sealKey: SEAL_KEY });

    expect(verified).toMatchObject({ findings: [], base, commits: { total: 2, agent: 2, otherAgents: 0 } });
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
        [`${GIT_PATH}/values.yaml`]: formatYaml({
          kind: "HelmRelease",
          spec: { valuesFrom: [{ kind: "Secret", name: "a" }] },
        }),
      },
    });
    // Back to what the agent's first commit held, as `git revert` does.
    const tip = await git(repository, "rev-parse", "main");
    const reverted = await git(repository, "commit-tree", first, "-p", tip, "-m", "Revert");
    const merge = await git(repository, "commit-tree", first, "-p", base, "-p", reverted, "-m", "Merge");
    await git(repository, "update-ref", "refs/heads/main", merge);

    const verified = await verify();

    expect(verified.findings).toEqual([]);
    expect(verified.commits).toEqual({ total: 5, agent: 2, otherAgents: 0 });
  });

  it("the commits of another runtime's agent in its own folder", async () => {
    await commitAs(repository, {
      message: `Update\n\nRuntime: another\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`,
      files: { "clusters/other/revision.yaml": "x" },
    });

    expect(await verify()).toMatchObject({ findings: [], commits: { total: 3, agent: 2, otherAgents: 1 } });
  });
});

const edited = ([path, text]: readonly [string, string], from: string, to: string): Forgery => ({
  files: { [path]: text.replace(from, to) },
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
  [
    "a Secret that holds its values once more in an annotation",
    ["ClearSecret"],
    async () => {
      const [path, text] = await aSecret();
      const copy = '    kubectl.kubernetes.io/last-applied-configuration: \'{"data":{"password":"aHVudGVyMg=="}}\'\n';
      return { files: { [path]: text.replace("  annotations:\n", `  annotations:\n${copy}`) } };
    },
  ],
  [
    "an annotation that no shipped template gives",
    ["NotAsWritten"],
    async () =>
      edited(await aSecret(), "  annotations:\n", "  annotations:\n    a.example.com/password: hunter2hunter2\n"),
  ],
  ["a comment", ["NotAsWritten"], async () => edited(await aSecret(), "apiVersion", "# password: hunter2\napiVersion")],
  ["a tag", ["NotAsWritten"], async () => edited(await aSecret(), "kind: Secret", "kind: !!str Secret")],
  ["an anchor", ["NotAsWritten"], async () => edited(await aSecret(), "kind: Secret", "kind: &a Secret")],
  [
    "a readable part in the metadata of sops",
    ["ClearSecret"],
    async () => edited(await aSecret(), "  encrypted_regex", "  note: hunter2\n  encrypted_regex"),
  ],
  [
    "a Secret in the place of another one",
    ["NotAsWritten"],
    async () => ({ files: { "applications/mp-crm/secrets/mp-other.yaml": (await aSecret())[1] } }),
  ],
  [
    "an Application of another group",
    ["KindNotAllowed"],
    async () => ({
      files: {
        "applications/mp-crm/application.yaml": applicationText("mp-crm", "x", { apiVersion: "argoproj.io/v1alpha1" }),
      },
    }),
  ],
  [
    "an Application with more than a specification",
    ["NotAsWritten"],
    async () => ({
      files: { "applications/mp-crm/application.yaml": applicationText("mp-crm", "x", { status: { a: "b" } }) },
    }),
  ],
  [
    "an Application that does not carry its own digest",
    ["DigestDisagrees"],
    async () => ({
      files: {
        "applications/mp-crm/application.yaml": applicationText("mp-crm", "first").replace("first", "forged"),
      },
    }),
  ],
  [
    "an inventory that lists an Application with another digest than it carries",
    ["DigestDisagrees"],
    async () => ({
      files: { "applications/mp-crm/application.yaml": applicationText("mp-crm", "x") },
      listed: "sha256:x",
    }),
  ],
  [
    "a kind that the shipped templates do not give",
    ["KindNotAllowed"],
    async () => ({
      files: {
        "applications/mp-crm/configmaps/a.yaml": formatYaml({
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: "a", annotations: OPT_OUT },
          data: { password: "hunter2" },
        }),
      },
    }),
  ],
  ["other attributes", ["NotAsWritten"], async () => ({ files: { [ATTRIBUTES_PATH]: "* filter=evil\n" } })],
  ["a wrong digest", ["DigestDisagrees"], async () => ({ digest: `sha256:${"0".repeat(64)}` })],
];

describe("verify refuses a range with", () => {
  it.each(forgeries)("%s", async (_title, codes, forging) => {
    const forged = await commitAsAgent(await forging());

    const verified = await verify();

    expect(codesOf(verified)).toEqual([...codes]);
    expect(new Set(verified.findings.map(({ commit }) => commit))).toEqual(new Set([forged]));
    expect(verified.commits).toEqual({ total: 3, agent: 3, otherAgents: 0 });
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

    // Neither as the inventory has it nor in the place of its name.
    expect(codesOf(verified)).toEqual(["FileNotAsListed", "NotAsWritten"]);
    expect([...new Set(verified.findings.map(({ path }) => path))]).toEqual([
      `${GIT_PATH}/${one}`,
      `${GIT_PATH}/${two}`,
    ]);
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

  it.each<readonly [disguise: string, code: FindingCode, text: string, name?: string]>([
    ["as it is", "ClearSecret", "kind: Secret\ndata: {a: b}\n"],
    ["with stringData", "ClearSecret", CLEAR],
    ["behind a second document", "ClearSecret", "kind: ConfigMap\n---\nkind: Secret\n"],
    ["in a List", "ClearSecret", '{"kind": "List", "items": [{"kind": "Secret"}]}'],
    ["in a SecretList", "ClearSecret", "kind: SecretList\nitems:\n- data: {a: aHVudGVyMg==}\n"],
    ["behind a tag", "ClearSecret", CLEAR.replace("Secret", "!!str Secret")],
    ["behind a tag of bytes", "Unreadable", CLEAR.replace("Secret", "!!binary U2VjcmV0")],
    ["behind an anchor", "ClearSecret", CLEAR.replace("Secret", "&k Secret")],
    [
      "by an alias",
      "ClearSecret",
      `metadata: {name: &k Secret}\n${CLEAR.replace("Secret", "*k").replace("metadata: {name: y}", "x: 1")}`,
    ],
    ["by a merge key", "ClearSecret", `<<: {kind: Secret}\n${CLEAR.replace("kind: Secret\n", "")}`],
    ["in escapes", "ClearSecret", CLEAR.replace("Secret", '"Sec\\u0072et"')],
    ["over two lines", "ClearSecret", CLEAR.replace("kind: Secret", "? kind\n:\n  Secret")],
    ["with an explicit directive", "ClearSecret", `%YAML 1.1\n---\n${CLEAR}`],
    ["in what is no YAML for us", "Unreadable", `${CLEAR}---\na: [\n`],
    ["with a key that stands twice", "Unreadable", `kind: ConfigMap\n${CLEAR}`],
    ["under another name", "ClearSecret", CLEAR, "mine.txt"],
    [
      "as a text within an annotation",
      "ClearSecret",
      formatYaml({ kind: "ConfigMap", metadata: { annotations: { a: JSON.stringify(parseObject(CLEAR)) } } }),
    ],
    ["as a patch", "ClearSecret", formatYaml({ kind: "Kustomization", patches: [{ patch: CLEAR }] })],
    [
      "from a generator",
      "ClearSecret",
      "kind: Kustomization\nsecretGenerator:\n- name: a\n  literals: [password=hunter2]\n",
    ],
    ["from a generator that reads lines", "ClearSecret", "secretGenerator:\n- name: a\n  envs: [db.env]\n"],
    ["from a generator that reads lines of one file", "ClearSecret", "secretGenerator:\n- name: a\n  env: db.env\n"],
    [
      "from a generator that reads files",
      "ClearSecret",
      "secretGenerator:\n- {name: a, files: [a.txt]}\n",
      "x/Kustomization",
    ],
    [
      "from a generator of its own",
      "ClearSecret",
      "apiVersion: builtin\nkind: SecretGenerator\nmetadata: {name: db}\nliterals: [password=hunter2]\n",
    ],
    [
      "from a generator within a kustomization",
      "ClearSecret",
      formatYaml({ generators: ["kind: SecretGenerator\nmetadata: {name: db}\nenvs: [db.env]\n"] }),
    ],
    ["as a JSON patch", "ClearSecret", aPatch({ target: { kind: "Secret", name: "y" } })],
    ["as a JSON patch of the old way", "ClearSecret", aPatch({ target: { kind: "Secret" } }, "patchesJson6902")],
    ["as a JSON patch for every kind of that name", "ClearSecret", aPatch({ target: { name: "y" } })],
    ["as a JSON patch for kinds by a pattern", "ClearSecret", aPatch({ target: { kind: "Sec.*" } })],
    [
      "from a generator in other letters",
      "ClearSecret",
      "SecretGenerator: [{name: x, LITERALS: [a=b]}]\n",
      "x/kustomization.yml",
    ],
    [
      "as a JSON patch in other letters",
      "ClearSecret",
      formatYaml({ Patches: [{ Target: { Kind: "Secret" }, PATCH: formatYaml(OPERATIONS) }] }),
    ],
    ["as a JSON patch that copies it", "ClearSecret", aPatch({ target: { kind: "Secret" }, patch: COPYING })],
    ["as a JSON patch of all of it", "ClearSecret", aPatch({ target: { kind: "Secret" }, patch: WHOLE })],
    [
      "as a JSON patch that Flux brings",
      "ClearSecret",
      formatYaml({
        kind: "Kustomization",
        spec: { patchesJson6902: [{ target: { kind: "Secret" }, patch: OPERATIONS }] },
      }),
    ],
    [
      "as a transformer",
      "ClearSecret",
      formatYaml({ kind: "PatchJson6902Transformer", target: { kind: "Secret" }, jsonOp: JSON.stringify(OPERATIONS) }),
    ],
    [
      "as a merge patch under another kind",
      "ClearSecret",
      aPatch({ target: { kind: "Secret" }, patch: "kind: Any\nmetadata: {name: any}\ndata: {a: aHVudGVyMg==}\n" }),
    ],
    [
      "as a merge patch of the old way",
      "ClearSecret",
      formatYaml({ kind: "Kustomization", patchesStrategicMerge: [CLEAR] }),
    ],
    ["as a patch in a file", "ClearSecret", formatYaml(OPERATIONS)],
    [
      "as a patch in a file, told by its target",
      "ClearSecret",
      formatYaml({ patches: [{ target: { kind: "Secret" }, path: "a.yaml" }] }),
    ],
    ["as a merge patch in a file, under another kind", "ClearSecret", CLEAR.replace("kind: Secret", "kind: Any")],
    [
      "as a SealedSecret that is not sealed",
      "ClearSecret",
      formatYaml({ kind: "SealedSecret", spec: { encryptedData: { a: "aHVudGVyMg==" } } }),
    ],
    [
      "in the template of a SealedSecret",
      "ClearSecret",
      formatYaml({ kind: "SealedSecret", spec: { template: { data: { a: "hunter2" } } } }),
    ],
  ])("a person's clear Secret in the agent's folder %s", async (_disguise, code, text = "", name = "mine.yaml") => {
    await commitAs(repository, { files: { [`${GIT_PATH}/${name}`]: text } });

    const verified = await verify();
    const otherwise = await verify({
      secrets: { mode: "sealed-secrets", scope: "strict", managed: false },
      base: "main~1",
    });

    expect(verified.findings.map((found) => [found.code, found.path])).toEqual([[code, `${GIT_PATH}/${name}`]]);
    expect(codesOf(otherwise)).toEqual([code]);
  });

  it("one commit in the agent's name that takes the whole folder away", async () => {
    const files = Object.fromEntries([...(await standing()).keys()].map((path) => [`${GIT_PATH}/${path}`, null]));
    const message = `Update\n\nRuntime: ${RUNTIME}\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`;
    await commitAs(repository, { message, files });

    expect(codesOf(await verify())).toEqual(["DigestDisagrees", "InventoryMissing", "KustomizationDisagrees"]);
  });

  it("a commit in the agent's name that changes nothing, but names another digest", async () => {
    const digests = ["0", "1"].map((digit) => `Digest: sha256:${digit.repeat(64)}\n`).join("");
    await commitAs(repository, { message: `Update\n\nRuntime: ${RUNTIME}\n${digests}Agent-Version: 1\n` });

    expect(codesOf(await verify())).toEqual(["DigestDisagrees"]);
  });

  it("an inventory in which a readable text stands in a key that is there twice", async () => {
    const text = (await standing()).get(".runtime-agent/inventory.json") ?? "";
    const message = await git(repository, "log", "-1", "--format=%B", "main");
    const twice = text.replace('"owner"', '"owner": "hunter2",\n"owner"');
    await commitAs(repository, { message, files: { [`${GIT_PATH}/.runtime-agent/inventory.json`]: twice } });

    expect(codesOf(await verify({ sealKey: SEAL_KEY }))).toEqual(["InventoryUnreadable"]);
  });

  it("a commit of another runtime's agent in our folder", async () => {
    const message = `Update\n\nRuntime: another\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`;
    await commitAs(repository, { message, files: { [`${GIT_PATH}/revision.yaml`]: "x\n", elsewhere: "x" } });

    expect(await verify()).toMatchObject({ commits: { agent: 2, otherAgents: 1 } });
    expect(codesOf(await verify())).toEqual(["DigestDisagrees", "FileNotAsListed", "ForeignAgent"]);
  });

  it("an unsigned commit that claims the agent's address, whatever runtime its trailer names", async () => {
    const tree = await git(repository, "rev-parse", "main^{tree}");
    const message = `x\n\nRuntime: other\nDigest: sha256:${"0".repeat(64)}\nAgent-Version: 1\n`;
    const bare = { signatures: { names: true, isGood: async () => false }, base: "main~1" } as const;
    const parent = await git(repository, "rev-parse", "main");
    const raw = [
      `tree ${tree}`,
      `parent ${parent}`,
      `author x <${AGENT.toUpperCase()}> 1700000000 +0000`,
      "committer x <x@example.com> 1700000000 +0000",
      "",
      message,
    ].join("\n");
    await writeFile(join(folder, "commit"), raw);
    const id = await git(repository, "hash-object", "-t", "commit", "-w", join(folder, "commit"));
    await git(repository, "update-ref", "refs/heads/main", id);

    expect(codesOf(await verify(bare))).toEqual(["SignatureMissing"]);
    expect(codesOf(await verify({ ...bare, signatures: null }))).toEqual([]);
  });

  it("a person's symbolic link or submodule in the folder, or in the place of it", async () => {
    await commitAs(repository, {
      links: { [`${GIT_PATH}/mine.yaml`]: "../../secret.yaml" },
      submodules: { [`${GIT_PATH}/sub`]: "1".repeat(40) },
    });
    await commitAs(repository, { files: { [GIT_PATH]: null }, links: { clusters: "elsewhere" } });

    const { findings } = await verify();

    expect(findings.map(({ code, path }) => [code, path])).toEqual([
      ["NotARegularFile", `${GIT_PATH}/mine.yaml`],
      ["NotARegularFile", `${GIT_PATH}/sub`],
      ["NotARegularFile", "clusters"],
    ]);
  });

  it("a renamed file, one that may be run, and names that look like the agent's", async () => {
    const [path, text] = await aSecret();
    const message = await git(repository, "log", "-1", "--format=%B", "main");
    const strange = [
      "applications/mp-crm/application.yaml\n",
      "applications/mp-crm\\application.yaml",
      "Kustomization.yaml",
    ];
    await commitAs(repository, {
      message,
      files: {
        [`${GIT_PATH}/${path}`]: null,
        [`${GIT_PATH}/${path.replace("secrets/", "roles/")}`]: text,
        ...Object.fromEntries(strange.map((name) => [`${GIT_PATH}/${name}`, "a: b\n"])),
      },
    });

    const { findings } = await verify();

    expect(new Set(findings.map(({ code, path: place }) => `${code} ${place?.slice(GIT_PATH.length + 1)}`))).toEqual(
      new Set([
        ...strange.map((name) => `OutsideLayout ${name}`),
        `NotAsWritten ${path.replace("secrets/", "roles/")}`,
        `NotInInventory ${path.replace("secrets/", "roles/")}`,
        `FileNotAsListed ${path}`,
      ]),
    );
  });

  it("a merge of three that drops one side's change beside another side's own", async () => {
    const tip = await git(repository, "rev-parse", "main");
    const first = await git(repository, "rev-parse", "main~1");
    const side = async (name: string) => {
      await git(repository, "update-ref", `refs/heads/${name}`, first);
      return commitAs(repository, { branch: name, files: { [`${GIT_PATH}/${name}.md`]: "mine\n" } });
    };
    const [one, two] = [await side("one"), await side("two")];
    // All of one's folder: what the agent did in its second commit is gone, and so is the file of the other.
    const merge = await git(repository, "commit-tree", `${one}^{tree}`, "-p", one, "-p", two, "-p", tip, "-m", "Merge");
    await git(repository, "update-ref", "refs/heads/main", merge);

    const { findings } = await verify();

    expect(findings.map(({ code, commit }) => [code, commit])).toEqual([["MergeChanges", merge]]);
  });

  it("a base that has nothing in common with it, and tells of one that it is not built on", async () => {
    const tree = await git(repository, "rev-parse", "main^{tree}");
    const orphan = await git(repository, "commit-tree", tree, "-m", "Orphan");
    const beside = await git(repository, "commit-tree", tree, "-p", base, "-m", "Beside");

    await expect(verify({ base: orphan })).rejects.toMatchObject({ code: "BaseUnusable" });
    expect(await verify({ base: beside })).toMatchObject({ isOnBase: false, commits: { total: 2 }, findings: [] });
    expect(await verify({ base: "main" })).toMatchObject({ isOnBase: true, commits: { total: 0 }, findings: [] });
  });

  it("a person's commit that edits the inventory", async () => {
    const inventory = (await standing()).get(".runtime-agent/inventory.json") ?? "";
    const edited = inventory.replace(/"sha256":"[0-9a-f]{64}/, `"sha256":"${"0".repeat(64)}`);
    await commitAs(repository, { files: { [`${GIT_PATH}/.runtime-agent/inventory.json`]: edited } });

    expect(codesOf(await verify())).toContain("FileNotAsListed");
  });
});
