/** What a Service of the cluster answers, asked through the API server: it needs no way into the cluster's network. */

import type { ResponseContext } from "@kubernetes/client-node";
import type { SendCall } from "./calls.js";
import type { Place } from "./objects.js";

export interface ServicePath extends Place {
  /** Without a slash at its beginning, as in `v1/cert.pem`. */
  readonly path: string;
}

/** The port by its name, since the number is the Service's own matter. */
const PORT = "http";

/** Gives the text of the answer. Rejects with a `ClusterFailure`, also for what the Service itself refuses. */
export function createServices(send: SendCall): (service: ServicePath) => Promise<string> {
  return async ({ namespace, name, path }) => {
    const call = { verb: "get", resource: "services/proxy", object: `Service ${namespace}/${name}` };
    const { text } = await send(call, async (configuration) => {
      const { CoreV1Api, Observable } = await import("@kubernetes/client-node");
      const then = <T>(context: T) => new Observable(Promise.resolve(context));
      const text = await new CoreV1Api(configuration).connectGetNamespacedServiceProxyWithPath(
        { namespace, name: `http:${name}:${PORT}`, path },
        {
          middleware: [{ pre: then, post: (context) => then(asText(context)) }],
          middlewareMergeStrategy: "append",
        },
      );
      // Every answer of the API has these; this one is not the API's own.
      return { metadata: {}, text: String(text) };
    });
    return text;
  };
}

/** The client takes no other kind of text than this one for a text. */
function asText(context: ResponseContext): ResponseContext {
  context.headers["content-type"] = "text/plain";
  return context;
}
