import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default defineConfig({
  test: {
    include: [
      "test/{model,plan,fetch}/**/*.test.ts",
      // Where the plan meets what it seals, applies and writes over all Applications.
      "test/seal/{canary,cluster-mode,reencryption,sealed-for}.test.ts",
      "test/plan-files.test.ts",
    ],
    // It breaks answers at random, for long, and says nothing of a single line.
    exclude: ["test/fetch/mutation.test.ts"],
    testTimeout: 30_000,
  },
});
