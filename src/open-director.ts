/** Stage connect of a cycle, and what may be asked then. */

import type { Stage } from "./common/failure.js";
import type { Logger } from "./common/logger.js";
import { openSession } from "./connect/index.js";
import type { Running } from "./cycle-options.js";
import { createDirector, fetchSnapshot, type RuntimeLabel, type Snapshot, setRuntimeLabel } from "./fetch/index.js";
import { compassTransport } from "./setup.js";

/** What a cycle asks of Director. */
export interface Compass {
  /** Stage fetch, which may be run again. */
  look(): Promise<Snapshot>;
  /** Null where Compass is not to be told anything. */
  readonly setLabel: ((label: RuntimeLabel) => Promise<void>) | null;
}

export const recordedDirector = (recorded: Snapshot): Compass => ({ look: async () => recorded, setLabel: null });

/** Stage connect; gives what may be asked then. */
export async function openDirector(running: Running): Promise<Compass> {
  const { config, clock, signal, log, watch, used, state, env } = running;
  const session = await watch.time("connect", async () =>
    openSession({
      state,
      transport: await compassTransport(config, env, signal, clock, running.requestID),
      hosts: config.compass.hosts,
      clock,
    }),
  );
  used.session = session;
  log.debug("connected", { until: session.certificate.notAfter.toISOString() });
  const runtimeID = config.runtime.id ?? "";
  const director = createDirector({
    url: session.connection.directorURL,
    fetch: session.client.fetch,
    runtimeID,
    tenant: config.runtime.tenant,
    clock,
    signal,
    onRetry: (failure, attempt) => log.warn("asking Director again", { code: failure.code, attempt }),
    onAsked: (asking) => used.director.push(asking),
  });
  const { pageSize } = config.compass;
  return {
    look: () =>
      watch.time("fetch", () =>
        fetchSnapshot({ director, runtimeID, pageSize, clock, signal, onProgress: progressOf(log)("fetch") }),
      ),
    setLabel: (label) => watch.time("report", () => setRuntimeLabel(director, runtimeID, label)),
  };
}

export const progressOf = (log: Logger) => (stage: Stage) => (done: number, total: number) =>
  log.progress(stage, `${done} of ${total} Applications`);
