/** The compiled agent as a process that does one command after the other, each a line of JSON: so a cycle costs no start. */

import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";

const dist = new URL("../../dist/src/", import.meta.url);
const { run } = await import(new URL("cli/run.js", dist).href);
const { systemClock } = await import(new URL("common/clock.js", dist).href);

for await (const line of createInterface({ input: process.stdin })) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const said = Promise.all([text(stdout), text(stderr)]);
  const code = await run(JSON.parse(line), {
    stdout,
    stderr,
    stdin: Readable.from([]),
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    signal: new AbortController().signal,
    onHangup: () => undefined,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await said;
  process.stdout.write(`${JSON.stringify({ code, stdout: out, stderr: err })}\n`);
}
