#!/usr/bin/env node

/** Arguments in, exit code out. */

export {};

// What follows is imported only behind this check: an older Node.js cannot load it, and would say so in its own words.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `runtime-agent needs Node.js 22.19 or later; this is ${process.versions.node}.\n` +
      "In a checkout, start it with `npm run --silent agent -- COMMAND`, which brings its own.\n",
  );
  process.exit(1);
}
const { run } = await import("./cli/run.js");
const { systemClock } = await import("./common/clock.js");

const stop = new AbortController();
let signalled: NodeJS.Signals | null = null;

for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // A second signal does not wait for a clean stop.
    if (signalled !== null) process.exit(name === "SIGINT" ? 130 : 143);
    signalled = name;
    stop.abort(new DOMException("stopped by a signal", "AbortError"));
  });
}

// `runtime-agent … | head` closes our output: nobody is left to tell, but the work and its exit code stand.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const code = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  signal: stop.signal,
  onHangup: (listener) => void process.on("SIGHUP", listener),
});
// Written by the handler above, which the compiler does not see.
const by = signalled as NodeJS.Signals | null;
process.exitCode = by === null ? code : by === "SIGINT" ? 130 : 143;
