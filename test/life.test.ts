import { describe, expect, it } from "vitest";
import { inspectIdentity, nextAttempt } from "../src/connect/index.js";
import type { LogEntry, Sandbox } from "../src/sandbox/index.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, requests, setFaults } from "./sandbox/compass-client.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Life {
  /** Of one certificate, in milliseconds. */
  readonly life: number;
  /** How long the agent runs. */
  readonly runs: number;
  /** Between two cycles; a renewal that failed is tried at its own time, too. */
  readonly every: number;
}

/** Whether the Connector is down: from each moment at which a certificate is due, for a third of its life. */
function outages(sandbox: Sandbox, life: number) {
  let until = 0;
  let begun = 0;
  let isDown = false;
  const set = async (down: boolean) => {
    if (down === isDown) return;
    isDown = down;
    // Both ways of a Connector to be away: no answer, and an answer of what stands before it.
    const names = [{ name: "http-503" as const }, { name: "reset" as const }, { name: "bad-request-empty" as const }];
    const chosen = names[begun % names.length] ?? { name: "http-503" as const };
    // Every second outage begins when the new certificate is there, and lacks its proof.
    const operations = begun % 2 === 0 ? ["__typename"] : ["configuration", "signCertificateSigningRequest"];
    await setFaults(sandbox, ...(down ? operations.map((match) => ({ ...chosen, match })) : []));
  };
  return {
    /** A third of the life from now on; the next one only after the next certificate. */
    begin: async (now: Date) => {
      begun += 1;
      until = now.getTime() + life / 3;
      await set(true);
    },
    at: (now: Date) => set(now.getTime() < until),
  };
}

describe("the life of a certificate, in one process and by one clock", () => {
  it.each<[string, Life]>([
    ["90 days", { life: 90 * DAY, runs: 200 * DAY, every: 6 * HOUR }],
    ["24 hours", { life: DAY, runs: 5 * DAY, every: 10 * MINUTE }],
    ["an hour", { life: HOUR, runs: 5 * HOUR, every: 3 * MINUTE }],
  ])(
    "of %s goes on, with the Connector down for a third of it each time a renewal is due",
    async (_, { life, runs, every }) => {
      const clock = aMovedClock();
      const sandbox = await aSandbox({ clock, certificateLife: life });
      const { pair, maintain, state } = await aRuntime(sandbox, clock);
      await pair();
      const down = outages(sandbox, life);
      const end = clock.now().getTime() + runs;
      const renewals: Date[] = [];
      const issuances: Date[] = [];
      let notAfter = (await usable()).notAfter;
      let isHit = false;

      async function usable() {
        const identity = await state.identity();
        const dates = identity === null ? null : inspectIdentity(identity).usable?.dates;
        if (!dates) throw new Error("there is no usable identity");
        return dates;
      }

      while (clock.now().getTime() < end) {
        await down.at(clock.now());
        const { renewed } = await maintain();
        const memory = (await state.memory()).certificate;
        const now = clock.now();
        // The first attempt meets the outage.
        if (renewed && !isHit && renewals.length % 2 === 1) throw new Error("the outage was not met");
        if (renewed) {
          renewals.push(now);
          isHit = false;
        }
        const dates = await usable();
        expect(dates.notAfter > now, `valid at ${now.toISOString()}, after ${renewals.length} renewals`).toBe(true);
        notAfter = dates.notAfter;
        const { lastIssuance } = memory;
        if (lastIssuance !== null && Date.parse(lastIssuance) !== issuances.at(-1)?.getTime()) {
          issuances.push(new Date(lastIssuance));
        }
        // Every second certificate meets an outage that begins just before it is due.
        const age = 1 - (notAfter.getTime() - now.getTime()) / life;
        if (!isHit && renewals.length % 2 === 1 && age > 0.6) {
          isHit = true;
          await down.begin(now);
        }
        const next = nextAttempt(memory, { notAfter, isIssued: false }, now)?.getTime() ?? Number.POSITIVE_INFINITY;
        // Not every try of a month: so many of one life are enough.
        const wait = memory.renewal === null ? every : Math.max(life / 2000, Math.min(every, next - now.getTime()));
        clock.move(wait);
      }

      expect(renewals.length).toBeGreaterThanOrEqual(Math.floor(runs / life));
      for (const [index, moment] of issuances.entries()) {
        const before = issuances[index - 1];
        if (before !== undefined) expect(moment.getTime() - before.getTime()).toBeGreaterThanOrEqual(10 * MINUTE);
      }
      const log = await requests(sandbox);
      const isSigning = ({ endpoint, operation }: LogEntry) =>
        endpoint === "secure-connector" && operation === "signCertificateSigningRequest";
      expect(log.filter(isSigning)).toHaveLength(issuances.length);
      // An expired certificate is refused in TLS: the sandbox notes every such connection.
      expect(log.filter(({ note }) => note?.includes("admitted"))).toEqual([]);
    },
    300_000,
  );
});
