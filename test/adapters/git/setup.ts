/** What the tests of the git adapter share: a folder of their own, repositories opened and closed. */

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import {
  type GitAuth,
  openRepository,
  type Repository,
  type RepositoryOptions,
} from "../../../src/adapters/git/index.js";
import type { Failure } from "../../../src/common/failure.js";
import { Secret } from "../../../src/common/secret.js";

export interface Workshop {
  /** A fresh folder for each test. */
  readonly directory: string;
  /** Where temporary repositories go. */
  readonly cache: string;
  open(url: string, options?: Partial<RepositoryOptions>): Promise<Repository>;
  /** Runs at the end of the test, last come first. */
  later(work: () => Promise<unknown>): void;
}

export function useWorkshop(): Workshop {
  let directory = "";
  let endings: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "git-test-"));
    await mkdir(join(directory, "cache"));
    endings = [];
  });
  afterEach(async () => {
    for (const ending of endings.reverse()) await ending();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    get directory() {
      return directory;
    },
    get cache() {
      return join(directory, "cache");
    },
    async open(url, options = {}) {
      const repository = await openRepository({
        url,
        auth: { kind: "none" },
        directory: join(directory, "cache"),
        timeout: 20_000,
        signal: new AbortController().signal,
        ...options,
      });
      endings.push(() => repository.close());
      return repository;
    },
    later: (work) => {
      endings.push(work);
    },
  };
}

export const agent = { name: "Runtime Agent", email: "agent@example.com" };
export const noon = new Date("2026-03-01T12:00:00Z");

/** What a promise was rejected with; fails when it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => {
      throw new Error("it did not fail");
    },
    (failure: Failure) => failure,
  );
}

export const basic = (token: string): GitAuth => ({
  kind: "basic",
  username: "x-access-token",
  password: Secret.of(token),
});
