/** Where the cluster is and who the agent is there: KUBECONFIG, a pod's service account, or ~/.kube/config. */

import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { delimiter, dirname, join, resolve } from "node:path";
import type { KubeConfig, RequestContext, SecurityAuthentication } from "@kubernetes/client-node";
import { parseYaml } from "../yaml/index.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Access {
  readonly server: string;
  /** As messages name it. */
  readonly host: string;
  readonly authentication: SecurityAuthentication;
  /** The token is read from a file for each request: one that is refused may be a better one at the next. */
  readonly hasTokenFile: boolean;
  /** The next request opens a new connection, with the authorities as they are then. */
  reconnect(): void;
}

/** Where a pod finds its service account. */
const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Throws what the client or the file system throws when there is no usable access. */
export async function findAccess(env: Environment, accountFolder = ACCOUNT_FOLDER): Promise<Access> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const tokenFile = isInPod(env)
    ? useAccount(config, env, accountFolder)
    : useFiles(config, kubeconfigs(env), KubeConfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("no cluster is selected");
  let shared: ReturnType<RequestContext["getDispatcher"]>;
  const authentication: SecurityAuthentication = {
    getName: () => "cluster",
    applySecurityAuthentication: async (context) => {
      await config.applySecurityAuthentication(context);
      // The client reads a pod's token once a minute only, and does not know `tokenFile` of a kubeconfig at all.
      if (tokenFile !== null) {
        context.setHeaderParam("Authorization", `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`);
      }
      // It makes a new pool for each request, too, so that none would ever use a connection again.
      shared ??= context.getDispatcher();
      if (shared !== undefined) context.setDispatcher(shared);
    },
  };
  const reconnect = () => {
    shared = undefined;
  };
  return { server, host: new URL(server).host, authentication, hasTokenFile: tokenFile !== null, reconnect };
}

// Named explicitly it is meant, in a pod, too.
const isInPod = (env: Environment) => !env.KUBECONFIG && Boolean(env.KUBERNETES_SERVICE_HOST);

/** Gives the token's file. */
function useAccount(config: KubeConfig, env: Environment, folder: string): string {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const caFile = join(folder, "ca.crt");
  // The client would go on without them, and trust the public authorities.
  readFileSync(caFile);
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  config.loadFromClusterAndUser({ name: "cluster", server, caFile, skipTLSVerify: false }, { name: "account" });
  return join(folder, "token");
}

function kubeconfigs(env: Environment): string[] {
  if (!env.KUBECONFIG) return [join(env.HOME ?? "/", ".kube", "config")];
  const files = env.KUBECONFIG.split(delimiter).filter((file) => file !== "");
  const existing = files.filter((file) => existsSync(file));
  return existing.length === 0 ? files : existing;
}

/** Gives the file of the selected user's token; null when it names none. */
function useFiles(config: KubeConfig, files: readonly string[], Config: typeof KubeConfig): string | null {
  for (const [index, file] of files.entries()) {
    if (index === 0) config.loadFromFile(file);
    else {
      const other = new Config();
      other.loadFromFile(file);
      config.mergeConfig(other, Boolean(config.getCurrentContext()));
    }
  }
  const name = config.getCurrentUser()?.name;
  for (const file of files) {
    const value = parseYaml(readFileSync(file, "utf8"), { code: "ClusterAuthentication", stage: "config", file });
    const users = (value as { users?: { name?: string; user?: { tokenFile?: string } }[] } | null)?.users ?? [];
    const tokenFile = users.find((user) => user.name === name)?.user?.tokenFile;
    if (tokenFile) return resolve(dirname(file), tokenFile);
  }
  return null;
}
