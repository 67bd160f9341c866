/** `run` as users run it: what wakes it between two cycles of its schedule, and what it does not take over. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { formatDocument } from "../src/adapters/yaml/index.js";
import { aFastClock, runDocument, startAgent, until } from "./a-running-agent.js";
import { freshToken } from "./connect/setup.js";
import { agentHere } from "./e2e/world.js";
import { type FakeAPIServer, startFakeAPIServer } from "./fakes/api-server.js";
import { createBareRepository } from "./fakes/git-server.js";
import { aSandbox, requests, setFaults } from "./sandbox/compass-client.js";

const HOUR = 60 * 60_000;
const SECRETS = "/api/v1/namespaces/kyma-system/secrets";
const CONNECTION = "/apis/compass.kyma-project.io/v1alpha1/compassconnections/compass-connection";

interface PlaceOptions {
  readonly speed?: number;
  readonly certificateLife?: number;
  readonly changes?: object;
}

async function aPlace({ speed = 100, certificateLife, changes = {} }: PlaceOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), "wiring-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = aFastClock(speed);
  const sandbox = await aSandbox({ clock, ...(certificateLife === undefined ? {} : { certificateLife }) });
  const repository = await createBareRepository(folder, "repository.git");
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, sandbox.token);
  const document = {
    ...runDocument(sandbox, repository),
    gitops: { observe: false },
    // What should come sooner and does not comes with it, by another name.
    schedule: { every: "1h" },
    ...changes,
  };
  const file = join(folder, "agent.yaml");
  const write = (more: object = {}) => writeFileSync(file, formatDocument({ ...document, ...more }));
  write();
  return { folder, clock, sandbox, tokenFile, file, document, write };
}

async function anAPIServer(secrets: Readonly<Record<string, Readonly<Record<string, string>>>> = {}) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  const put = (name: string, data: Readonly<Record<string, string>>) =>
    api.objects.set(`${SECRETS}/${name}`, {
      metadata: { name, namespace: "kyma-system", resourceVersion: "0" },
      data: Object.fromEntries(
        Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
      ),
    });
  for (const name of ["cluster-client-certificates", "runtime-agent-state"]) put(name, {});
  for (const [name, data] of Object.entries(secrets)) put(name, data);
  return { api, put };
}

const IN_CLUSTER = { state: { kubernetes: { namespace: "kyma-system" } } };

/** Why its cycles began, in order. */
const triggersOf = (told: string): string[] =>
  [...told.matchAll(/"trigger":"(\w+)"/g)].map(([, trigger = ""]) => trigger);

const ends = (told: string): number => (told.match(/"msg":"cycle (?:ended|failed)"/g) ?? []).length;

const waitFor = (agent: ReturnType<typeof startAgent>, what: string, isSo: (told: string) => boolean) =>
  until(what, () => (isSo(agent.told()) ? true : undefined), agent.told);

/** Until the agent has looked at the CompassConnection so often more. */
const looks = (api: FakeAPIServer, agent: ReturnType<typeof startAgent>, times: number) => {
  const count = () => api.requests.filter(({ method, path }) => method === "GET" && path === CONNECTION).length;
  const before = count();
  return until(`${times} looks`, () => (count() >= before + times ? true : undefined), agent.told);
};

function set(api: FakeAPIServer, resyncNow: boolean): void {
  const found = api.objects.get(CONNECTION);
  if (found === undefined) throw new Error("no CompassConnection");
  const metadata = { ...found.metadata, resourceVersion: `edited-${Math.random()}` };
  api.objects.set(CONNECTION, { ...found, metadata, spec: { ...(found.spec as object), resyncNow } });
}

const isResync = (api: FakeAPIServer) =>
  (api.objects.get(CONNECTION)?.spec as { resyncNow?: boolean } | undefined)?.resyncNow;

