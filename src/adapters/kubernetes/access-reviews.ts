/** What the agent's account may do, or who it stands for: asked, not tried. */

import { z } from "zod";
import type { SendCall } from "./calls.js";
import { sendRaw, statusError } from "./raw.js";

/** One verb on one kind of object. */
export interface Right {
  readonly verb: string;
  /** "" for those of Kubernetes itself. */
  readonly group: string;
  readonly resource: string;
  /** Null for what is in no namespace. */
  readonly namespace: string | null;
  /** @default whatever its name */
  readonly name?: string;
}

/** Whether it is allowed. Rejects with `ClusterForbidden` where it may not even be asked, as for a user that may not be stood for. */
export type MayI = (right: Right) => Promise<boolean>;

const PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

const answered = z.object({ status: z.object({ allowed: z.boolean() }) });

export function createAccessReviews(send: SendCall): MayI {
  return async ({ verb, group, resource, namespace, name }) => {
    const resourceAttributes = { verb, group, resource, ...(namespace && { namespace }), ...(name && { name }) };
    const call = { verb: "create", resource: "selfsubjectaccessreviews", object: `a review of ${verb} ${resource}` };
    const { allowed } = await send(call, async (configuration) => {
      const { status, body } = await sendRaw(configuration, {
        method: "POST",
        path: PATH,
        contentType: "application/json",
        body: JSON.stringify({
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: { resourceAttributes },
        }),
      });
      if (status >= 300) throw await statusError(status);
      const { data } = answered.safeParse(body);
      if (data === undefined) throw new SyntaxError("no review of the API");
      return { metadata: {}, allowed: data.status.allowed };
    });
    return allowed;
  };
}
