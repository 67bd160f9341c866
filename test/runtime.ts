/** A runtime by a configuration of its own, as the commands have it, against a sandbox and with one clock for both. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../src/common/clock.js";
import { createLogger } from "../src/common/logger.js";
import { Secret } from "../src/common/secret.js";
import { type Config, loadConfig } from "../src/config/index.js";
import type { IdentityOptions } from "../src/identity-client.js";
import { type MaintainOptions, maintainIdentity } from "../src/maintain.js";
import { pairIdentity } from "../src/pair-identity.js";
import type { Sandbox } from "../src/sandbox/index.js";
import { openFileState } from "../src/state/index.js";
import { aState } from "./connect/setup.js";

/** A clock that is moved by hand; whoever waits moves it, too. */
export function aMovedClock(start = Date.now()) {
  let now = start;
  const clock: Clock = {
    now: () => new Date(now),
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      now += milliseconds;
    },
  };
  return Object.assign(clock, {
    move: (milliseconds: number) => {
      now += milliseconds;
    },
  });
}

/** `token` is what the configuration's file holds; write another one with `giveToken`. */
export async function aRuntime(sandbox: Sandbox, clock: Clock) {
  const { directory } = aState();
  const file = join(directory, "agent.yaml");
  const tokenFile = join(directory, "token");
  const text = [
    "version: 1",
    `runtime: {id: ${sandbox.runtimeID}}`,
    `compass: {connectorURL: "${sandbox.connectorURL}", ca: {file: ${sandbox.ca}}, token: {file: token}}`,
    "state: {directory: state}",
    "git: {url: /nowhere, path: agent}",
    "secrets: {mode: plain, acknowledgePlain: true}",
    "certificate: {keySize: 2048}",
  ];
  writeFileSync(file, text.join("\n"));
  writeFileSync(tokenFile, sandbox.token);
  const { config } = await loadConfig({ file, env: {}, cwd: directory });
  const folder = join(directory, "state");
  const state = openFileState(folder);
  const log = createLogger({ level: "silent", format: "text", write: () => undefined, terminal: false });
  const options: IdentityOptions & Pick<MaintainOptions, "log"> = {
    config: config as Config,
    env: {},
    clock,
    signal: new AbortController().signal,
    state,
    log,
  };
  return {
    options,
    state,
    folder,
    giveToken: (token: string) => writeFileSync(tokenFile, token),
    pair: () => pairIdentity({ ...options, token: Secret.of(sandbox.token), onHost: () => undefined }),
    maintain: async (more: Partial<MaintainOptions> = {}) => {
      const maintenance = await maintainIdentity({ ...options, ...more });
      return { ...maintenance, renewed: maintenance.done !== null };
    },
  };
}
