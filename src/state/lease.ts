/** The lock of a state in Kubernetes: a Lease, which saves a second agent its work. What is safe is so by resourceVersion. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { type Cluster, type ClusterLease, isConflict, type Place } from "../adapters/kubernetes/index.js";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";

export interface LeaseOptions {
  readonly cluster: Cluster;
  readonly place: Place;
  readonly clock: Clock;
  /** Seconds for which it holds without being renewed; it is renewed each third of them. */
  readonly duration: number;
}

/** Gives the function that lets go. Rejects with `StateLocked` while another holds it. */
export async function takeLease({ cluster, place, clock, duration }: LeaseOptions): Promise<() => Promise<void>> {
  const holder = `${hostname()}_${randomBytes(8).toString("hex")}`;
  const found = await cluster.leases.get(place);
  const now = clock.now();
  if (found !== null && isHeld(found, now)) throw locked(place, found.holder);
  const before = found ?? { ...place, resourceVersion: null, frame: {}, transitions: -1 };
  const taken = { holder, duration, acquiredAt: now, renewedAt: now, transitions: before.transitions + 1 };
  let held: ClusterLease | null = await cluster.leases.write({ ...before, ...taken }).catch((thrown: unknown) => {
    // Somebody was faster.
    throw isConflict(thrown) ? locked(place, null) : thrown;
  });

  const write = async (changes: Partial<ClusterLease>) => {
    try {
      if (held !== null) held = await cluster.leases.write({ ...held, ...changes });
    } catch (thrown) {
      // Taken over, since it was not renewed in time: it is another's now. Everything else may pass until the next time.
      if (isConflict(thrown)) held = null;
    }
  };
  // One at a time: two would meet each other's resourceVersion.
  let renewing: Promise<void> | null = null;
  const renew = () => {
    renewing ??= write({ renewedAt: clock.now() }).finally(() => {
      renewing = null;
    });
  };
  const renewal = setInterval(renew, (duration * 1000) / 3).unref();
  return async () => {
    clearInterval(renewal);
    await renewing;
    // That it could not be given back is no failure of what was done under it: it ends by itself.
    await write({ holder: null, duration: 1, renewedAt: clock.now() });
    held = null;
  };
}

/** Rejects as the API would refuse to let the Lease be taken; whoever holds it keeps it. */
export async function rehearseLease({ cluster, place, clock, duration }: LeaseOptions): Promise<void> {
  const found = await cluster.leases.get(place);
  const nobodys = { resourceVersion: null, frame: {}, holder: null, transitions: 0 };
  const now = clock.now();
  // As it would be taken: one that nobody has taken yet has no duration, which the API would not take from us.
  const taken = { duration, acquiredAt: now, renewedAt: now };
  await cluster.leases.rehearse({ ...place, ...nobodys, ...found, ...taken }).catch((thrown: unknown) => {
    // Who holds it has just renewed it: it can be written.
    if (!isConflict(thrown)) throw thrown;
  });
}

/** A Lease that says it was renewed in the future is of a clock that is wrong: it would block for as long as that was ahead. */
const isHeld = ({ holder, renewedAt, duration }: ClusterLease, now: Date) =>
  holder !== null && renewedAt !== null && Math.abs(renewedAt.getTime() - now.getTime()) < duration * 1000;

const locked = ({ namespace, name }: Place, holder: string | null) => {
  const who = holder === null ? "another agent" : `another agent (${forTerminal(holder, 100)})`;
  return new Failure(`${who} works with the state: it holds the Lease ${namespace}/${name}`, {
    code: "StateLocked",
    stage: "connect",
    retryable: true,
    hint: "Wait until it has finished; the Lease of one that was killed ends by itself after half a minute.",
  });
};
