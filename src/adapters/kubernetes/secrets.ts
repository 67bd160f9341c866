/** Reads one Secret, in a pod by its service account, elsewhere by KUBECONFIG. */

import { join } from "node:path";
import { Failure, type FailureOptions, type Stage } from "../../common/failure.js";
import { Secret } from "../../common/secret.js";

export interface ClusterSecretOptions {
  readonly namespace: string;
  readonly name: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stage: Stage;
  /** Milliseconds. @default 30_000 */
  readonly timeout?: number;
}

/** The Secret's data, decoded, by key. Throws a `Failure` without the client's text, which holds bodies and headers. */
export async function readClusterSecret(options: ClusterSecretOptions): Promise<ReadonlyMap<string, Secret>> {
  const { namespace, name, env, stage, timeout = 30_000 } = options;
  const place = `Secret ${namespace}/${name}`;
  const fail = (message: string, more: Omit<FailureOptions, "stage" | "code">) =>
    new Failure(`the ${place} ${message}`, { code: "SecretUnreadable", stage, ...more });
  // Loading the client takes 0.4 s, which commands that need no cluster should not wait for.
  const { CoreV1Api, KubeConfig, createConfiguration, ServerConfiguration, ApiException } = await import(
    "@kubernetes/client-node"
  );
  const cluster = new KubeConfig();
  try {
    if (env.KUBECONFIG) cluster.loadFromFile(env.KUBECONFIG);
    else if (env.KUBERNETES_SERVICE_HOST) cluster.loadFromCluster();
    else cluster.loadFromFile(join(env.HOME ?? "/", ".kube", "config"));
  } catch (cause) {
    const hint = "Run in a pod with a service account, or set KUBECONFIG to a readable file.";
    throw fail("cannot be read: there is no usable access to a cluster", { hint, cause });
  }
  const server = cluster.getCurrentCluster()?.server;
  if (server === undefined) {
    throw fail("cannot be read: no cluster is selected", { hint: "Select a context in the KUBECONFIG file." });
  }
  const deadline = AbortSignal.timeout(timeout);
  // The client ignores a signal among its options; a middleware is the way.
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: cluster },
    promiseMiddleware: [
      {
        pre: async (context) => {
          context.setSignal(deadline);
          return context;
        },
        post: async (context) => context,
      },
    ],
  });
  try {
    const { data = {} } = await new CoreV1Api(configuration).readNamespacedSecret({ namespace, name });
    const decoded = Object.entries(data).map(
      ([key, value]) => [key, Secret.of(Buffer.from(value, "base64").toString("utf8"))] as const,
    );
    return new Map(decoded);
  } catch (thrown) {
    const code = thrown instanceof ApiException ? thrown.code : null;
    if (code === 404)
      throw fail("does not exist", { hint: "Create it, or correct the reference in the configuration." });
    if (code === 401 || code === 403) {
      throw fail("may not be read", { hint: "Give the agent's service account the right to get exactly this Secret." });
    }
    throw fail(code === null ? "cannot be read: no answer from the API server" : `cannot be read (HTTP ${code})`, {
      hint: "Check that the API server can be reached; then try again.",
      retryable: code === null || code === 429 || code >= 500,
    });
  }
}
