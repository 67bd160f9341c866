/** The embedded Compass: Connector and Director on loopback, for the demo and for tests. */

import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../common/clock.js";
import { nameForRuntime } from "./application-names.js";
import { createConnector } from "./connector.js";
import { createControl } from "./control.js";
import { createDirector } from "./director.js";
import { openDirectory } from "./directory.js";
import { createEdge } from "./edge.js";
import { createFaults, type Fault } from "./faults.js";
import { startListeners } from "./listeners.js";
import { openRegistry } from "./registry.js";
import { createRequestLog } from "./request-log.js";
import { createSandboxClock } from "./sandbox-clock.js";
import { VALIDITY } from "./signing.js";
import { openSnapshot, type Snapshot } from "./snapshot-file.js";

export { otherTenant } from "./edge.js";
export { type Fault, type FaultName, faultNames } from "./faults.js";
export type { LogEntry } from "./request-log.js";

export interface SandboxOptions {
  /** Holds everything that is kept; a restart with the same directory goes on. */
  readonly directory: string;
  /** Size of the generated landscape; an existing one is kept as it is. @default 5 */
  readonly applications?: number;
  /** @default 1 */
  readonly seed?: number;
  /** A snapshot to serve instead, names and order as they stand. @default a generated landscape */
  readonly snapshot?: string;
  /** Token Connector on P, mTLS on P+1, control on P+2. @default any free ports */
  readonly port?: number;
  /** How long certificates are valid, in milliseconds. @default 90 days, as Compass does */
  readonly certificateLife?: number;
  /** @default none */
  readonly faults?: readonly Fault[];
  /** @default the system's */
  readonly clock?: Clock;
  /** Told when an edit of the snapshot cannot be read, so that the last good state is served on. @default nobody */
  readonly onComplaint?: (complaint: string) => void;
}

export interface Sandbox {
  readonly connectorURL: string;
  readonly secureConnectorURL: string;
  readonly directorURL: string;
  /** A fresh one-time token. */
  readonly token: string;
  readonly runtimeID: string;
  readonly tenant: string;
  /** Path of the PEM file of the certificate authority. */
  readonly ca: string;
  readonly directory: string;
  /** Loopback URL of the control, plain HTTP. */
  readonly control: string;
  /** The snapshot that is served: edit it, and the next request sees the change. */
  readonly snapshotFile: string;
  close(): Promise<void>;
}

interface Identified {
  readonly id: string;
}

/** By code unit, as PostgreSQL orders UUIDs; equal ones stay as they stand. */
const byID = (one: Identified, other: Identified) => Number(one.id > other.id) - Number(one.id < other.id);

/** Director's order (contract 2.5, 2.7); `auths` has none. */
function sorted(snapshot: Snapshot): Snapshot {
  const applications = snapshot.applications.map((application) => ({
    ...application,
    bundles: application.bundles?.toSorted(byID).map((bundle) => ({
      ...bundle,
      apiDefinitions: bundle.apiDefinitions?.toSorted(byID),
      eventDefinitions: bundle.eventDefinitions?.toSorted(byID),
    })),
  }));
  return { ...snapshot, applications: applications.toSorted(byID) };
}

/**
 * Starts Connector, Director and control on loopback. Rejects with a Failure when a port is taken or the snapshot is
 * none.
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { directory, applications = 5, seed = 1, port = 0, clock: base = systemClock } = options;
  const { certificateLife: life = VALIDITY } = options;
  const kept = await openDirectory(directory);
  const registry = openRegistry(kept.registry, randomUUID());
  const clock = createSandboxClock(base, registry.clockOffset);
  const faults = createFaults(options.faults ?? []);
  const log = createRequestLog();
  const authority = await kept.authority(clock.now());

  const generated = options.snapshot === undefined;
  const snapshotFile = options.snapshot ?? (await kept.landscape({ applications, seed }));
  const snapshot = await openSnapshot(snapshotFile, {
    prepare: generated ? sorted : (asReceived) => asReceived,
    report: (note) => {
      log.add({ operation: "(snapshot)", arguments: {}, endpoint: "", status: null, bytes: 0, note });
      options.onComplaint?.(note);
    },
  });

  const closing = new AbortController();
  const shared = { authority, registry, faults, clock };
  const { urls, close } = await startListeners({
    ...shared,
    log,
    port,
    serve: (known, dropIdle) => ({
      edge: createEdge({
        ...shared,
        log,
        snapshot,
        signal: closing.signal,
        connector: createConnector({ ...shared, ...known, life }),
        director: createDirector({ ...shared, ...known, nameOf: generated ? nameForRuntime : ({ name }) => name }),
      }),
      control: createControl({ ...shared, log, dropIdle }),
    }),
  });

  return {
    ...urls,
    token: registry.issueToken(clock.now()).raw,
    runtimeID: (await snapshot.current()).runtime.id,
    tenant: registry.tenant,
    ca: kept.ca,
    directory,
    snapshotFile,
    async close() {
      closing.abort();
      await close();
    },
  };
}
