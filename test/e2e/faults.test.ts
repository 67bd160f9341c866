/** Every fault of the sandbox against `sync`: what is told, what is written, and how it goes on when the fault is over. */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Fault, type FaultName, faultNames } from "../../src/sandbox/index.js";
import { aStage as aBareStage, type Tree } from "./stage.js";
import { freshToken } from "./world.js";

interface Row {
  readonly fault: Fault;
  /** Of `sync` while the fault stays, with the code of the failure and the reasons of what is set aside or held. */
  readonly exit: number;
  readonly code: string | null;
  readonly reasons?: readonly string[];
  /** @default unchanged */
  readonly tree?: Tree;
  /** True when the fault passes unseen where it strikes once only. */
  readonly unseenOnce: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const unavailable = { exit: 75, unseenOnce: true };
const refused = { exit: 1, unseenOnce: false };
const incomplete = { exit: 75, code: "FetchIncomplete", unseenOnce: true };

/** The Application that is changed in Director, by its id, which only the landscape knows. */
const CHANGED = "the changed one";

const answers: readonly Row[] = [
  { fault: { name: "http-500" }, ...unavailable, code: "ServerError" },
  { fault: { name: "http-503" }, ...unavailable, code: "DirectorTimedOut" },
  { fault: { name: "http-401" }, ...refused, exit: 3, code: "CredentialsRejected" },
  { fault: { name: "http-403" }, ...refused, exit: 3, code: "CredentialsRejected" },
  { fault: { name: "rate-limited" }, ...unavailable, code: "RateLimited" },
  {
    fault: { name: "slow", delay: 5000 },
    ...unavailable,
    code: "TimedOut",
    env: { RUNTIME_AGENT_COMPASS_TIMEOUT: "1s" },
  },
  { fault: { name: "cut-body" }, ...unavailable, code: "AnswerCut" },
  { fault: { name: "truncated-json" }, ...unavailable, code: "AnswerCut" },
  { fault: { name: "not-json" }, ...unavailable, code: "AnswerMalformed" },
  { fault: { name: "graphql-error" }, ...unavailable, code: "DirectorRefused" },
  { fault: { name: "graphql-error", code: 22 }, ...refused, code: "RuntimeUnknown" },
  { fault: { name: "graphql-error", code: 28 }, ...unavailable, code: "DirectorTimedOut" },
  { fault: { name: "partial-error" }, ...unavailable, code: "DirectorRefused" },
  { fault: { name: "reset" }, ...unavailable, code: "NetworkUnreachable" },
  { fault: { name: "no-runtime" }, ...refused, code: "RuntimeUnknown" },
  // What an outage looks like, too: asked again before it is believed.
  { fault: { name: "insufficient-scopes" }, exit: 3, unseenOnce: true, code: "CredentialsRejected" },
  { fault: { name: "bad-request-empty" }, exit: 3, unseenOnce: true, code: "CredentialsRejected" },
  { fault: { name: "missing-scope" }, ...refused, code: "DirectorRefused" },
  { fault: { name: "unprocessable" }, ...refused, code: "DirectorUnprocessable" },
  {
    fault: { name: "unprocessable", application: CHANGED },
    exit: 0,
    code: null,
    reasons: ["Unreadable"],
    tree: "all but one",
    unseenOnce: false,
  },
  { fault: { name: "page-size", limit: 0 }, ...refused, code: "PageSizeRefused" },
  { fault: { name: "page-size", limit: 1 }, exit: 0, code: null, tree: "as Director says", unseenOnce: false },
  { fault: { name: "redirect" }, ...refused, code: "Redirected" },
  { fault: { name: "tls-untrusted" }, ...refused, code: "TlsUntrusted" },
];

const pages: readonly Row[] = [
  // Director may truly have nothing to list: it is taken, and nothing is deleted by it.
  { fault: { name: "empty-page" }, exit: 0, code: null, reasons: ["EmptyAnswer"], unseenOnce: false },
  { fault: { name: "drop-item" }, ...incomplete },
  { fault: { name: "repeat-item" }, ...incomplete },
  { fault: { name: "wrong-total" }, ...incomplete },
  { fault: { name: "cursor-loop" }, ...incomplete },
  { fault: { name: "insert-between-pages" }, ...incomplete },
  { fault: { name: "delete-between-pages" }, ...incomplete },
  // So may an Application have no bundles: its services go with it, and its Secrets stay.
  {
    fault: { name: "empty-page", match: "bundles" },
    exit: 0,
    code: null,
    reasons: ["CredentialsVanished"],
    tree: "no Secret lost",
    unseenOnce: false,
  },
  { fault: { name: "drop-item", match: "bundles" }, ...incomplete },
  { fault: { name: "repeat-item", match: "bundles" }, ...incomplete },
  { fault: { name: "wrong-total", match: "apiDefinitions" }, ...incomplete },
  { fault: { name: "cursor-loop", match: "eventDefinitions" }, ...incomplete },
];

/** The first look takes three pages: only the second one, before the deletion, is struck. */
const secondLook = { match: "applicationsForRuntime", after: 3 };
const seconds: readonly Row[] = [
  {
    fault: { name: "empty-page", ...secondLook },
    exit: 0,
    code: null,
    reasons: ["SeenAgain"],
    tree: "nothing deleted",
    unseenOnce: false,
  },
  { fault: { name: "http-500", ...secondLook }, ...unavailable, code: "ServerError" },
  { fault: { name: "drop-item", ...secondLook }, ...incomplete },
  { fault: { name: "no-runtime", match: "runtime", after: 3 }, ...refused, code: "RuntimeUnknown" },
];

/** Struck while `sync` pairs first. Nothing of it is tried again by itself: a token is good for one call. */
const pairing: readonly Row[] = [
  { fault: { name: "wrong-certificate" }, ...refused, code: "CertificateUnusable" },
  { fault: { name: "future-certificate" }, exit: 75, code: "CertificateUnusable", unseenOnce: false },
  { fault: { name: "token-spent" }, exit: 3, code: "TokenRejected", unseenOnce: false },
  { fault: { name: "sign-fails-after-token" }, exit: 75, code: "ServerError", unseenOnce: false },
];

describe("every fault of the sandbox", () => {
  it("has a row here", () => {
    const named = new Set<FaultName>([...answers, ...pages, ...seconds, ...pairing].map(({ fault }) => fault.name));

    expect([...named].sort()).toEqual([...faultNames].sort());
  });

  it.each([
    ["an answer that fails as a whole", answers],
    ["a page that is not as it should be", pages],
    ["a second look that fails, where the first did not", seconds],
  ])(
    "writes nothing wrong by %s while it stays, goes on when it is over, and does not notice it where it may pass",
    async (_, rows) => {
      await onStages(rows, async (stage, row) => {
        await stage.reset();
        await stage.strike(row.fault);
        expect(await stage.sync(row)).toEqual(whileItStays(row));

        await stage.strike();
        expect(await stage.sync(row)).toEqual(asDirectorSays(row));

        if (!row.unseenOnce) return;
        await stage.reset();
        await stage.strike({ ...row.fault, times: 1 });
        expect(await stage.sync(row)).toEqual(asDirectorSays(row));
      });
    },
    600_000,
  );

  it("writes nothing wrong by one of pairing, and goes on with a fresh token", async () => {
    await onStages(pairing, async (stage, row) => {
      await stage.reset();
      await stage.forgetIdentity();
      await stage.strike(row.fault);
      expect(await stage.sync(row, { token: true })).toEqual(whileItStays(row));

      await stage.strike();
      expect(await stage.sync(row, { token: true })).toEqual(asDirectorSays(row));
    });
  }, 600_000);
});

/** The name goes with it, so that a difference tells whose it is. */
const whileItStays = ({ fault, exit, code, reasons = [], tree = "unchanged" }: Row) => ({
  fault,
  exit,
  code,
  reasons,
  tree,
});

const asDirectorSays = ({ fault }: Row) => ({ fault, exit: 0, code: null, reasons: [], tree: "as Director says" });

interface Told {
  readonly failure: { readonly code: string } | null;
  readonly applications: { readonly held: readonly Reasoned[]; readonly setAside: readonly Reasoned[] };
}

interface Reasoned {
  readonly reason: string;
}

/** Plays each row on a stage of its own or one that is free again: most of the time the agent waits to try once more. */
async function onStages(rows: readonly Row[], play: (stage: FaultStage, row: Row) => Promise<void>): Promise<void> {
  const left = [...rows];
  const stages = await Promise.all(rows.slice(0, 3).map(aStage));
  await Promise.all(
    stages.map(async (stage) => {
      for (let row = left.shift(); row !== undefined; row = left.shift()) await play(stage, row);
    }),
  );
}

type FaultStage = Awaited<ReturnType<typeof aStage>>;

/** Where faults strike, and what comes of them is told. */
async function aStage() {
  const { world, env, changed, reset, tree } = await aBareStage();
  const token = join(world.folder, "token");
  const strike = ({ application, ...fault }: Fault) =>
    world.fault(application === CHANGED ? { ...fault, application: changed } : fault);
  return {
    reset,
    forgetIdentity: () => rm(join(world.folder, "state", "identity"), { recursive: true }),
    /** This fault from now on; or none. */
    strike: (fault?: Fault) => (fault === undefined ? world.fault() : strike(fault)),
    async sync({ fault, env: own = {} }: Row, { token: given = false } = {}) {
      if (given) await writeFile(token, await freshToken(world.sandbox));
      const pairs = given ? { RUNTIME_AGENT_COMPASS_TOKEN_FILE: token } : {};
      const { code: exit, stdout } = await world.run(["sync", "-o", "json"], { env: { ...env, ...own, ...pairs } });
      const { failure, applications } = JSON.parse(stdout) as Told;
      const reasons = [...applications.held, ...applications.setAside].map(({ reason }) => reason);
      return { fault, exit, code: failure?.code ?? null, reasons: [...new Set(reasons)], tree: await tree() };
    },
  };
}
