/** Asks a person before something that cannot be undone. */

import { createInterface } from "node:readline/promises";
import { Failure } from "../common/failure.js";
import type { Context } from "./context.js";

/** Asks on stderr, so that stdout holds the result alone. Throws a Failure unless the answer is yes. */
export async function confirm({ stdin, stderr, signal }: Context, question: string): Promise<void> {
  if (!("isTTY" in stdin) || stdin.isTTY !== true) {
    throw usage("nobody can be asked: the input is no terminal", "Add --yes when you are sure.");
  }
  const asking = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw usage("not approved", "Nothing was changed.");
  } finally {
    asking.close();
  }
}

const usage = (message: string, hint: string) => new Failure(message, { code: "Usage", stage: "config", hint });
