/** Compiles before the tests, so that none of them runs yesterday's agent. */

import { execFileSync } from "node:child_process";

export function setup(): void {
  execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
}
