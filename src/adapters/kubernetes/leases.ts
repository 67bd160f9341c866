/** Leases of the cluster: who holds one, and until when. */

import type { V1Lease } from "@kubernetes/client-node";
import type { SendCall } from "./calls.js";
import { type ClusterObject, createObjects, type Objects } from "./objects.js";

export interface ClusterLease extends ClusterObject {
  /** Null when nobody holds it. */
  readonly holder: string | null;
  /** Seconds after `renewedAt` for which it holds. */
  readonly duration: number;
  readonly acquiredAt: Date | null;
  readonly renewedAt: Date | null;
  /** How often it went from one holder to another. */
  readonly transitions: number;
}

export function createLeases(send: SendCall): Objects<ClusterLease> {
  return createObjects<V1Lease, ClusterLease>(
    {
      title: "Lease",
      resource: "leases",
      get: async (configuration, place) => (await api(configuration)).readNamespacedLease(place),
      create: async (configuration, { namespace }, body, options) =>
        (await api(configuration)).createNamespacedLease({ namespace, body, ...options }),
      replace: async (configuration, { namespace, name }, body, options) =>
        (await api(configuration)).replaceNamespacedLease({ namespace, name, body, ...options }),
      read: ({ spec = {}, ...frame }, object) => ({
        ...object,
        frame,
        holder: spec.holderIdentity || null,
        duration: spec.leaseDurationSeconds ?? 0,
        acquiredAt: spec.acquireTime ? new Date(spec.acquireTime) : null,
        renewedAt: spec.renewTime ? new Date(spec.renewTime) : null,
        transitions: spec.leaseTransitions ?? 0,
      }),
      compose: ({ holder, duration, acquiredAt, renewedAt, transitions }, frame) => ({
        ...frame,
        spec: {
          leaseDurationSeconds: duration,
          leaseTransitions: transitions,
          ...(holder === null ? {} : { holderIdentity: holder }),
          ...(acquiredAt === null ? {} : { acquireTime: new MicroTime(acquiredAt) }),
          ...(renewedAt === null ? {} : { renewTime: new MicroTime(renewedAt) }),
        },
      }),
      isSame: (found, wanted) =>
        found.holder === wanted.holder && found.renewedAt?.getTime() === wanted.renewedAt?.getTime(),
    },
    send,
  );
}

type Configuration = Parameters<Parameters<SendCall>[1]>[0];

async function api(configuration: Configuration) {
  const { CoordinationV1Api } = await import("@kubernetes/client-node");
  return new CoordinationV1Api(configuration);
}

/** With the six digits of a second that the API wants here. */
class MicroTime extends Date {
  override toISOString(): string {
    return super.toISOString().replace("Z", "000Z");
  }
}
