/** From a configuration to what the stages are called with: transports, credentials, the place of the state. */

import { posix } from "node:path";
import { type GitAuth, openRepository, type RemoteOptions, type Repository } from "./adapters/git/index.js";
import {
  apiOf,
  createTokenKeeper,
  type InstallationPermissions,
  repositoryOf,
  type TokenKeeper,
} from "./adapters/github-app/index.js";
import { createHTTPClient, type HTTPClientOptions } from "./adapters/http/index.js";
import { createSigner, type Signer } from "./adapters/signing/index.js";
import { writeAuthorities } from "./authorities-file.js";
import type { Clock } from "./common/clock.js";
import { Failure, type Stage } from "./common/failure.js";
import { makeFolder } from "./common/make-folder.js";
import type { Secret } from "./common/secret.js";
import { sha256 } from "./common/sha256.js";
import { type Config, readSecret, type SecretReference } from "./config/index.js";
import { isAllowed } from "./connect/index.js";
import { withoutEnding } from "./git-address.js";
import { publishesByRequest } from "./publishes-by-request.js";
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
/** Ends with `end`, not with the agent's signal: what Compass answered is kept also by an agent that was asked to stop. */
export function openState({ state, certificate, compass }: Config, env: Environment, end?: AbortSignal): State {
  if ("directory" in state) return openFileState(state.directory);
  return openKubernetesState({
    env,
    namespace: state.kubernetes.namespace,
    certificate: certificate.secret,
    authority: certificate.caSecret,
    connectorURL: compass.connectorURL,
    isAllowed: (connection) => isAllowed(connection, compass.hosts),
    ...(end === undefined ? {} : { end }),
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
  const ca =
    compass.ca === null ? undefined : await reveal(compass.ca, env, "connect", "authorities of Compass", signal);
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
export async function configuredToken(
  { compass }: Config,
  env: Environment,
  signal: AbortSignal,
): Promise<Secret | null> {
  return compass.token === null
    ? null
    : readSecret(compass.token, { env, stage: "connect", purpose: "one-time token", signal });
}

export interface RepositorySettings {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly cache: string;
  /** Keeps a GitHub App's tokens from call to call. @default each call asks for its own */
  readonly tokens?: TokenKeeper | undefined;
  /** Whether what was fetched is kept in the cache for the next cycle. @default false */
  readonly keeps?: boolean;
}

/** The target repository. The caller closes it. */
export async function targetRepository(
  config: Config,
  git: GitConfig,
  { env, signal, cache, tokens = createTokenKeeper(), keeps = false }: RepositorySettings,
): Promise<Repository> {
  await makeFolder(cache, 0o700).catch((cause: unknown) => {
    throw new Failure(`the cache folder ${cache} cannot be made`, {
      code: "StateUnwritable",
      stage: "base",
      hint: "Give the agent's user the right to write to state.directory; with state.kubernetes, to TMPDIR.",
      cause,
    });
  });
  const remote = await remoteOf(config, git, git, { env, signal, cache, tokens });
  const sign = git.signing === null ? null : await signerOf(git.signing, env, signal);
  return openRepository({
    ...remote,
    target: git.branch,
    directory: cache,
    timeout: GIT_TIMEOUT,
    signal,
    sign,
    kept: keeps ? `repository-${targetDigest(config)}.git` : null,
  });
}

/** How to get into the repository at `url`: the target, or the one that is pushed to in its place. */
export async function remoteOf(
  config: Config,
  git: GitConfig,
  { url, auth }: Pick<GitConfig, "url" | "auth">,
  { env, signal, cache, tokens }: { env: Environment; signal: AbortSignal; cache: string; tokens: TokenKeeper },
): Promise<RemoteOptions> {
  // As everywhere: a proxy for https is not asked about http.
  const { https, no } = url.startsWith("https:") ? proxyOf(config.proxy, env) : NO_PROXY;
  const ca =
    git.ca === null
      ? {}
      : { ca: await writeAuthorities(await reveal(git.ca, env, "base", "authorities of the Git host", signal), cache) };
  return {
    url,
    auth: await gitAuth(config, { ...git, url, auth }, { env, signal, tokens }),
    proxy: https,
    noProxy: no,
    ...ca,
  };
}

/** Where the agent's branch lives: the target repository itself, or the one of `git.push`, which is closed with it. */
export async function pushRepository(
  config: Config,
  git: GitConfig,
  target: Repository,
  access: { env: Environment; signal: AbortSignal; cache: string; tokens: TokenKeeper },
): Promise<Repository> {
  const { push } = git;
  if (push === null) return target;
  const remote = await remoteOf(config, git, { url: push.url, auth: push.auth ?? git.auth }, access);
  const settings = { url: "git.push.url", auth: push.auth === null ? "git.auth" : "git.push.auth" };
  return target.elsewhere({ ...remote, settings });
}

/** Of repository, branch and path: however the address is written, `file://` or not, with or without what may stand at its end. */
export function targetDigest({ git }: Config): string {
  const address = withoutEnding(git?.url.replace(/^file:\/\/[^/]*/, "") ?? "");
  const fields =
    git === null ? [] : [address.startsWith("/") ? posix.normalize(address) : address, git.branch, git.path];
  return sha256(JSON.stringify(fields)).slice(0, 16);
}

/** Of one remote call, in milliseconds. */
const GIT_TIMEOUT = 120_000;

const NO_PROXY = { https: null, no: [] };

// What GitHub asks for beside a token; other hosts take any name.
const TOKEN_USER = "x-access-token";

async function gitAuth(
  config: Config,
  git: GitConfig,
  { env, signal, tokens }: { env: Environment; signal: AbortSignal; tokens: TokenKeeper },
): Promise<GitAuth> {
  const { auth } = git;
  if (auth === null) return { kind: "none" };
  const secret = (reference: SecretReference, purpose: string) =>
    readSecret(reference, { env, stage: "base", purpose, signal });
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
  if ("ssh" in auth) {
    const knownHosts = await reveal(auth.ssh.knownHosts, env, "base", "host keys of the Git host", signal);
    return { kind: "ssh", key: await secret(auth.ssh.key, "SSH key of the Git host"), knownHosts };
  }
  if ("clientCertificate" in auth) {
    const { certificate, key } = auth.clientCertificate;
    return {
      kind: "certificate",
      certificate: await reveal(certificate, env, "base", "client certificate for the Git host", signal),
      key: await secret(key, "key of the client certificate for the Git host"),
    };
  }
  const password = await installationToken(config, git, auth.githubApp, { env, signal, tokens });
  return { kind: "basic", username: TOKEN_USER, password };
}

async function signerOf(
  { format, key }: NonNullable<GitConfig["signing"]>,
  env: Environment,
  signal: AbortSignal,
): Promise<Signer> {
  return createSigner(
    format,
    await readSecret(key, { env, stage: "publish", purpose: "key that commits are signed with", signal }),
  );
}

/** Of one call of GitHub, in milliseconds, and the most that it may answer, in bytes. */
const [GITHUB_TIMEOUT, GITHUB_LIMIT] = [30_000, 1024 * 1024];

/** The token of a GitHub App for the repository at `git.url`. */
export async function installationToken(
  config: Config,
  git: GitConfig,
  app: { readonly appID: string; readonly installationID: string; readonly key: SecretReference },
  { env, signal, tokens }: { env: Environment; signal: AbortSignal; tokens: TokenKeeper },
): Promise<Secret> {
  const { proxy, pullRequest } = config;
  if (!/^https?:/.test(git.url)) {
    throw new Failure("git.auth.githubApp is set, but git.url is no https address", {
      code: "ConfigurationInvalid",
      stage: "base",
      hint: "Use the repository's https address in git.url.",
    });
  }
  const key = await readSecret(app.key, { env, stage: "base", purpose: "private key of the GitHub App", signal });
  const client = createHTTPClient({
    stage: "base",
    peer: "GitHub",
    ca: git.ca === null ? undefined : await reveal(git.ca, env, "base", "authorities of the Git host", signal),
    proxy: proxyOf(proxy, env),
    timeout: GITHUB_TIMEOUT,
    maxBytes: GITHUB_LIMIT,
    signal,
  });
  try {
    return await tokens.token({
      ...app,
      key,
      fetch: client.fetch,
      api: pullRequest.api?.replace(/\/+$/, "") ?? apiOf(git.url),
      repository: repositoryOf(git.url),
      permissions: permissionsOf(config, git),
      now: () => new Date(),
    });
  } finally {
    await client.close();
  }
}

/** No more than the repository is used for: of two, one is proposed to and the other one written. */
function permissionsOf(config: Config, { url }: GitConfig): InstallationPermissions {
  const isSecond = config.git !== null && config.git.push !== null && url === config.git.push.url;
  const isRead = config.git !== null && config.git.push !== null && !isSecond;
  const proposes = publishesByRequest(config) && !isSecond;
  return { contents: isRead ? "read" : "write", ...(proposes ? { pull_requests: "write" } : {}) };
}

export async function reveal(
  reference: SecretReference,
  env: Environment,
  stage: Stage,
  purpose: string,
  signal: AbortSignal,
): Promise<string> {
  return (await readSecret(reference, { env, stage, purpose, signal })).reveal();
}

/** By the configuration, else by the environment. */
export function proxyOf(proxy: Config["proxy"], env: Environment): { https: string | null; no: readonly string[] } {
  const https = proxy.https ?? (env.HTTPS_PROXY || env.https_proxy || null);
  const no =
    proxy.no.length > 0 ? proxy.no : (env.NO_PROXY ?? env.no_proxy ?? "").split(",").filter((host) => host !== "");
  return { https, no };
}
