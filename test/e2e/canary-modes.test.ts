/** No credential is readable anywhere, in whatever mode Secrets are kept and however they are published, over a life of changes. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { startFakeAPIServer } from "../fakes/api-server.js";
import { startGitHost } from "../fakes/git-hosts.js";
import { commitAs, git, startGitServer } from "../fakes/git-server.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { credentials, filesBelow, leaks, objects, output, recordingGit, SHORTEST, type Traces } from "./traces.js";
import { aWorld, GIT_PATH, RECIPIENT, type World } from "./world.js";

const HOST_TOKEN = "canary-host-token-0123456789";

/** Looks another in every form there is: in a URL, in JSON, in YAML, in base64. */
const HOSTILE = 'pässwörd "of" <all> & {FOO}: 100 % +';

type Mode = "sops" | "sealed-secrets" | "cluster";
type Settings = Record<string, unknown>;

/** Two settings of one mode: the second seals everything anew, where there is anything to seal. */
async function settingsOf(mode: Mode, folder: string): Promise<readonly [Settings, Settings]> {
  switch (mode) {
    case "sops": {
      const other = await identityToRecipient(await generateX25519Identity());
      const of = (...age: string[]) => ({ mode, sops: { age, configFile: true } });
      return [of(RECIPIENT, other), of(other)];
    }
    case "sealed-secrets": {
      const files = ["one.pem", "two.pem"].map((name) => join(folder, name));
      for (const file of files) await writeFile(file, (await aSealingPair()).certificate);
      const of = (file: string | undefined) => ({ mode, sealedSecrets: { certificate: { file }, resealAfter: "0s" } });
      return [of(files[0]), of(files[1])];
    }
    case "cluster":
      return [{ mode }, { mode }];
  }
}

/** An API server that takes every Secret that is applied, and keeps what it was asked. */
async function aCluster() {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const isSecret = (path: string) => /\/namespaces\/kyma-system\/secrets\//.test(path);
  api.fault = ({ method, path, body }) =>
    isSecret(path) && method === "PATCH" ? { answer: { ...JSON.parse(body), kind: "Secret" } } : null;
  const applied = () => api.requests.filter(({ method, path }) => isSecret(path) && method === "PATCH");
  // What a Secret is applied by is where values belong; nothing else is.
  const traces = (): Traces =>
    new Map(
      api.requests.map((request, index) => {
        const { authorization: _own, body, ...rest } = request;
        const told = applied().includes(request) ? rest : { ...rest, body };
        return [`call ${index} of the API server`, Buffer.from(JSON.stringify(told))] as const;
      }),
    );
  return { env: { KUBECONFIG: await api.kubeconfig() }, applied, traces };
}

async function edit(world: World, password: string): Promise<void> {
  await world.edit(({ applications }) => {
    const found = applications
      .flatMap(({ bundles }) => bundles ?? [])
      .map(({ defaultInstanceAuth }) => (defaultInstanceAuth as { credential?: Record<string, string> })?.credential)
      .find((credential) => credential?.password !== undefined);
    if (found === undefined) throw new Error("nobody has a password");
    found.password = password;
  });
}

describe("the canary", () => {
  // By a request nothing is published in mode cluster: the configuration is refused, since no request would hold a Secret back.
  it.each<[Mode, "direct" | "pull-request"]>([
    ["sops", "direct"],
    ["sops", "pull-request"],
    ["sealed-secrets", "direct"],
    ["sealed-secrets", "pull-request"],
    ["cluster", "direct"],
  ])(
    "finds no value in mode %s published by %s: Git, output, calls, arguments, files",
    async (mode, publish) => {
      const world = await aWorld({ sandbox: { applications: 6 } });
      const { folder, repository } = world;
      await commitAs(repository, { files: { "README.md": "Hello\n" } });
      const name = `${basename(folder)}/repository`;
      const server = await startGitServer({ directory: dirname(folder), token: HOST_TOKEN });
      onTestFinished(() => server.close());
      const host = await startGitHost({ kind: "github", name, repository, token: HOST_TOKEN });
      onTestFinished(() => host.close());
      const cluster = await aCluster();
      const token = join(folder, "git-token");
      await writeFile(token, HOST_TOKEN);
      const [first, second] = await settingsOf(mode, folder);
      const given = parseYaml(await readFile(world.config, "utf8"), { file: "", stage: "config", code: "Internal" });
      const url = `${new URL(server.url("x")).origin}/${name}.git`;
      const configure = (secrets: Settings) =>
        writeFile(
          world.config,
          formatDocument({
            ...(given as object),
            git: { url, path: GIT_PATH, publish, auth: { token: { file: token } } },
            pullRequest: { host: "github", api: host.api },
            secrets,
          }),
        );
      const temporary = join(folder, "tmp");
      await mkdir(temporary);
      const recording = await recordingGit(folder, [temporary, join(folder, "state", "cache")]);
      const env = { PATH: recording.path, TMPDIR: temporary, ...cluster.env };
      const traces: Traces = new Map();
      const codes: (number | null)[] = [];
      const run = async (...args: string[]) => {
        const done = await world.run(["--log-level", "debug", ...args], { env });
        for (const [place, bytes] of output(`${codes.length} ${args.join(" ")}`, done)) traces.set(place, bytes);
        codes.push(done.code);
      };
      const merge = async () => (publish === "pull-request" ? host.merge(host.requests.length) : undefined);

      await configure(first);
      await world.pair();
      const known = [await credentials(world)];
      await run("sync");
      await merge();
      await edit(world, HOSTILE);
      known.push(await credentials(world));
      await run("plan", "--diff");
      await run("sync", "-o", "json");
      await merge();
      await configure(second);
      await run("sync");
      await edit(world, `${HOSTILE} again`);
      known.push(await credentials(world));
      await world.fault({ name: "partial-error" });
      await run("sync", "--timeout", "20s");
      await world.fault();
      await run("sync");
      await run("status", "-o", "json");

      const secrets = [...new Set(known.flat()), HOST_TOKEN];
      const calls = host.calls.map(({ authorization: _own, ...call }) => JSON.stringify(call));
      const places = new Map([
        ...traces,
        ...(await objects(repository)),
        ...(await filesBelow(temporary)),
        ...(await filesBelow(recording.copies)),
        ...(await filesBelow(join(folder, "state"))),
        ...cluster.traces(),
        ["calls of the host", Buffer.from(calls.join("\n"))] as const,
        ["arguments of git", await recording.arguments()] as const,
      ]);
      expect(codes).toEqual([0, 0, 0, 0, 75, 0, 0]);
      expect(secrets).toContain(HOSTILE);
      expect(secrets.filter(({ length }) => length >= SHORTEST).length).toBeGreaterThan(10);
      expect(leaks(places, secrets)).toEqual([]);
      // The fifth met the fault. All of it was looked at: what was published, what was asked, and where the values did go.
      const isProposing = publish === "pull-request";
      const branch = isProposing ? `runtime-agent/${world.sandbox.runtimeID}` : "main";
      const paths = await git(repository, "ls-tree", "-r", "--name-only", branch);
      expect(paths.includes("/secrets/")).toBe(mode !== "cluster");
      expect(calls.length > 0).toBe(isProposing);
      const values = cluster.applied().map(({ body }) => body);
      const inBase64 = Buffer.from(HOSTILE).toString("base64");
      expect(values.some((body) => body.includes(inBase64))).toBe(mode === "cluster");
      expect(places.get("arguments of git")?.toString()).toContain("push");
    },
    300_000,
  );
});
