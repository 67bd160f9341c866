/** One API server for all tests of the tier: starting one takes longer than most of them. */

import type { TestProject } from "vitest/node";
import { type Access, startAPIServer } from "./api-server.js";

declare module "vitest" {
  interface ProvidedContext {
    readonly cluster: Access;
  }
}

/** Gives the function that ends it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { stop, ...cluster } = await startAPIServer();
  project.provide("cluster", cluster);
  return stop;
}
