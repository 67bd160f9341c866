/** Whether Secrets could be sealed now: a word is sealed as they are, and thrown away. */

import type { Clock } from "./common/clock.js";
import { type Config, PLAIN_WARNING } from "./config/index.js";
import { createSealer, type SealMode } from "./seal/index.js";
import { openSealing } from "./sealing.js";
import type { Environment } from "./setup.js";

export interface SealingCheckOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** `mend` is null where all is well; `isTried` is false where nothing is to be sealed. */
export interface SealingVerdict {
  readonly isTried: boolean;
  readonly message: string;
  readonly mend: string | null;
}

/** Asks whoever wraps a key to wrap one, and reads the certificate where it is. Throws what a cycle would fail with. */
export async function trySealing(config: Config, options: SealingCheckOptions): Promise<SealingVerdict> {
  if (config.git === null) return { isTried: false, message: "git.url is not set", mend: null };
  const { mode, notes, close } = await openSealing(config, options);
  try {
    if (mode.mode === "plain") {
      return { isTried: true, message: PLAIN_WARNING, mend: "set secrets.mode to sops, sealed-secrets or cluster" };
    }
    if (mode.mode !== "cluster") {
      const metadata = { name: "doctor", namespace: config.applications.namespace };
      const object = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque" };
      await createSealer(mode).seal(object, { tried: Buffer.from("doctor").toString("base64") }, options.clock.now());
    }
    const told = notes.length > 0;
    return {
      isTried: true,
      message: told ? notes.join("; ") : wordsOf(mode),
      mend: told ? "see docs/tutorials/secrets.md" : null,
    };
  } finally {
    await close();
  }
}

function wordsOf(mode: Exclude<SealMode, { mode: "plain" }>): string {
  switch (mode.mode) {
    case "sops":
      return `a file can be sealed for each of ${mode.recipients.length + (mode.others ?? []).length} recipients`;
    case "sealed-secrets":
      return "a value can be sealed, and the certificate is valid";
    case "cluster":
      return "nothing is sealed: Secrets are applied to the cluster";
  }
}
