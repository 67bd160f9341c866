import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** Templates of a user's are loaded by Node itself, as they are by the agent: vite would look for what they import beside them. */
const server = { deps: { external: [/\/(?:templates|agent-e2e)-[^/]+\//] } };

// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default defineConfig({
  test: {
    // All cores: much of the time git or an agent of its own is waited for.
    maxWorkers: availableParallelism(),
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/interop/**", "test/cluster/**"],
          testTimeout: 30_000,
          server,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          // Where its process matters, the agent runs as users run it: compiled, as a process of its own.
          globalSetup: ["test/e2e/build.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          server,
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          globalSetup: ["test/e2e/build.ts"],
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          globalSetup: ["test/e2e/build.ts", "test/cluster/global-setup.ts"],
          // They share one API server, and with it what there is only one of in a cluster.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