describe("between two cycles of its schedule, run", () => {
  it("begins one for a new token", async () => {
    const place = await aPlace();
    writeFileSync(place.tokenFile, "");
    const agent = startAgent(place);
    await waitFor(agent, "a cycle without a token", (told) => ends(told) >= 1);

    writeFileSync(place.tokenFile, place.sandbox.token);
    await agent.line("cycle ended");

    expect(triggersOf(agent.told())).toEqual(["start", "token"]);
  }, 120_000);

  it("begins one when its certificate is due", async () => {
    const place = await aPlace({ speed: 600, certificateLife: 3 * HOUR, changes: { schedule: { every: "2h" } } });
    const agent = startAgent(place);

    await agent.line("certificate renewed");

    expect(new Set(triggersOf(agent.told()))).toEqual(new Set(["start", "certificate"]));
  }, 120_000);

  it("begins one for resyncNow, however it ends, and another for the next wish", async () => {
    const { api } = await anAPIServer();
    const place = await aPlace({ changes: { ...IN_CLUSTER, schedule: { every: "2h" } } });
    const agent = startAgent({ ...place, kubeconfig: await api.kubeconfig() });
    await waitFor(agent, "a cycle", (told) => ends(told) >= 1);
    await setFaults(place.sandbox, { name: "insufficient-scopes" });

    set(api, true);
    await waitFor(agent, "the cycle of a wish", (told) => ends(told) >= 2);
    await looks(api, agent, 12);
    const [served, isLeft] = [triggersOf(agent.told()), isResync(api)];
    set(api, false);
    await looks(api, agent, 2);
    await setFaults(place.sandbox);
    set(api, true);
    await waitFor(agent, "the cycle of the next", (told) => ends(told) >= 3);
    await until("the switch set back", () => (isResync(api) === false ? true : undefined), agent.told);
    await looks(api, agent, 1);
    set(api, true);
    await waitFor(agent, "the cycle of a third", (told) => ends(told) >= 4);

    expect([served, isLeft]).toEqual([["start", "resyncNow"], true]);
    expect(triggersOf(agent.told())).toEqual(["start", "resyncNow", "resyncNow", "resyncNow"]);
  }, 120_000);

  it("keeps a configuration that every cycle would refuse out of use", async () => {
    const place = await aPlace();
    const agent = startAgent(place);
    await agent.line("cycle ended");

    place.write({ git: { ...place.document.git, publish: "pull-request" } });
    await waitFor(agent, "the cycle after that", (log) => ends(log) >= 2);
    const told = agent.lines().find(({ msg }) => msg.startsWith("the configuration"));

    expect([told?.msg, told?.code]).toEqual([
      "the configuration cannot be used: the last good one stays in use",
      "ConfigurationInvalid",
    ]);
    expect(agent.told()).not.toContain('"msg":"cycle failed"');
  }, 120_000);
});

describe("while the Secret of its configuration cannot be used, the identity in use is looked after", () => {
  const CONFIGURATION = `${SECRETS}/runtime-agent-configuration`;
  /** What becomes of the Secret, and how each way of working tells it. */
  const faults: [string, string, (at: Awaited<ReturnType<typeof aPairedPlace>>) => void][] = [
    ["is gone", "does not exist", ({ api }) => api.objects.delete(CONFIGURATION)],
    [
      "has wrong fields",
      "has no usable RUNTIME_ID",
      ({ put }) => put("runtime-agent-configuration", { RUNTIME_ID: "x" }),
    ],
    [
      "is forbidden",
      "runtime-agent-configuration",
      ({ api }) => {
        api.fault = ({ path }) => (path === CONFIGURATION ? 403 : null);
      },
    ],
  ];

  /** Paired by that Secret, and its certificate is due. */
  async function aPairedPlace(speed: number) {
    const { api, put } = await anAPIServer();
    const place = await aPlace({ speed, changes: IN_CLUSTER });
    const { sandbox, document } = place;
    const byTheSecret = {
      runtime: { configuration: { secret: "kyma-system/runtime-agent-configuration" } },
      compass: { ca: document.compass.ca },
    };
    place.write(byTheSecret);
    put("runtime-agent-configuration", {
      RUNTIME_ID: sandbox.runtimeID,
      TENANT: sandbox.tenant,
      CONNECTOR_URL: sandbox.connectorURL,
      TOKEN: sandbox.token,
    });
    const kubeconfig = await api.kubeconfig();
    const world = { cwd: place.folder, env: { KUBECONFIG: kubeconfig, TMPDIR: place.folder } };
    const paired = await agentHere(["sync"], world);
    expect(paired.code, paired.stderr).toBe(0);
    place.write({ ...byTheSecret, certificate: { keySize: 2048, renewAt: "0.0000001%" } });
    const status = () => JSON.stringify(api.objects.get(CONNECTION)?.status);
    const asked = async (operation: string) =>
      (await requests(sandbox)).filter((each) => each.endpoint === "secure-connector" && each.operation === operation);
    return { ...place, api, put, kubeconfig, world, status, asked };
  }

  it.each(faults)(
    "by sync and renew, where it %s",
    async (_, words, harm) => {
      const place = await aPairedPlace(1);
      harm(place);

      const synced = await agentHere(["sync", "-o", "json"], place.world);
      const status = place.status();
      const renewed = await agentHere(["renew"], place.world);

      const { notes, failure } = JSON.parse(synced.stdout);
      expect(failure.message).toContain(words);
      expect(notes.join()).toContain("the certificate was renewed");
      expect(status).toContain(words);
      expect(renewed.code, renewed.stderr).toBe(0);
      expect(await place.asked("signCertificateSigningRequest")).toHaveLength(2);
    },
    120_000,
  );

  it.each(faults)(
    "by a run that starts then, where it %s, until that is mended",
    async (_, words, harm) => {
      const place = await aPairedPlace(100);
      const { api, put, sandbox } = place;
      harm(place);

      const agent = startAgent(place);
      const told = await agent.line("the configuration cannot be used");
      const ended = await agent.line("cycle failed");
      const [status, ready] = [place.status(), await agent.status("/readyz")];
      const renewed = await place.asked("signCertificateSigningRequest");
      const cycles = ends(agent.told());
      const tries = () => api.requests.filter(({ path }) => path === CONFIGURATION).length;
      const before = tries();
      await until("more tries", () => (tries() > before + 5 ? true : undefined), agent.told);
      const quiet = ends(agent.told());
      api.fault = () => null;
      put("runtime-agent-configuration", {
        RUNTIME_ID: sandbox.runtimeID,
        TENANT: sandbox.tenant,
        CONNECTOR_URL: sandbox.connectorURL,
      });
      await agent.line("cycle ended");

      expect([told.msg, ended.reason]).toEqual([
        "the configuration cannot be used: it is tried again",
        expect.stringContaining(words),
      ]);
      expect(renewed).toHaveLength(1);
      expect([status, ready]).toEqual([expect.stringContaining(words), 503]);
      // It is read again, and nobody else is asked anything for that.
      expect(quiet).toBe(cycles);
    },
    120_000,
  );

  it.each(faults)(
    "and revoked, where it %s",
    async (_, words, harm) => {
      const place = await aPairedPlace(1);
      harm(place);

      const revoked = await agentHere(["revoke", "--yes"], place.world);

      expect([revoked.code, revoked.stderr]).toEqual([0, expect.stringContaining(words)]);
      expect(await place.asked("revokeCertificate")).toHaveLength(1);
    },
    120_000,
  );
});

