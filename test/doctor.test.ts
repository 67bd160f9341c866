import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { examine } from "../src/doctor.js";
import type { Sandbox } from "../src/sandbox/index.js";
import { freshToken } from "./connect/setup.js";
import { commitAs, createBareRepository } from "./fakes/git-server.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control, requests, setFaults } from "./sandbox/compass-client.js";

const DAY = 24 * 60 * 60 * 1000;

/** What the doctor finds, as `check: verdict`, and the words by check. */
async function findings(change: (given: Awaited<ReturnType<typeof aPatient>>) => unknown = () => undefined) {
  const patient = await aPatient();
  await change(patient);
  const checks = await examine({ ...patient.options, config: patient.config, unresolved: null });
  return {
    verdicts: Object.fromEntries(checks.map(({ check, verdict }) => [check, verdict])),
    words: Object.fromEntries(checks.map(({ check, message, mend }) => [check, `${message} / ${mend}`])),
    said: JSON.stringify(checks),
    ...patient,
  };
}

async function aPatient() {
  const clock = aMovedClock();
  const sandbox: Sandbox = await aSandbox({ clock });
  const runtime = await aRuntime(sandbox, clock);
  const repository = await createBareRepository(runtime.folder.replace(/state$/, ""), "repository.git");
  const { git } = runtime.options.config;
  if (git === null) throw new Error("no git");
  const config = { ...runtime.options.config, git: { ...git, url: repository } };
  return { ...runtime, clock, sandbox, config };
}

const ALL_WELL = {
  configuration: "ok",
  state: "ok",
  "go-agent": "skipped",
  "compass-connection": "skipped",
  connector: "ok",
  certificate: "ok",
  token: "ok",
  compass: "ok",
  clock: "ok",
  repository: "ok",
  proposals: "skipped",
  sealing: "warning",
  gitops: "skipped",
  applier: "skipped",
  applied: "skipped",
  admission: "skipped",
};

