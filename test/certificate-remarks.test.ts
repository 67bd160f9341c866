import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { certificateRemarks } from "../src/certificate-remarks.js";
import { type Config, loadConfig } from "../src/config/index.js";
import { connectionOf } from "./state/examples.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const BEGINNING = new Date("2026-03-01T12:00:00Z");

/** What is said of a certificate of that life, so long after its beginning. */
async function said(life: number, age: number, every = 3 * MINUTE, renewal: string | null = null) {
  const { config } = await loadConfig({ env: { RUNTIME_AGENT_CONFIG: "/dev/null" }, cwd: tmpdir() });
  const dates = { commonName: "c", notBefore: BEGINNING, notAfter: new Date(BEGINNING.getTime() + life) };
  const changed: Config = { ...config, schedule: { ...config.schedule, every } };
  const failed = renewal === null ? null : { since: renewal, last: renewal, times: 1, failure: "ServerError" };
  const now = new Date(BEGINNING.getTime() + age);
  const usable = { dates, connection: connectionOf("one") };
  return certificateRemarks(changed, usable, { renewal: failed }, now).map(({ problem }) => problem);
}

describe("what is said of a certificate that serves", () => {
  it("is nothing while all is well, up to an interval after it was due", async () => {
    expect(await said(90 * DAY, 10 * DAY)).toEqual([]);
    expect(await said(HOUR, 41 * MINUTE, 3 * MINUTE)).toEqual([]);
  });

  it("is from when on it is valid, where that is to come", async () => {
    expect(await said(90 * DAY, -HOUR)).toEqual([expect.stringMatching(/valid only from 2026-03-01T12:00:00/)]);
  });

  it("is that it is overdue, where nobody has tried", async () => {
    expect(await said(90 * DAY, 61 * DAY)).toEqual([expect.stringMatching(/overdue since 2026-04-2/)]);
    expect(await said(90 * DAY, 61 * DAY, 3 * MINUTE, BEGINNING.toISOString())).toEqual([]);
  });

  it("is that cycles are too rare for its life", async () => {
    expect(await said(HOUR, MINUTE, 21 * MINUTE)).toEqual([
      "the certificate lives for 1h, less than three intervals of schedule.every (21m)",
    ]);
    expect(await said(HOUR, MINUTE, 20 * MINUTE)).toEqual([]);
  });
});
