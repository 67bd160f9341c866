import { describe, expect, it } from "vitest";
import { cronSchedule } from "../../src/install/schedule.js";

const MINUTE = 60_000;

describe("the schedule of a CronJob", () => {
  it.each([
    ["20 s", MINUTE / 3, "* * * * *", 1],
    ["a minute", MINUTE, "* * * * *", 1],
    ["3 minutes", 3 * MINUTE, "*/3 * * * *", 3],
    ["7 minutes", 7 * MINUTE, "*/6 * * * *", 6],
    ["half an hour", 30 * MINUTE, "*/30 * * * *", 30],
    ["50 minutes", 50 * MINUTE, "*/30 * * * *", 30],
    ["an hour", 60 * MINUTE, "0 * * * *", 60],
    ["90 minutes", 90 * MINUTE, "0 * * * *", 60],
    ["5 hours", 300 * MINUTE, "0 */4 * * *", 240],
    ["a day", 1440 * MINUTE, "0 0 * * *", 1440],
    ["a week", 7 * 1440 * MINUTE, "0 0 * * *", 1440],
  ])("for %s is the nearest that is not slower", (_, every, cron, minutes) => {
    expect(cronSchedule(every)).toEqual({ cron, every: minutes * MINUTE });
  });
});
