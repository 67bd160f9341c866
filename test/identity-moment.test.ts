import { describe, expect, it } from "vitest";
import { inspectIdentity } from "../src/connect/index.js";
import { identityMoment } from "../src/identity-moment.js";
import { renewalDue } from "../src/renew-identity.js";
import { freshToken } from "./connect/setup.js";
import { aMovedClock, aRuntime } from "./runtime.js";
import { aSandbox, control, requests, setFaults } from "./sandbox/compass-client.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

async function unpaired() {
  const clock = aMovedClock();
  const sandbox = await aSandbox({ clock });
  const runtime = await aRuntime(sandbox, clock);
  const { config } = runtime.options;
  const dates = async () => {
    const identity = await runtime.state.identity();
    const found = identity === null ? null : inspectIdentity(identity).usable?.dates;
    if (!found) throw new Error("there is no usable identity");
    return found;
  };
  const moment = () => identityMoment(config, runtime.state, clock.now());
  return { clock, sandbox, ...runtime, dates, moment, config };
}

async function paired() {
  const runtime = await unpaired();
  await runtime.pair();
  return runtime;
}

describe("the moment at which the identity wants to be looked after", () => {
  it("is none where there is no identity: a new token tells by itself", async () => {
    expect(await (await unpaired()).moment()).toBeNull();
  });

  it("is the time at which the certificate in use is due", async () => {
    const { config, dates, moment } = await paired();

    expect((await moment())?.at).toEqual(renewalDue(config, await dates(), ""));
  });

  it("is the next try of a renewal that failed, half a minute after the first", async () => {
    const { clock, sandbox, maintain, moment } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "configuration" });
    await maintain();

    expect((await moment())?.at).toEqual(new Date(clock.now().getTime() + 30_000));
  });

  it("is past where the certificate is due and nobody has tried", async () => {
    const { clock, moment } = await paired();
    clock.move(61 * DAY);

    expect((await moment())?.at).toEqual(clock.now());
  });

  it("is the next try of a renewal without its proof also when the certificate before it has expired", async () => {
    const { clock, sandbox, maintain, moment } = await paired();
    clock.move(61 * DAY);
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await maintain();
    clock.move(30 * DAY);
    await maintain().catch(() => undefined);

    const wait = ((await moment())?.at.getTime() ?? 0) - clock.now().getTime();

    expect(wait).toBe(MINUTE);
  });
});

