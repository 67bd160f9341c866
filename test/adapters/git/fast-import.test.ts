import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gitEnvironment } from "../../../src/adapters/git/environment.js";
import { blobStreams, commitStream, finish, quotePath } from "../../../src/adapters/git/fast-import.js";
import { createRunner } from "../../../src/adapters/git/run.js";
import { git } from "../../fakes/git-server.js";
import { agent, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();

async function sizes(lengths: number[], limit: number): Promise<number[][]> {
  const streams: number[][] = [];
  for await (const parts of blobStreams(
    lengths.map((length) => Buffer.alloc(length)),
    limit,
  )) {
    streams.push(parts.filter((_, index) => index % 3 === 1).map(({ length }) => length));
  }
  return streams;
}

describe("fast-import streams", () => {
  it("hold as many blobs as fit, and a larger one alone", async () => {
    expect(await sizes([], 100)).toEqual([]);
    expect(await sizes([10, 10, 10], 1_000)).toEqual([[10, 10, 10]]);
    expect(await sizes([40, 40, 40, 500, 0], 120)).toEqual([[40, 40], [40], [500], [0]]);
  });

  it("quote paths only where git needs it", () => {
    expect(quotePath("a b/ü'\\.yaml").toString()).toBe("a b/ü'\\.yaml");
    expect(quotePath('"a"\\').toString()).toBe('"\\"a\\"\\\\"');
    expect(quotePath('a\n"b').toString()).toBe('"a\\n\\"b"');
  });

  it("that were cut make git fail, instead of committing half", async () => {
    const repository = join(workshop.directory, "own.git");
    await mkdir(repository);
    await git(repository, "init", "--quiet", "--bare");
    const address = { url: "file:///none", origin: null, shown: "none" };
    const environment = gitEnvironment({ address, auth: { kind: "none" }, home: workshop.cache, repository });
    const run = createRunner({ directory: workshop.cache, environment, signal: new AbortController().signal });
    const form = { ref: "refs/x", parent: null, author: agent, date: noon, message: "m", deletes: [] };
    const whole = finish(commitStream({ ...form, writes: [] }));

    const cut = run(["fast-import", "--done", "--quiet"], { input: whole.subarray(0, whole.length - "done\n".length) });

    await expect(cut).rejects.toThrow("git failed (exit)");
    await expect(run(["rev-parse", "--verify", "refs/x"])).rejects.toThrow();
    await expect(
      run(["fast-import", "--done", "--quiet", "--date-format=raw"], { input: whole }),
    ).resolves.toBeDefined();
  });
});