describe("the doctor", () => {
  it("finds a paired agent well, and each of its preconditions", async () => {
    const { verdicts } = await findings(({ pair }) => pair());

    expect(verdicts).toEqual(ALL_WELL);
  });

  it("spends no token and writes nothing", async () => {
    const { sandbox, state, said } = await findings();
    const entries = await requests(sandbox);

    expect(entries.map(({ operation, status }) => `${operation} ${status}`)).toEqual(["__typename 400"]);
    expect(await state.memory()).toMatchObject({ spentTokens: [] });
    expect(said).not.toContain(sandbox.token);
  });

  it.each<[string, Parameters<typeof findings>[0], Record<string, string>, string, RegExp]>([
    [
      "an expired certificate",
      async ({ pair, clock }) => {
        await pair();
        clock.move(91 * DAY);
      },
      { certificate: "failed", token: "failed", compass: "skipped" },
      "certificate",
      /expired on .* one-time token/,
    ],
    [
      "a certificate that was revoked",
      async ({ pair, sandbox }) => {
        await pair();
        await control(sandbox, "/revoke", {});
      },
      { compass: "failed" },
      "compass",
      /did not accept the client certificate.*revoked.*outage/,
    ],
    [
      "a damaged certificate",
      async ({ pair, folder }) => {
        await pair();
        writeFileSync(join(folder, "identity", "current", "certificate.pem"), "junk");
      },
      { certificate: "warning" },
      "certificate",
      /damaged \(CertificateUnreadable\).*renews it/,
    ],
    [
      "a damaged key",
      async ({ pair, folder }) => {
        await pair();
        writeFileSync(join(folder, "identity", "current", "key.pem"), "junk");
      },
      { certificate: "failed", token: "failed", compass: "skipped" },
      "certificate",
      /KeyMismatch.*one-time token/,
    ],
    [
      "a token that is spent",
      async ({ pair, folder }) => {
        await pair();
        rmSync(join(folder, "identity"), { recursive: true });
      },
      { certificate: "failed", compass: "skipped", token: "failed" },
      "token",
      /used by this agent before.*new one-time token/,
    ],
    [
      "a Connector that is down",
      async ({ pair, sandbox }) => {
        await pair();
        await setFaults(sandbox, { name: "http-503", match: "__typename" });
      },
      { connector: "failed", compass: "failed" },
      "connector",
      /no Connector \(HTTP 503\)/,
    ],
    [
      "a server that is not trusted",
      async ({ pair, sandbox }) => {
        await pair();
        await setFaults(sandbox, { name: "tls-untrusted" });
      },
      { connector: "failed", compass: "failed", clock: "skipped" },
      "connector",
      /not trusted.*compass\.ca/,
    ],
    [
      "a clock that is wrong",
      async ({ pair, sandbox }) => {
        await pair();
        await control(sandbox, "/clock", { offset: "PT90S" });
      },
      { clock: "warning" },
      "clock",
      /^(?:89|90) s behind Compass/,
    ],
    [
      "a renewal that nobody has tried",
      async ({ pair, clock }) => {
        await pair();
        clock.move(61 * DAY);
      },
      { certificate: "warning" },
      "certificate",
      /overdue since .*renew/,
    ],
    [
      "a setting that a sync refuses",
      async (patient) => {
        await patient.pair();
        const git = { ...patient.config.git, publish: "pull-request" as const };
        Object.assign(patient, { config: { ...patient.config, git } });
      },
      { configuration: "failed" },
      "configuration",
      /which Git host git\.url is of cannot be told/,
    ],
    [
      "a state that is damaged",
      async ({ pair, folder }) => {
        await pair();
        writeFileSync(join(folder, "memory.json"), "{");
      },
      { state: "failed", certificate: "skipped", token: "skipped", compass: "skipped" },
      "state",
      /memory\.json is damaged/,
    ],
    [
      "a state that nobody could write",
      async (patient) => {
        await patient.pair();
        // Below a file.
        const directory = join(patient.config.git.url, "HEAD", "state");
        Object.assign(patient, { config: { ...patient.config, state: { directory } } });
      },
      { state: "failed", certificate: "warning", compass: "skipped" },
      "state",
      /cannot be written at .*StateUnwritable/,
    ],
    [
      "a repository that is not there",
      async (patient) => {
        await patient.pair();
        Object.assign(patient, { config: { ...patient.config, git: { ...patient.config.git, url: "/nowhere" } } });
      },
      { repository: "failed" },
      "repository",
      /RepositoryNotFound/,
    ],
    [
      "a branch that is not there",
      async (patient) => {
        await patient.pair();
        await commitAs(patient.config.git.url, { files: { "README.md": "Hello\n" } });
        Object.assign(patient, { config: { ...patient.config, git: { ...patient.config.git, branch: "prod" } } });
      },
      { repository: "failed" },
      "repository",
      /the branch prod does not exist/,
    ],
    [
      "a branch that is not there, and neither is the one to make it from",
      async (patient) => {
        await patient.pair();
        await commitAs(patient.config.git.url, { files: { "README.md": "Hello\n" } });
        const git = { ...patient.config.git, branch: "prod", createFrom: "test" };
        Object.assign(patient, { config: { ...patient.config, git } });
      },
      { repository: "failed" },
      "repository",
      /neither the branch prod nor test exists/,
    ],
    [
      "a branch that is still to be made",
      async (patient) => {
        await patient.pair();
        await commitAs(patient.config.git.url, { files: { "README.md": "Hello\n" } });
        const git = { ...patient.config.git, branch: "prod", createFrom: "main" };
        Object.assign(patient, { config: { ...patient.config, git } });
      },
      {},
      "repository",
      /the branch prod will be made from main/,
    ],
  ])("says %s", async (_, change, different, check, words) => {
    const found = await findings(change);

    expect(found.verdicts).toEqual({ ...ALL_WELL, ...different });
    expect(found.words[check]).toMatch(words);
    expect(found.said).not.toContain(found.sandbox.token);
  });

  it("says that a token is at hand where there is no certificate yet", async () => {
    const { verdicts, words } = await findings(async ({ giveToken, sandbox }) =>
      giveToken((await freshToken(sandbox)).reveal()),
    );

    expect(verdicts).toEqual({ ...ALL_WELL, certificate: "warning", compass: "skipped" });
    expect(words.certificate).toContain("the next sync pairs");
  });
});
