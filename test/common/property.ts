/** How long the property tests run: as long as `npm test` may take, or as long as somebody asks for. */

const { RUNTIME_AGENT_RUNS, RUNTIME_AGENT_SEED } = process.env;

/**
 * `RUNTIME_AGENT_RUNS=50000` raises the number of runs, `RUNTIME_AGENT_SEED=…` repeats those of a failure, which tells
 * its seed.
 */
export const runs = (usual: number) => ({
  numRuns: Number(RUNTIME_AGENT_RUNS ?? usual),
  ...(RUNTIME_AGENT_SEED === undefined ? {} : { seed: Number(RUNTIME_AGENT_SEED) }),
});

/** Milliseconds that a test of so many runs may take, on a slow machine. */
export const timeLimit = (usual: number, each: number) => 30_000 + runs(usual).numRuns * each;
