import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLogger } from "../src/common/logger.js";
import { loadConfig } from "../src/config/index.js";
import { withState } from "../src/with-state.js";
import { failureOf } from "./common/failure-of.js";
import { aState } from "./connect/setup.js";

/** A state whose lock another living process has, unless `free`. */
async function aLockedState(sleep: (lock: string) => void = () => undefined) {
  const { directory } = aState();
  const folder = join(directory, "state");
  const lock = join(folder, "lock");
  mkdirSync(folder);
  writeFileSync(lock, `${process.ppid}\n`);
  const { config } = await loadConfig({ env: { RUNTIME_AGENT_CONFIG: "/dev/null" }, cwd: directory, options: {} });
  let now = Date.now();
  const clock = {
    now: () => new Date(now),
    sleep: async (milliseconds: number) => {
      now += milliseconds;
      sleep(lock);
    },
  };
  const log = createLogger({ level: "silent", format: "text", write: () => undefined, terminal: false });
  const signal = new AbortController().signal;
  return { lock, options: { config: { ...config, state: { directory: folder } }, env: {}, clock, signal, log } };
}

describe("the state, locked", () => {
  it("is had as soon as the other lets it go, and let go in the end", async () => {
    const { lock, options } = await aLockedState((file) => rmSync(file, { force: true }));

    const had = await withState(options, async () => existsSync(lock));

    expect([had, existsSync(lock)]).toEqual([true, false]);
  });

  it("is waited for a minute, or not at all", async () => {
    const { options } = await aLockedState();
    const began = options.clock.now().getTime();

    const patient = await failureOf(withState(options, async () => "never"));
    const waited = options.clock.now().getTime() - began;
    const hurried = await failureOf(withState({ ...options, patience: 0 }, async () => "never"));

    expect([patient.code, hurried.code]).toEqual(["StateLocked", "StateLocked"]);
    expect(waited).toBeGreaterThan(50_000);
    expect(waited).toBeLessThanOrEqual(60_000);
    expect(options.clock.now().getTime()).toBe(began + waited);
  });

  it("is let go when the work fails", async () => {
    const { lock, options } = await aLockedState((file) => rmSync(file, { force: true }));

    await expect(withState(options, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");

    expect(existsSync(lock)).toBe(false);
  });
});