describe("the moment of a pairing that was cut", () => {
  const wait = ({ at }: { at: Date } = { at: new Date(0) }, now: Date) => at.getTime() - now.getTime();

  it.each([
    ["before its certificate came", "signCertificateSigningRequest"],
    ["before its proof", "__typename"],
  ])("%s comes by a back-off, and not with the schedule", async (_, match) => {
    const { clock, sandbox, maintain, moment } = await unpaired();
    await setFaults(sandbox, { name: "http-503", match });
    const waits: number[] = [];

    for (let tries = 0; tries < 7; tries++) {
      await maintain().catch(() => undefined);
      waits.push(wait((await moment()) ?? undefined, clock.now()));
      clock.move(waits.at(-1) ?? 0);
    }
    await setFaults(sandbox);
    const { done } = await maintain();

    expect(waits).toEqual([0.5, 1, 2, 4, 8, 15, 15].map((minutes) => minutes * MINUTE));
    expect(done).toBe("pairing");
  });

  it("is the beginning of a certificate that is not valid yet", async () => {
    const { clock, sandbox, giveToken, maintain, moment, state } = await unpaired();
    await control(sandbox, "/clock", { offset: "PT6M" });
    giveToken((await freshToken(sandbox)).reveal());
    await maintain().catch(() => undefined);

    const { at } = (await moment()) ?? { at: new Date(0) };

    expect((await state.pending())?.issued).not.toBeNull();
    expect(Math.abs(at.getTime() - clock.now().getTime() - 6 * MINUTE)).toBeLessThan(MINUTE);
  });

  it("does not wait for what failed under a clock that was ahead", async () => {
    const { clock, sandbox, maintain, moment, state } = await unpaired();
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    await maintain().catch(() => undefined);
    const memory = await state.memory();
    const last = new Date(clock.now().getTime() + DAY).toISOString();
    const pairing = { since: last, last, times: 5, failure: "ServerError" };
    await state.saveMemory({ ...memory, certificate: { ...memory.certificate, pairing } });

    expect((await moment())?.at).toEqual(clock.now());
  });

  it("comes before that of the certificate in use, and where that is due, before the time at which it cannot wait", async () => {
    const { clock, sandbox, giveToken, maintain, moment } = await paired();
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    giveToken((await freshToken(sandbox)).reveal());
    await maintain({ mayPairAnew: true });
    const early = wait((await moment()) ?? undefined, clock.now());
    clock.move(61 * DAY);
    await maintain();
    const due = wait((await moment()) ?? undefined, clock.now());

    expect([early, due]).toEqual([MINUTE / 2, MINUTE]);
  });

  it("leaves the time at which a renewal cannot wait for it", async () => {
    const { clock, config, dates, maintain, moment, sandbox, giveToken, state } = await paired();
    const { notAfter } = await dates();
    const urgent = (renewalDue(config, await dates(), "").getTime() + notAfter.getTime()) / 2;
    clock.move(urgent - 5 * MINUTE - clock.now().getTime());
    await setFaults(sandbox, { name: "http-503", match: "__typename" });
    giveToken((await freshToken(sandbox)).reveal());
    await maintain({ mayPairAnew: true });
    const memory = await state.memory();
    const now = clock.now().toISOString();
    const pairing = { since: now, last: now, times: 9, failure: "ServerError" };
    await state.saveMemory({ ...memory, certificate: { ...memory.certificate, pairing } });

    expect((await moment())?.at.getTime()).toBe(Math.floor(urgent));
  });
});

describe("a signing request", () => {
  const signings = async (sandbox: Parameters<typeof requests>[0]) =>
    (await requests(sandbox)).filter(
      ({ endpoint, operation }) => endpoint === "secure-connector" && operation === "signCertificateSigningRequest",
    ).length;

  it.each(["graphql-error", "rate-limited"] as const)(
    "that was answered by %s issued nothing: the next one comes by the back-off alone",
    async (name) => {
      const { clock, sandbox, maintain, moment } = await paired();
      clock.move(61 * DAY);
      await setFaults(sandbox, { name, match: "signCertificateSigningRequest" });
      await maintain();

      const wait = ((await moment())?.at.getTime() ?? 0) - clock.now().getTime();
      clock.move(wait);
      await maintain();

      expect(wait).toBe(30_000);
      expect(await signings(sandbox)).toBe(2);
    },
  );

  // Counted by what reaches the Connector, not by what the agent remembers.
  it.each(["http-500", "http-503", "cut-body", "sign-fails-after-token", "partial-error"] as const)(
    "that may have issued one is followed by none for ten minutes: %s",
    async (name) => {
      const { clock, sandbox, maintain, moment } = await paired();
      clock.move(61 * DAY);
      await setFaults(sandbox, { name, match: "signCertificateSigningRequest" });
      const sent: number[] = [];

      for (let tries = 0; tries < 60; tries++) {
        const before = await signings(sandbox);
        const at = clock.now().getTime();
        await maintain();
        if ((await signings(sandbox)) > before) sent.push(at);
        clock.move(MINUTE);
      }
      const next = (await moment())?.at.getTime() ?? 0;

      expect(sent.length).toBeGreaterThan(2);
      expect(Math.min(...sent.slice(1).map((at, index) => at - (sent[index] ?? 0)))).toBeGreaterThanOrEqual(
        10 * MINUTE,
      );
      expect(next - (sent.at(-1) ?? 0)).toBeGreaterThanOrEqual(10 * MINUTE);
    },
  );
});
