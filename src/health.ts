/** What Kubernetes and Prometheus ask of a running agent: whether it lives, whether it works, and how it went. */

import { createServer, type Server } from "node:http";
import { Failure } from "./common/failure.js";

export interface HealthOptions {
  /** Port of /healthz and /readyz; 0 for any, null for none. */
  readonly health: number | null;
  /** Port of /metrics; likewise. One port may serve both. */
  readonly metrics: number | null;
  /** Null when it is ready, else in one line why not. */
  readonly whyNotReady: () => string | null;
  /** In the text format of Prometheus. */
  readonly collect: () => Promise<{ readonly type: string; readonly text: string }>;
}

export interface Health {
  readonly ports: { readonly health: number | null; readonly metrics: number | null };
  close(): Promise<void>;
}

type Answer = { readonly status: number; readonly type: string; readonly text: string };

const plain = (status: number, text: string): Answer => ({ status, type: "text/plain; charset=utf-8", text });

/** Listens on all interfaces, as probes and scrapers come from elsewhere. Throws `ConfigurationInvalid` for a port that is taken. */
export async function startHealth(options: HealthOptions): Promise<Health> {
  const routes = {
    health: new Map<string, () => Promise<Answer>>([
      ["/healthz", async () => plain(200, "alive\n")],
      [
        "/readyz",
        async () => {
          const why = options.whyNotReady();
          return why === null ? plain(200, "ready\n") : plain(503, `${why}\n`);
        },
      ],
    ]),
    metrics: new Map<string, () => Promise<Answer>>([
      ["/metrics", async () => ({ status: 200, ...(await options.collect()) })],
    ]),
  };
  const isShared = options.health !== null && options.health !== 0 && options.health === options.metrics;
  const servers: Server[] = [];
  const listen = async (name: string, port: number | null, paths: ReadonlyMap<string, () => Promise<Answer>>) => {
    if (port === null) return null;
    const server = serve(paths);
    servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, resolve);
    }).catch((cause: unknown) => {
      throw new Failure(`the port ${port} of server.${name} cannot be listened on`, {
        code: "ConfigurationInvalid",
        stage: "config",
        hint: `Set server.${name} to a free port, or to null for none.`,
        cause,
      });
    });
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  };
  const close = async () => {
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  try {
    const all = new Map([...routes.health, ...routes.metrics]);
    const health = await listen("health", options.health, isShared ? all : routes.health);
    const metrics = isShared ? health : await listen("metrics", options.metrics, routes.metrics);
    return { ports: { health, metrics }, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

function serve(paths: ReadonlyMap<string, () => Promise<Answer>>): Server {
  const answerTo = async (method: string | undefined, url: string | undefined): Promise<Answer> => {
    if (method !== "GET" && method !== "HEAD") return plain(405, "only GET and HEAD\n");
    const answer = paths.get((url ?? "").replace(/\?.*$/, ""));
    return answer === undefined ? plain(404, `there is ${[...paths.keys()].join(", ")}\n`) : answer();
  };
  // Nobody sends more than a line: what takes longer is no probe.
  return createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    void answerTo(request.method, request.url)
      .catch(() => plain(500, "failed\n"))
      .then(({ status, type, text }) => {
        response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
        response.end(request.method === "HEAD" ? undefined : text);
      });
  });
}
