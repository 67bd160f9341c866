/** Compiles before the tests, so that none of them runs yesterday's agent; not where `RUNTIME_AGENT_BUILT` says that it is done. */

import { execFileSync } from "node:child_process";

export function setup(): void {
  if (process.env.RUNTIME_AGENT_BUILT !== undefined) return;
  execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
}
