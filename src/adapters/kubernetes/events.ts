/** Events about objects of the cluster: one that says the same again is counted, not made anew. */

import type { CoreV1Event } from "@kubernetes/client-node";
import { sha256 } from "../../common/sha256.js";
import type { SendCall } from "./calls.js";
import type { Cluster } from "./cluster.js";
import { isConflict, unlessGone } from "./errors.js";
import type { ChangeOptions } from "./objects.js";

export interface ClusterEvent {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word. */
  readonly reason: string;
  /** One printable line of at most 1 KiB. */
  readonly message: string;
  readonly at: Date;
  /** An object in no namespace: its Events are in the namespace `default`. */
  readonly about: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    /** Null when it is not known, or when there is no such object. */
    readonly uid: string | null;
  };
}

/** Where Events stand about what is in no namespace; the API server takes them nowhere else. */
const NAMESPACE = "default";

const COMPONENT = "runtime-agent";

/**
 * Needs the rights to create and patch, none to read: the name is made of what the Event says, and the answer to a patch
 * tells how often it was said so far. The API server drops an Event that is an hour old.
 */
export function createEvents(send: SendCall): Pick<Cluster, "tell" | "rehearseTelling"> {
  const patch = (name: string, body: object) =>
    send({ verb: "patch", resource: "events", object: `Event ${NAMESPACE}/${name}` }, async (configuration) => {
      const { CoreV1Api, PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
      const options = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
      return new CoreV1Api(configuration).patchNamespacedEvent({ namespace: NAMESPACE, name, body }, options);
    });
  const create = (name: string, body: CoreV1Event, options: ChangeOptions = {}) =>
    send({ verb: "create", resource: "events", object: `Event ${NAMESPACE}/${name}` }, async (configuration) => {
      const { CoreV1Api } = await import("@kubernetes/client-node");
      return new CoreV1Api(configuration).createNamespacedEvent({ namespace: NAMESPACE, body, ...options });
    });

  const compose = (name: string, { type, reason, message, at, about }: ClusterEvent): CoreV1Event => {
    const { uid, ...named } = about;
    return {
      metadata: { namespace: NAMESPACE, name },
      involvedObject: uid === null ? named : { ...named, uid },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
    };
  };

  const rehearseTelling: Cluster["rehearseTelling"] = async (about) => {
    const event = { type: "Normal", reason: "Rehearsed", message: "Not stored", at: new Date(), about } as const;
    const name = `${about.name}.rehearsal`;
    await create(name, compose(name, event), { dryRun: "All" });
    // There is none, and it may be patched.
    await patch(name, {}).catch(unlessGone);
  };

  const tell: Cluster["tell"] = async (event) => {
    const { type, reason, message, at, about } = event;
    const digest = sha256(JSON.stringify([about.uid, type, reason, message])).slice(0, 16);
    const name = `${about.name}.${digest}`;
    try {
      const said = await patch(name, { lastTimestamp: at.toISOString() });
      const { resourceVersion } = said.metadata;
      await patch(name, { metadata: { resourceVersion }, count: (said.count ?? 1) + 1 });
    } catch (thrown) {
      // Counted by another at the same time: that is enough.
      if (isConflict(thrown)) return;
      unlessGone(thrown);
      await create(name, compose(name, event)).catch((made: unknown) => {
        if (!isConflict(made)) throw made;
      });
    }
  };
  return { tell, rehearseTelling };
}
