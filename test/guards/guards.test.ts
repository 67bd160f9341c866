import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { guards } from "./guards.js";

const root = join(import.meta.dirname, "..", "..");

it("each guard can be taken out: its text stands once in its file, and its tests are there", () => {
  const wrong = guards.filter(({ file, find, replace, tests }) => {
    const parts = readFileSync(join(root, file), "utf8").split(find);
    return parts.length !== 2 || find === replace || !tests.every((test) => existsSync(join(root, test)));
  });

  expect(wrong.map(({ name }) => name)).toEqual([]);
});

it("each guard has a name of its own", () => {
  const names = guards.map(({ name }) => name);

  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
