// Compiles sources and templates to dist/, from nothing, so that no file outlives its source.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
try {
  execFileSync("tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" });
} catch {
  // tsc said what is wrong.
  process.exit(1);
}
chmodSync("dist/src/main.js", 0o755);
