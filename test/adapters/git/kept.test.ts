import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commitAs, createBareRepository, git, startGitServer } from "../../fakes/git-server.js";
import { agent, failureOf, noon, useWorkshop } from "./setup.js";

const workshop = useWorkshop();
const kept = "repository-0123.git";
const anEdit = { branch: "main", author: agent, date: noon, message: "An edit", root: "ours", deletes: [] };

async function aServer(files: Record<string, string> = { "ours/a": "1", foreign: "x" }) {
  const path = await createBareRepository(workshop.directory, "fleet.git");
  await commitAs(path, { files });
  const server = await startGitServer({ directory: workshop.directory });
  workshop.later(() => server.close());
  return { path, server, url: server.url("fleet.git") };
}

/** What a cycle asks of a repository; gives how often it asked the server. */
async function aCycle(url: string, { edit, keep = true }: { readonly edit?: string; readonly keep?: boolean } = {}) {
  const repository = await workshop.open(url, { kept });
  try {
    await repository.remote();
    const tip = await repository.fetch("main");
    const listing = await repository.list(tip, "ours");
    const a = (await repository.read(listing.get("a")?.id ?? "")).toString();
    await repository.readAll([...listing.values()].map(({ id }) => id));
    if (edit !== undefined) {
      const writes = new Map([["a", Buffer.from(edit)]]);
      const commit = await repository.commit({ ...anEdit, parent: tip, writes });
      await repository.push({ branch: "main", commit, expected: tip });
    }
    await repository.close(keep);
    return { requests: repository.requests, a, files: listing.size };
  } catch (thrown) {
    await repository.close();
    throw thrown;
  }
}

describe("a repository that is kept", () => {
  it("is asked for its branches and for nothing else while the branch stands still", async () => {
    const { url, server } = await aServer();

    const first = await aCycle(url);
    server.requests.length = 0;
    const second = await aCycle(url);

    expect(first).toMatchObject({ a: "1", requests: 3 });
    expect(second).toMatchObject({ a: "1", requests: 1 });
    // Capabilities and branches: git asks in two steps.
    expect(server.requests.map(({ method }) => method)).toEqual(["GET", "POST"]);
  });

  it("need not fetch what the agent pushed itself", async () => {
    const { url, path } = await aServer();

    await aCycle(url, { edit: "2" });
    const second = await aCycle(url, { edit: "3" });
    const third = await aCycle(url);

    // Branches and the push; then branches alone.
    expect(second).toMatchObject({ a: "2", requests: 2 });
    expect(third).toMatchObject({ a: "3", requests: 1 });
    expect(await git(path, "log", "--format=%s", "main")).toBe("An edit\nAn edit\nA person's commit");
    await git(path, "fsck", "--strict");
  });

  it("asks at most four times when others moved the branch, beside 100,000 files of theirs", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 100_000 }, (_, index) => [`theirs/${index % 300}/${index}`, "x"]),
    );
    const { url, path } = await aServer({ "ours/a": "1", ...many });
    await aCycle(url);
    await commitAs(path, { files: { "theirs/7/7": "changed" } });

    const cold = await aCycle(url, { edit: "2" });
    await commitAs(path, { files: { "theirs/8/8": "changed" } });
    const unchanged = await aCycle(url);

    expect(cold.requests).toBeLessThanOrEqual(4);
    expect(unchanged).toMatchObject({ a: "2", files: 1 });
    expect(unchanged.requests).toBeLessThanOrEqual(4);
    expect(await git(path, "show", "main:theirs/7/7")).toBe("changed");
  }, 120_000);

  it("is read anew after work that failed, and after it was damaged, a retry heals", async () => {
    const { url } = await aServer();
    await aCycle(url);
    await aCycle(url, { keep: false });
    expect(await readdir(workshop.cache)).toEqual([]);

    await aCycle(url);
    const packs = join(workshop.cache, kept, "objects", "pack");
    for (const name of await readdir(packs))
      await writeFile(join(packs, name), "damaged").catch(() => rm(join(packs, name)));
    const failure = await failureOf(aCycle(url));
    const again = await aCycle(url);

    expect(failure).toMatchObject({ retryable: true });
    expect(again).toMatchObject({ a: "1", requests: 3 });
  });

  it.each([
    ["HEAD is emptied", (place: string) => writeFile(join(place, "HEAD"), "")],
    ["refs are missing", (place: string) => rm(join(place, "refs"), { recursive: true })],
    ["objects are missing", (place: string) => rm(join(place, "objects"), { recursive: true })],
  ])("is begun anew at once when its %s", async (_what, damage) => {
    const { url } = await aServer();
    await aCycle(url);
    await damage(join(workshop.cache, kept));

    expect(await aCycle(url, { edit: "2" })).toMatchObject({ a: "1", requests: 4 });
  });

  it("is begun anew when its note is not ours, and when the server hashes otherwise", async () => {
    const { url, path } = await aServer();
    await aCycle(url);
    await writeFile(join(workshop.cache, kept, "runtime-agent.json"), "{}");

    expect(await aCycle(url)).toMatchObject({ requests: 3 });
    await rm(path, { recursive: true });
    await createBareRepository(workshop.directory, "fleet.git", { objectFormat: "sha256" });
    await commitAs(path, { files: { "ours/a": "sha256" } });
    expect(await failureOf(aCycle(url))).toMatchObject({ code: "BaseUnusable", retryable: true });
    expect(await aCycle(url)).toMatchObject({ a: "sha256" });
  });

  it("is not let grow without end", async () => {
    const { url } = await aServer();
    let requests = 0;
    for (let round = 0; round < 20; round++)
      requests = Math.max(requests, (await aCycle(url, { edit: `${round}` })).requests);

    const packs = await readdir(join(workshop.cache, kept, "objects", "pack"));

    // It was begun anew on the way.
    expect(requests).toBe(4);
    expect(packs.filter((name) => name.endsWith(".pack")).length).toBeLessThanOrEqual(16);
  }, 120_000);

  it("goes to one of two that open it at once", async () => {
    const { url } = await aServer();
    await aCycle(url);

    const both = await Promise.all([aCycle(url), aCycle(url)]);

    expect(both.map(({ a }) => a)).toEqual(["1", "1"]);
    expect(await readdir(workshop.cache)).toEqual([kept]);
  });
});
