/** Ends what a stopped git leaves behind: its HTTP helper lives on, and could finish a push that nobody waits for. */

import { readdir, readFile } from "node:fs/promises";

/** The variable that marks every process of one call; children inherit it. */
export const CALL = "RUNTIME_AGENT_GIT_CALL";

/**
 * Asks all processes whose environment holds this mark to end. Only Linux shows the environment of a process; elsewhere
 * this does nothing, and git's own limit for silent connections ends the helper.
 */
export async function endDescendants(mark: string): Promise<void> {
  const wanted = Buffer.from(`${CALL}=${mark}\0`);
  const names = await readdir("/proc").catch(() => []);
  await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map(async (name) => {
        // Processes come and go, and others' are not readable.
        const environment = await readFile(`/proc/${name}/environ`).catch(() => null);
        if (environment === null || !environment.includes(wanted)) return;
        try {
          process.kill(Number(name), "SIGTERM");
        } catch {
          // It ended by itself.
        }
      }),
  );
}
