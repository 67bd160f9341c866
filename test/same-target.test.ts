import { expect, it } from "vitest";
import type { Base } from "../src/base/index.js";
import { placeOf, sameTarget } from "../src/same-target.js";
import { noMemory } from "./builders.js";

type Where = Parameters<typeof sameTarget>[2];

const base = { branch: "main", path: "clusters/test", tip: "b".repeat(40), expected: "b".repeat(40) } as Base;
const seen = placeOf({ ...base, tip: "a".repeat(40) });
const memory = { ...noMemory, seen, published: { ...noMemory.published, target: "former" } };

const under = async (base: Base, isInHistory: () => boolean) => {
  const repository = { hasInHistory: async () => isInHistory() } as unknown as Where["repository"];
  return (await sameTarget(memory, "new", { base, repository })).published.target;
};

it("is the same where the branch has what was seen there, and nobody asks of one that is yet to be made", async () => {
  expect(await under(base, () => true)).toBe("new");
  expect(await under(base, () => false)).toBe("former");
  const asked = () => {
    throw new Error("the branch is not there");
  };
  expect(await under({ ...base, expected: null }, asked)).toBe("former");
});
