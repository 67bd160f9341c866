/**
 * One operation on a state in a process of its own: `node run-step.ts DIRECTORY OPERATION [N]`.
 * With N it is killed by SIGKILL before its Nth change of the file system, as by an outage.
 */

import { promises } from "node:fs";
import { registerHooks, syncBuiltinESMExports } from "node:module";

const [directory = "", operation = "", step = "0"] = process.argv.slice(2);

// The sources as they are, without a build before.
registerHooks({
  resolve: (specifier, context, next) => {
    const ours = specifier.startsWith(".") && !context.parentURL?.includes("/node_modules/");
    return next(ours ? specifier.replace(/\.js$/, ".ts") : specifier, context);
  },
});

let changes = 0;
const dying =
  <A extends unknown[], T>(change: (...given: A) => T) =>
  (...given: A): T => {
    if (++changes === Number(step)) process.kill(process.pid, "SIGKILL");
    return change(...given);
  };
Object.assign(promises, {
  rename: dying(promises.rename),
  rm: dying(promises.rm),
  symlink: dying(promises.symlink),
  link: dying(promises.link),
});
syncBuiltinESMExports();

const { openFileState } = await import("../../src/state/index.js");
const { beginning, completed, connectionOf, identityOf } = await import("./examples.js");

const state = openFileState(directory);
const operations: Record<string, () => Promise<unknown>> = {
  begin: () => state.savePending(beginning("new")),
  complete: () => state.savePending(completed("new")),
  promote: () => state.promote(identityOf("new"), connectionOf("new")),
  discard: () => state.discardPending(),
  remember: async () => state.saveMemory({ ...(await state.memory()), spentTokens: ["new"] }),
  read: () => state.memory(),
  lock: () => state.lock(),
};
await operations[operation]?.().catch((thrown: { code?: string; message?: string }) => {
  process.stdout.write(JSON.stringify({ code: thrown.code, message: thrown.message }));
});
