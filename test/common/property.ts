/** How long the property tests run: as long as `npm test` may take, or as long as somebody asks for. */

const { RUNTIME_AGENT_RUNS, RUNTIME_AGENT_SEED } = process.env;

/**
 * With a `seed` the usual runs are the same each time. `RUNTIME_AGENT_RUNS=50000` raises their number, by chance then;
 * `RUNTIME_AGENT_SEED=…` repeats those of a failure, which tells its seed.
 */
export const runs = (usual: number, seed?: number) => {
  // Chance is for those who ask for many: what it finds in the usual few would be of somebody else's change.
  const fixed = RUNTIME_AGENT_SEED ?? (RUNTIME_AGENT_RUNS === undefined ? seed : undefined);
  const numRuns = Number(RUNTIME_AGENT_RUNS ?? usual);
  return fixed === undefined ? { numRuns } : { numRuns, seed: Number(fixed) };
};

/** Milliseconds that a test of so many runs may take, on a slow machine. */
export const timeLimit = (usual: number, each: number) => 30_000 + runs(usual).numRuns * each;
