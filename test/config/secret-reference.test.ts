import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readSecret } from "../../src/config/index.js";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "secret-"));
  path = join(folder, "token");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const about = { env: {}, stage: "base", purpose: "Git access token" } as const;

describe("a secret", () => {
  it.each([
    ["S3CRET\n", "S3CRET"],
    ["S3CRET\r\n", "S3CRET"],
    ["S3CRET", "S3CRET"],
    [" S3\n\nCRET \n\n", " S3\n\nCRET \n"],
  ])("is read from a file without one line break at its end: %j", async (content, value) => {
    await writeFile(path, content);

    const secret = await readSecret({ kind: "file", path }, about);

    expect(secret.reveal()).toBe(value);
  });

  it("is read from a variable", async () => {
    const secret = await readSecret({ kind: "env", name: "TOKEN" }, { ...about, env: { TOKEN: "S3CRET\n" } });

    expect(secret.reveal()).toBe("S3CRET");
  });

  it("is read again each time, so that a rotated value is picked up", async () => {
    await writeFile(path, "old");
    const old = await readSecret({ kind: "file", path }, about);
    await writeFile(path, "new");

    const secret = await readSecret({ kind: "file", path }, about);

    expect([old.reveal(), secret.reveal()]).toEqual(["old", "new"]);
  });

  it.each<[string, string | Buffer, string]>([
    ["is empty", "", "is empty"],
    ["is only white space", " \n\n", "is empty"],
    ["is too large", Buffer.alloc(1024 * 1024 + 1, "a"), "is larger than 1 MiB"],
    ["is not text", Buffer.from([0xff, 0xfe]), "is not UTF-8 text"],
  ])("is refused when its file %s", async (_name, content, reason) => {
    await writeFile(path, content);

    const reading = readSecret({ kind: "file", path }, about);

    const message = `the Git access token: file ${path} ${reason}`;
    await expect(reading).rejects.toMatchObject({ code: "SecretUnreadable", stage: "base", message });
  });

  it("is taken from a file of 1 MiB", async () => {
    await writeFile(path, Buffer.alloc(1024 * 1024, "a"));

    const secret = await readSecret({ kind: "file", path }, about);

    expect(secret.reveal()).toHaveLength(1024 * 1024);
  });

  it.each([
    ["does not exist", "missing", "does not exist", /Create it/],
    ["is a folder", "", "is a folder", /within it/],
  ])("cannot be read when its file %s, and the mend is told", async (_name, name, reason, hint) => {
    const reading = readSecret({ kind: "file", path: join(folder, name) }, about);

    const message = `the Git access token: file ${join(folder, name)} ${reason}`;
    await expect(reading).rejects.toMatchObject({
      code: "SecretUnreadable",
      message,
      hint: expect.stringMatching(hint),
    });
  });

  it("cannot be read without the right to, and the mend is told", async () => {
    await writeFile(path, "S3CRET");
    await chmod(path, 0o000);

    const reading = asNobody(() => readSecret({ kind: "file", path }, about));

    await expect(reading).rejects.toMatchObject({
      message: expect.stringContaining("may not be read"),
      hint: expect.stringContaining("right"),
    });
  });

  it.each([
    ["is not set", {}, "variable TOKEN is not set"],
    ["is empty", { TOKEN: "" }, "variable TOKEN is empty"],
  ])("cannot be read when its variable %s", async (_name, env, message) => {
    const reading = readSecret({ kind: "env", name: "TOKEN" }, { ...about, env });

    await expect(reading).rejects.toMatchObject({
      code: "SecretUnreadable",
      message: `the Git access token: ${message}`,
    });
  });
});

/** Root may read everything, so it steps down for the time of the work. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
