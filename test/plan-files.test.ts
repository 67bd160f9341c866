import { describe, expect, it } from "vitest";
import type { Plan } from "../src/plan/index.js";
import { planFiles } from "../src/plan-files.js";
import type { Rendering } from "../src/render/index.js";
import type { Sealing } from "../src/seal/index.js";

const pathOf = (index: number) => `applications/mp-${String(index).padStart(3, "0")}/secrets/s.yaml`;

/** Stages over `count` files that wait to be sealed anew, of which the first `stuck` cannot be written. */
function stages({ count, stuck, writes = 0 }: { count: number; stuck: number; writes?: number }) {
  const waiting = Array.from({ length: count }, (_, index) => ({ path: pathOf(index), id: `id-${index}` }));
  const unwritable = new Set(waiting.slice(0, stuck).map(({ path }) => path));
  const runs: string[][] = [];
  return {
    runs,
    stages: {
      render: async () => ({ applications: [], setAside: [] }) as unknown as Rendering,
      seal: async () => ({ applications: [], setAside: [], waiting }) as unknown as Sealing,
      plan: async (_rendering: Rendering, _sealing: Sealing, batch: ReadonlySet<string>) => {
        if (batch.size > 0) runs.push([...batch]);
        const done = [...batch].filter((path) => !unwritable.has(path));
        const files = new Map(Array.from({ length: writes }, (_, index) => [`file-${index}`, Buffer.alloc(0)]));
        return { writes: files, deletes: [], reencryption: { done, waiting: [], unable: [] } } as unknown as Plan;
      },
    },
  };
}

describe("files that wait to be sealed anew", () => {
  it("wait on while anything else changes", async () => {
    const { runs, stages: given } = stages({ count: 3, stuck: 0, writes: 1 });

    await planFiles(given);

    expect(runs).toEqual([]);
  });

  it("are sealed fifty at a time", async () => {
    const { runs, stages: given } = stages({ count: 60, stuck: 0 });

    const { plan } = await planFiles(given);

    expect(runs.map(({ length }) => length)).toEqual([50]);
    expect(plan.reencryption?.done).toHaveLength(50);
  });

  it("end with a batch of which half was written, since the rest of the room is the next cycle's", async () => {
    const { runs, stages: given } = stages({ count: 90, stuck: 25 });

    const { plan } = await planFiles(given);

    expect(runs.map(({ length }) => length)).toEqual([50]);
    expect(plan.reencryption?.done).toHaveLength(25);
  });

  it("go on to the next ones where less than half of a batch was written", async () => {
    const { runs, stages: given } = stages({ count: 90, stuck: 26 });

    const { plan } = await planFiles(given);

    expect(runs.map(({ length }) => length)).toEqual([50, 50]);
    expect(plan.reencryption?.done).toHaveLength(50);
  });

  it("are sealed although all that stand before them cannot be written", async () => {
    const { runs, stages: given } = stages({ count: 120, stuck: 104 });

    const { plan } = await planFiles(given);

    expect(runs.map(({ length }) => length)).toEqual([50, 50, 20]);
    expect(plan.reencryption?.done).toEqual(Array.from({ length: 16 }, (_, index) => pathOf(104 + index)));
  });

  it("end with what was tried where none of them can be written", async () => {
    const { runs, stages: given } = stages({ count: 70, stuck: 70 });

    const { plan } = await planFiles(given);

    expect(runs.map(({ length }) => length)).toEqual([50, 20]);
    expect(plan.reencryption?.done).toEqual([]);
  });
});
