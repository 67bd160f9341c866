/** What the tests of fetch share: a sandbox that is paired with, and Director asked through the agent's own client. */

import { readFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { createHTTPClient, type HTTPClientOptions, type HTTPFetch } from "../../src/adapters/http/index.js";
import type { Failure } from "../../src/common/failure.js";
import { createDirector, type DirectorOptions, fetchSnapshot, type Snapshot } from "../../src/fetch/index.js";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/index.js";
import { aClock, type TestClock } from "../common/clock.js";
import { aSnapshot, write } from "../sandbox/a-snapshot.js";
import { aDirectory, aSandbox, pair, requests } from "../sandbox/compass-client.js";

export interface Setup {
  readonly pageSize?: number;
  readonly patience?: number;
  readonly transport?: Partial<HTTPClientOptions>;
  readonly director?: Partial<DirectorOptions>;
  /** Stands between the agent and its client. */
  readonly between?: (fetch: HTTPFetch) => HTTPFetch;
  readonly onProgress?: (fetched: number, total: number) => void;
}

export interface Fetching {
  readonly sandbox: Sandbox;
  readonly clock: TestClock;
  readonly retries: readonly string[];
  run(): Promise<Snapshot>;
  /** Operations that Director was asked since the pairing. */
  asked(): Promise<readonly string[]>;
}

/** A fetch of that sandbox with a certificate of its own; waiting takes no time. */
export async function fetching(sandbox: Sandbox, setup: Setup = {}): Promise<Fetching> {
  const { pageSize = 2, patience, transport = {}, between = (fetch) => fetch, onProgress } = setup;
  const identity = await pair(sandbox);
  const clock = aClock();
  const { signal } = new AbortController();
  const retries: string[] = [];
  const client = createHTTPClient({
    stage: "fetch",
    peer: "Director",
    ca: readFileSync(sandbox.ca, "utf8"),
    identity,
    timeout: 20_000,
    maxBytes: 10_000_000,
    signal,
    ...transport,
  });
  onTestFinished(() => client.close());
  const director = createDirector({
    url: sandbox.directorURL,
    fetch: between(client.fetch),
    runtimeID: sandbox.runtimeID,
    tenant: sandbox.tenant,
    clock,
    signal,
    onRetry: ({ code }: Failure) => retries.push(code),
    ...setup.director,
  });
  const runtimeID = setup.director?.runtimeID ?? sandbox.runtimeID;
  const before = (await requests(sandbox)).length;
  return {
    sandbox,
    clock,
    retries,
    run: () =>
      fetchSnapshot({
        director,
        runtimeID,
        pageSize,
        clock,
        signal,
        onProgress,
        ...(patience === undefined ? {} : { patience }),
      }),
    asked: async () => (await requests(sandbox)).slice(before).map(({ operation }) => operation),
  };
}

/** A sandbox that serves these Applications. */
export async function sandboxWith(applications: readonly object[], options: Partial<SandboxOptions> = {}) {
  const snapshot = write(`${aDirectory()}/snapshot.json`, aSnapshot(applications));
  return aSandbox({ snapshot, ...options });
}
