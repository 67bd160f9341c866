/** From a configuration to what the stages are called with: transports, credentials, the place of the state. */

import { writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { getCACertificates } from "node:tls";
import { type GitAuth, openRepository, type Repository } from "./adapters/git/index.js";
import type { HTTPClientOptions } from "./adapters/http/index.js";
import type { Clock } from "./common/clock.js";
import { Failure, type Stage } from "./common/failure.js";
import { makeFolder } from "./common/make-folder.js";
import type { Secret } from "./common/secret.js";
import { sha256 } from "./common/sha256.js";
import { type Config, readSecret, type SecretReference } from "./config/index.js";
import { isAllowed } from "./connect/index.js";
import { openFileState, openKubernetesState, type State } from "./state/index.js";

export type Environment = Readonly<Record<string, string | undefined>>;

type GitConfig = NonNullable<Config["git"]>;

/** The Go agent's Secret of contract 3.5: while it exists, the module operator starts that agent. */
export const GO_AGENT_CONFIGURATION = "compass-agent-configuration";

/** What a cycle needs of the configuration, and cannot do without. */
export interface CycleSettings {
  readonly runtimeID: string;
  readonly git: Config["git"];
}

/** `recorded` is the runtime of a recorded snapshot, which stands in for one that is not configured. */
export function cycleSettings({ runtime, git }: Config, recorded: string | null): CycleSettings {
  const runtimeID = runtime.id ?? recorded;
  if (runtimeID === null) throw settingMissing("runtime.id", "the runtime's id in Compass");
  return { runtimeID, git };
}

export const settingMissing = (setting: string, what: string) =>
  new Failure(`${setting} is not set: ${what}`, {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: `Set ${setting} in the configuration file, or as an environment variable; see docs/reference/configuration.md.`,
  });

/** The state's place; nothing is opened before it is used. */
export function openState({ state, certificate, compass }: Config, env: Environment): State {
  if ("directory" in state) return openFileState(state.directory);
  return openKubernetesState({
    env,
    namespace: state.kubernetes.namespace,
    certificate: certificate.secret,
    authority: certificate.caSecret,
    connectorURL: compass.connectorURL,
    isAllowed: (connection) => isAllowed(connection, compass.hosts),
  });
}

/** Everything about calls of Compass but who is called. `requestID` names them in its logs, as the cycle they belong to. */
export async function compassTransport(
  { compass, proxy }: Config,
  env: Environment,
  signal: AbortSignal,
  clock: Clock,
  requestID?: string,
): Promise<Omit<HTTPClientOptions, "stage" | "peer" | "identity">> {
  const ca = compass.ca === null ? undefined : await reveal(compass.ca, env, "connect", "authorities of Compass");
  return {
    ca,
    insecureSkipVerify: compass.insecureSkipVerify,
    proxy: proxyOf(proxy, env),
    timeout: compass.timeout,
    maxBytes: compass.maxBytes,
    signal,
    requestID,
    now: () => clock.now(),
  };
}

/** The one-time token that is configured; null when none is. Throws `SecretUnreadable` when it cannot be read. */
export async function configuredToken({ compass }: Config, env: Environment): Promise<Secret | null> {
  return compass.token === null
    ? null
    : readSecret(compass.token, { env, stage: "connect", purpose: "one-time token" });
}

/** The target repository. The caller closes it. */
export async function targetRepository(
  config: Config,
  git: GitConfig,
  { env, signal, cache }: { env: Environment; signal: AbortSignal; cache: string },
): Promise<Repository> {
  await makeFolder(cache, 0o700).catch((cause: unknown) => {
    throw new Failure(`the cache folder ${cache} cannot be made`, {
      code: "StateUnwritable",
      stage: "base",
      hint: "Give the agent's user the right to write to state.directory; with state.kubernetes, to TMPDIR.",
      cause,
    });
  });
  // As everywhere: a proxy for https is not asked about http.
  const { https, no } = git.url.startsWith("https:") ? proxyOf(config.proxy, env) : NO_PROXY;
  const ca = git.ca === null ? {} : { ca: await authoritiesFile(git.ca, env, cache) };
  const auth = await gitAuth(git.auth, env);
  return openRepository({
    url: git.url,
    auth,
    proxy: https,
    noProxy: no,
    directory: cache,
    timeout: GIT_TIMEOUT,
    signal,
    ...ca,
  });
}

/** Of repository, branch and path: however the address is written, `file://` or not, with or without what may stand at its end. */
export function targetDigest({ git }: Config): string {
  const address = git?.url.replace(/^file:\/\/[^/]*/, "").replace(/(?:\/|\.git)+$/, "") ?? "";
  const fields =
    git === null ? [] : [address.startsWith("/") ? posix.normalize(address) : address, git.branch, git.path];
  return sha256(JSON.stringify(fields)).slice(0, 16);
}

/** Of one remote call, in milliseconds. */
const GIT_TIMEOUT = 120_000;

const NO_PROXY = { https: null, no: [] };

// What GitHub asks for beside a token; other hosts take any name.
const TOKEN_USER = "x-access-token";

async function gitAuth(auth: GitConfig["auth"], env: Environment): Promise<GitAuth> {
  if (auth === null) return { kind: "none" };
  const secret = (reference: SecretReference, purpose: string) =>
    readSecret(reference, { env, stage: "base", purpose });
  if ("token" in auth) {
    const password = await secret(auth.token, "Git access token");
    return { kind: "basic", username: auth.username ?? TOKEN_USER, password };
  }
  if ("basic" in auth) {
    return {
      kind: "basic",
      username: auth.basic.username,
      password: await secret(auth.basic.password, "Git password"),
    };
  }
  throw new TypeError("a kind of git.auth got past the check of what is built");
}

/** git takes one file in place of the system's authorities: the usual ones are written into it beside the user's. */
async function authoritiesFile(reference: SecretReference, env: Environment, cache: string): Promise<string> {
  const own = await reveal(reference, env, "base", "authorities of the Git host");
  const file = join(cache, `git-authorities.${process.pid}.pem`);
  await writeFile(file, [...getCACertificates("default"), ...getCACertificates("system"), own, ""].join("\n"));
  return file;
}

async function reveal(reference: SecretReference, env: Environment, stage: Stage, purpose: string): Promise<string> {
  return (await readSecret(reference, { env, stage, purpose })).reveal();
}

/** By the configuration, else by the environment. */
export function proxyOf(proxy: Config["proxy"], env: Environment): { https: string | null; no: readonly string[] } {
  const https = proxy.https ?? (env.HTTPS_PROXY || env.https_proxy || null);
  const no =
    proxy.no.length > 0 ? proxy.no : (env.NO_PROXY ?? env.no_proxy ?? "").split(",").filter((host) => host !== "");
  return { https, no };
}
