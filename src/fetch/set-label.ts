/** Sets a label of the runtime in Compass (contract 2.3). */

import { z } from "zod";
import { Failure } from "../common/failure.js";
import type { Director } from "./director.js";
import { SET_RUNTIME_LABEL } from "./documents.js";

export interface RuntimeLabel {
  /** At most 256 of `a-z`, `A-Z`, `0-9` and `_`. */
  readonly key: string;
  /** Never empty: Director refuses that. */
  readonly value: string;
}

const answer = z.object({ setRuntimeLabel: z.object({ key: z.string() }) });

/** Made or replaced: it may be asked again. Throws what Director's refusal is, of stage report. */
export async function setRuntimeLabel(
  director: Director,
  runtime: string,
  { key, value }: RuntimeLabel,
): Promise<void> {
  try {
    await director.ask("SetRuntimeLabel", SET_RUNTIME_LABEL, { runtime, key, value }, answer);
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.code === "Aborted") throw thrown;
    const { code, retryable, message, hint } = thrown;
    throw new Failure(`the label ${key} of the runtime was not set: ${message}`, {
      code,
      stage: "report",
      retryable,
      hint: retryable || code === "CredentialsRejected" ? hint : `Check its value in the configuration. ${hint}`,
      cause: thrown,
    });
  }
}
