/** What the doctor finds in the repository, and on the way of a proposal. Reads alone. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { branchInTheWay, type Repository } from "./adapters/git/index.js";
import { createTokenKeeper, type TokenKeeper } from "./adapters/github-app/index.js";
import type { Clock } from "./common/clock.js";
import { forTerminal } from "./common/quote.js";
import type { Config } from "./config/index.js";
import { openGitHost, ownBranchName, requireHost } from "./git-host.js";
import { publishesByRequest } from "./publishes-by-request.js";
import { type Environment, pushRepository, targetRepository } from "./setup.js";
import { type Finding, failed, ok, skipped } from "./verdict.js";

interface Options {
  readonly config: Config;
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

type GitConfig = NonNullable<Config["git"]>;

/** Whether the target can be read, and has a branch to go on from. */
export async function examineRepository(options: Options): Promise<Finding> {
  const { git } = options.config;
  if (git === null) return skipped("git.url is not set");
  return withTarget(options, git, async ({ repository }) => {
    const { tips } = await repository.remote();
    if (tips.size === 0) return ok("answers; it is empty");
    if (tips.has(git.branch)) return ok(`answers, and has the branch ${git.branch}`);
    // A request needs a branch to be merged into.
    const source = publishesByRequest(options.config) ? null : git.createFrom;
    if (source === null) return failed(`the branch ${git.branch} does not exist`, "create it, or correct git.branch");
    return tips.has(source)
      ? ok(`answers; the branch ${git.branch} will be made from ${source}`)
      : failed(
          `neither the branch ${git.branch} nor ${source} exists`,
          "create one of the two, or correct git.branch and git.createFrom",
        );
  });
}

/** Whether the repository that is pushed to can be read, and the host answers about requests. */
export async function examineProposals(options: Options): Promise<Finding> {
  const { config } = options;
  const { git, runtime } = config;
  if (git === null) return skipped("git.url is not set");
  if (!publishesByRequest(config)) return skipped("git.publish is not pull-request");
  if (runtime.id === null) return skipped("runtime.id is not set");
  if (!isComplete(config)) return skipped("the configuration does not say where to");
  const branch = ownBranchName(config, runtime.id);
  return withTarget(options, git, async ({ repository, cache, tokens }) => {
    const remote = await repository.remote();
    const { tips } =
      git.push === null
        ? remote
        : await (await pushRepository(config, git, repository, { ...options, cache, tokens })).remote();
    const other = branchInTheWay(branch, tips.keys());
    if (other !== null) {
      return failed(
        `the branch ${forTerminal(branch, 100)} cannot be made: the branch ${forTerminal(other, 100)} stands in the way of its name`,
        "give pullRequest.branch another name, or remove that branch",
      );
    }
    const host = await openGitHost(config, git, { ...options, tokens });
    try {
      const [newest] = await host.find(branch, git.branch);
      const place = git.push === null ? "" : "; git.push.url answers";
      const request = newest === undefined ? "none yet" : `number ${newest.number} is ${newest.state}`;
      return ok(`${host.name} answers about requests from ${forTerminal(branch, 100)}: ${request}${place}`);
    } finally {
      await host.end();
    }
  });
}

/** What is missing is said of the configuration. */
function isComplete(config: Config): boolean {
  try {
    requireHost(config);
    return true;
  } catch {
    return false;
  }
}

interface Opened {
  readonly repository: Repository;
  readonly cache: string;
  readonly tokens: TokenKeeper;
}

async function withTarget(
  { config, env, signal }: Options,
  git: GitConfig,
  look: (opened: Opened) => Promise<Finding>,
): Promise<Finding> {
  const cache = await mkdtemp(join(tmpdir(), "runtime-agent-doctor-"));
  try {
    const tokens = createTokenKeeper();
    const repository = await targetRepository(config, git, { env, signal, cache, tokens });
    try {
      return await look({ repository, cache, tokens });
    } finally {
      await repository.close();
    }
  } finally {
    await rm(cache, { recursive: true, force: true });
  }
}