it("run waits for whoever fills the empty Secret that its configuration names", async () => {
  const { api, put } = await anAPIServer({ "runtime-agent-configuration": {} });
  const place = await aPlace({ changes: IN_CLUSTER });
  place.write({
    runtime: { configuration: { secret: "kyma-system/runtime-agent-configuration" } },
    compass: { ca: place.document.compass.ca },
  });
  const agent = startAgent({ ...place, kubeconfig: await api.kubeconfig() });
  const { sandbox } = place;

  const told = await agent.line("the configuration cannot be used");
  put("runtime-agent-configuration", {
    RUNTIME_ID: sandbox.runtimeID,
    TENANT: sandbox.tenant,
    CONNECTOR_URL: sandbox.connectorURL,
    TOKEN: (await freshToken(sandbox)).reveal(),
  });
  await agent.line("cycle ended");

  expect([told.msg, told.code]).toEqual(["the configuration cannot be used: it is tried again", "SecretUnreadable"]);
  expect(readFileSync(place.file, "utf8")).toContain("runtime-agent-configuration");
}, 120_000);

it("run takes up at once a token that is put into the Secret of its configuration later", async () => {
  const { api, put } = await anAPIServer();
  const place = await aPlace({ changes: IN_CLUSTER });
  place.write({
    runtime: { configuration: { secret: "kyma-system/runtime-agent-configuration" } },
    compass: { ca: place.document.compass.ca },
  });
  const { runtimeID, tenant, connectorURL, token } = place.sandbox;
  const known = { RUNTIME_ID: runtimeID, TENANT: tenant, CONNECTOR_URL: connectorURL };
  put("runtime-agent-configuration", known);
  const agent = startAgent({ ...place, kubeconfig: await api.kubeconfig() });
  await waitFor(agent, "a cycle without a token", (told) => ends(told) >= 1);

  put("runtime-agent-configuration", { ...known, TOKEN: token });
  await agent.line("cycle ended");

  expect(triggersOf(agent.told())).toEqual(["start", "token"]);
}, 120_000);

it.each([["--quiet"], ["--log-level", "error"]])(
  "run warns of an unverified Compass with %s, too",
  async (...flags) => {
    const place = await aPlace({ certificateLife: 2 * HOUR });
    place.write({ compass: { ...place.document.compass, insecureSkipVerify: true } });

    const agent = startAgent({ ...place, flags });

    await agent.line("compass.insecureSkipVerify is on");
    expect(agent.told()).not.toContain('"level":"info"');
  },
  120_000,
);

it("run logs what sync prints as notes and warnings, once until they change", async () => {
  const place = await aPlace({ certificateLife: 2 * HOUR });
  const compass = { ...place.document.compass, insecureSkipVerify: true };
  place.write({ compass });
  const agent = startAgent(place);
  const times = (words: string) => agent.told().split(words).length - 1;
  await agent.line("cycle ended");
  const ofTheStart = times("turns off the check of Compass's server certificate");

  place.write({ compass, suspend: true });
  await waitFor(agent, "a second cycle", (told) => ends(told) >= 2);
  place.write({ compass, suspend: true, schedule: { every: "59m" } });
  await waitFor(agent, "a third one", (told) => ends(told) >= 3);
  await agent.stop();

  // Of the first cycle, of the second and third, and one that the third has in other words.
  expect(times("turns off the check of Compass's server certificate")).toBe(ofTheStart);
  expect(times("compass.insecureSkipVerify is on")).toBe(1);
  expect(times("secrets.mode is plain")).toBe(1);
  expect(times("suspended by the setting")).toBe(1);
  expect([times("schedule.every (1h)"), times("schedule.every (59m)")]).toEqual([1, 1]);
}, 120_000);
