/** Makes a bare repository, for the demo. */

import { makeFolder } from "../../common/make-folder.js";
import { gitFailure } from "./errors.js";
import { createRunner } from "./run.js";

/** An empty repository whose first branch is `branch`. The folder may not exist yet. */
export async function createBareRepository(directory: string, branch: string, signal: AbortSignal): Promise<void> {
  await makeFolder(directory);
  const environment = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    LC_ALL: "C.UTF-8",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
  };
  const run = createRunner({ directory, environment, signal });
  await run(["init", "--quiet", "--bare", "--template=", `--initial-branch=${branch}`, "."]).catch(
    (thrown: unknown) => {
      throw gitFailure(thrown, { stage: "base", repository: directory, proxyHost: null, forbidden: [] });
    },
  );
}
