import { describe, expect, it } from "vitest";
import { silentLogger } from "../src/common/logger.js";
import { inspectIdentity } from "../src/connect/index.js";
import { runDaemon, stableInterval } from "../src/daemon.js";
import { identityMoment } from "../src/identity-moment.js";
import { renewalDue } from "../src/renew-identity.js";
import type { Sandbox } from "../src/sandbox/index.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, requests, setFaults } from "./sandbox/compass-client.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How the Connector is away: what each call of these operations meets. */
interface Outage {
  readonly name: "http-503" | "reset" | "bad-request-empty" | "partial-error";
  readonly operations: readonly string[];
}

interface Life {
  /** Of one certificate, in milliseconds. */
  readonly life: number;
  /** How long the agent runs. */
  readonly runs: number;
  /** `schedule.every`. */
  readonly every: number;
  /** From the moment on at which a certificate is due, every second time; @default a third of the life */
  readonly outage?: number;
  /** One after the other. @default `EACH` */
  readonly outages?: readonly Outage[];
}

const SIGNING = ["configuration", "signCertificateSigningRequest"];

/** Every way of a Connector to be away: at once, when the new certificate is asked for, and when it lacks its proof. */
const EACH: readonly Outage[] = [
  { name: "http-503", operations: SIGNING },
  { name: "reset", operations: ["__typename"] },
  { name: "bad-request-empty", operations: SIGNING },
  // Each may have issued one: ten minutes lie between two.
  { name: "http-503", operations: ["signCertificateSigningRequest"] },
  { name: "partial-error", operations: ["signCertificateSigningRequest"] },
  { name: "reset", operations: ["signCertificateSigningRequest"] },
];

/** Signing requests that came over mTLS: renewals, whatever was answered. */
const signingsIn = (log: Awaited<ReturnType<typeof requests>>) =>
  log.filter(
    ({ endpoint, operation }) => endpoint === "secure-connector" && operation === "signCertificateSigningRequest",
  ).length;

/** The daemon as `run` has it, with one clock for it and the sandbox; a cycle is what maintains the identity. */
async function live({ life, runs, every, outage = life / 3, outages = EACH }: Life) {
  const clock = aMovedClock();
  const sandbox: Sandbox = await aSandbox({ clock, certificateLife: life });
  const { pair, maintain, state, options } = await aRuntime(sandbox, clock);
  const config = { ...options.config, schedule: { ...options.config.schedule, every } };
  await pair();
  const begin = clock.now().getTime();
  const stop = new AbortController();
  const renewals: number[] = [];
  const issuances: number[] = [];
  const tries: number[] = [];
  let seen = 0;
  let cycles = 0;
  let wasUnusable = false;
  let down: { readonly from: number; readonly until: number; readonly by: Outage } | null = null;
  let isDown = false;
  const met = new Set<Outage>();

  /** Every second certificate meets an outage, which begins when it is due. */
  const next = async () => {
    const identity = await state.identity();
    const dates = identity === null ? null : inspectIdentity(identity).usable?.dates;
    if (!dates) throw new Error("there is no usable identity");
    const by = outages[Math.floor(renewals.length / 2) % outages.length];
    const from = renewalDue(config, dates, "").getTime();
    down = renewals.length % 2 === 0 && by !== undefined && outage > 0 ? { from, until: from + outage, by } : null;
    return dates;
  };
  let dates = await next();
  /** Where the outage stands by the clock, which a cycle moves, too. */
  const weather = async () => {
    const now = clock.now().getTime();
    const isWanted = down !== null && now >= down.from && now < down.until;
    if (isWanted === isDown) return;
    isDown = isWanted;
    if (isDown && down !== null) met.add(down.by);
    const { name, operations } = down?.by ?? { name: "reset" as const, operations: [] };
    await setFaults(sandbox, ...(isDown ? operations.map((match) => ({ name, match })) : []));
  };

  await runDaemon({
    cycle: async () => {
      cycles += 1;
      await weather();
      const asked = clock.now().getTime();
      const { done, failed } = await maintain({ config }).catch(() => {
        wasUnusable = true;
        stop.abort();
        return { done: null, failed: [] };
      });
      const now = clock.now().getTime();
      if (failed.length > 0) tries.push(now);
      if (failed.length > 0 || done !== null) {
        // By what reached the Connector: the agent may remember otherwise.
        const sent = signingsIn(await requests(sandbox));
        if (sent > seen) issuances.push(asked);
        if (sent > seen + 1) issuances.push(asked);
        seen = sent;
      }
      // Not every try of hours: a cycle that took so long stands for them.
      const rest = down === null ? 0 : down.until - now - 2 * HOUR;
      if (failed.length > 0 && tries.length % 8 === 0 && rest > life / 10) clock.move(rest);
      if (done !== null) {
        renewals.push(now);
        if (now >= dates.notAfter.getTime()) wasUnusable = true;
        dates = await next();
      }
      if (now > begin + runs) stop.abort();
    },
    interval: () => stableInterval(every, 0, ""),
    moment: () => identityMoment(config, state, clock.now()),
    look: async () => {
      await weather();
      return null;
    },
    clock,
    log: silentLogger,
    stop: stop.signal,
    // Ninety days are many looks of five seconds.
    lookEvery: Math.max(5_000, life / 2_000),
  });
  const log = await requests(sandbox);
  return { renewals, issuances, tries, cycles, wasUnusable, met, log };
}

describe("the life of a certificate, in one process and by one clock", () => {
  it.each<[string, string, Life]>([
    // Each meets two outages: by three of them the Connector is away in every way.
    ["90 days", "6 hours", { life: 90 * DAY, runs: 280 * DAY, every: 6 * HOUR, outages: EACH.slice(0, 2) }],
    ["90 days", "6 hours", { life: 90 * DAY, runs: 280 * DAY, every: 6 * HOUR, outages: EACH.slice(2, 4) }],
    ["90 days", "6 hours", { life: 90 * DAY, runs: 280 * DAY, every: 6 * HOUR, outages: EACH.slice(4) }],
    ["90 days", "a week", { life: 90 * DAY, runs: 280 * DAY, every: 7 * DAY }],
    ["24 hours", "10 minutes", { life: DAY, runs: 3 * DAY, every: 10 * MINUTE }],
    ["24 hours", "9 hours", { life: DAY, runs: 3 * DAY, every: 9 * HOUR }],
    ["24 hours", "12 hours", { life: DAY, runs: 3 * DAY, every: 12 * HOUR }],
    ["an hour", "3 minutes", { life: HOUR, runs: 7 * HOUR, every: 3 * MINUTE }],
    ["an hour", "30 minutes", { life: HOUR, runs: 6 * HOUR, every: 30 * MINUTE }],
  ])(
    "of %s goes on with a cycle in %s, with the Connector down for a third of it when a renewal is due",
    async (_, __, life) => {
      const { renewals, issuances, wasUnusable, met, log } = await live(life);

      expect(wasUnusable).toBe(false);
      expect([...met]).toEqual(life.outages ?? EACH.slice(0, met.size));
      expect(met.size).toBeGreaterThan(1);
      expect(renewals.length).toBeGreaterThanOrEqual(Math.floor(life.runs / life.life));
      for (const [index, moment] of issuances.entries()) {
        const before = issuances[index - 1];
        if (before !== undefined) expect(moment - before).toBeGreaterThanOrEqual(10 * MINUTE);
      }
      // An expired certificate is refused in TLS: the sandbox notes every such connection.
      expect(log.filter(({ note }) => note?.includes("admitted"))).toEqual([]);
    },
    300_000,
  );
});
