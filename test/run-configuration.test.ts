/** `run` and the configuration: what is away at the start, a file that is emptied or gone, and what needs a restart. */

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument } from "../src/adapters/yaml/index.js";
import { aFastClock, runDocument, startAgent, until } from "./a-running-agent.js";
import { startFakeAPIServer } from "./fakes/api-server.js";
import { createBareRepository, git } from "./fakes/git-server.js";
import { aSandbox } from "./sandbox/compass-client.js";

const SECRETS = "/api/v1/namespaces/kyma-system/secrets";

async function aPlace(changes: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), "configuration-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = aFastClock(100);
  const sandbox = await aSandbox({ clock });
  const repository = await createBareRepository(folder, "repository.git");
  writeFileSync(join(folder, "token"), sandbox.token);
  const document = { ...runDocument(sandbox, repository), schedule: { every: "10m" }, ...changes };
  const file = join(folder, "agent.yaml");
  writeFileSync(file, formatDocument(document));
  const commits = async () => (await git(repository, "log", "--format=%H", "main").catch(() => "")).split("\n");
  return { folder, clock, sandbox, repository, file, document, commits };
}

const countOf = (lines: readonly { msg: string }[], text: string) =>
  lines.filter(({ msg }) => msg.includes(text)).length;

describe("run", () => {
  it("listens first while the API server is away at its start: alive, not ready, told once, and works when it is back", async () => {
    const api = await startFakeAPIServer();
    onTestFinished(() => api.close());
    const place = await aPlace({
      runtime: { configuration: { secret: "kyma-system/runtime-agent-configuration" } },
      compass: undefined,
      state: { kubernetes: { namespace: "kyma-system" } },
    });
    const { sandbox } = place;
    const compass = { ca: { file: sandbox.ca } };
    writeFileSync(place.file, formatDocument({ ...place.document, compass }));
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    for (const name of ["cluster-client-certificates", "runtime-agent-state", "runtime-agent-configuration"]) {
      api.objects.set(`${SECRETS}/${name}`, {
        metadata: { name, namespace: "kyma-system", resourceVersion: "0" },
        data: name.endsWith("configuration")
          ? {
              RUNTIME_ID: encoded(sandbox.runtimeID),
              TENANT: encoded(sandbox.tenant),
              CONNECTOR_URL: encoded(sandbox.connectorURL),
              TOKEN: encoded(sandbox.token),
            }
          : {},
      });
    }
    api.fault = () => "reset";
    const agent = startAgent({ ...place, kubeconfig: await api.kubeconfig() });

    const told = await agent.line("the configuration cannot be used");
    const tries = api.requests.length;
    await until("another try", () => (api.requests.length > tries ? true : undefined), agent.told);
    const away = [await agent.status("/healthz"), await agent.status("/readyz")];
    api.fault = () => null;
    await agent.line("cycle ended");
    const back = [await agent.status("/healthz"), await agent.status("/readyz")];
    const code = await agent.stop();

    expect([told.msg, told.code]).toEqual([
      "the configuration cannot be used: it is tried again",
      "NetworkUnreachable",
    ]);
    expect([away, back, code]).toEqual([[200, 503], [200, 200], 0]);
    expect(countOf(agent.lines(), "the configuration cannot be used")).toBe(1);
  }, 120_000);

  it.each([
    ["wrong", "version: 7\n"],
    ["empty", "# nothing yet\n"],
  ])("ends at once with 78 when its configuration is %s in itself", async (_, text) => {
    const place = await aPlace();
    writeFileSync(place.file, text);

    expect(await startAgent(place).ended).toBe(78);
  });

  it.each([
    ["is emptied", (file: string) => writeFileSync(file, "")],
    ["is gone", (file: string) => renameSync(file, `${file}.away`)],
  ])(
    "keeps a suspend when the file %s, tells it once, and sees at once that it is back",
    async (_, away) => {
      const place = await aPlace({ suspend: true });
      const good = readFileSync(place.file, "utf8");
      const agent = startAgent(place);
      await agent.line("cycle ended");

      away(place.file);
      const told = await agent.line("the configuration cannot be used");
      const before = countOf(agent.lines(), "cycle ended");
      await until(
        "two more",
        () => (countOf(agent.lines(), "cycle ended") > before + 1 ? true : undefined),
        agent.told,
      );
      writeFileSync(place.file, good);
      await agent.line("the configuration can be used again");
      await agent.stop();

      expect(told.msg).toBe("the configuration cannot be used: the last good one stays in use");
      expect(countOf(agent.lines(), "the configuration cannot be used")).toBe(1);
      expect(await place.commits()).toEqual([""]);
      expect(agent.told()).toMatch(/"trigger":"configuration"[^\n]*\n(?:[^\n]*\n)?[^\n]*can be used again/);
    },
    120_000,
  );

  it("says that what it listens on changes only when it is started again", async () => {
    const place = await aPlace();
    const agent = startAgent(place);
    await agent.line("cycle ended");

    writeFileSync(place.file, formatDocument({ ...place.document, server: { health: 0, metrics: null, page: null } }));
    await agent.line("server was changed");
    const before = countOf(agent.lines(), "cycle ended");
    await until("another", () => (countOf(agent.lines(), "cycle ended") > before ? true : undefined), agent.told);

    expect(countOf(agent.lines(), "server was changed")).toBe(1);
  }, 120_000);
});
