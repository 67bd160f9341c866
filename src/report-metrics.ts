/** Metrics of a run that ends: counted on from the run before, and left where Prometheus finds them. */

import { createHTTPClient } from "./adapters/http/index.js";
import { Failure, inOtherWords } from "./common/failure.js";
import { replaceFile } from "./common/replace-file.js";
import type { Config } from "./config/index.js";
import type { Metrics } from "./report/index.js";
import { type Environment, proxyOf } from "./setup.js";

const PUSH_TIMEOUT = 10_000;
const LARGEST_ANSWER = 1024 * 1024;

export const areMetricsKept = ({ metrics }: Pick<Config, "metrics">): boolean =>
  metrics.textfile !== null || metrics.push !== null;

export interface LeavingOptions {
  readonly config: Config;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Writes `metrics.textfile` and pushes to `metrics.push`; gives what failed of it. */
export async function leaveMetrics(metrics: Metrics, options: LeavingOptions): Promise<readonly Failure[]> {
  const { textfile, push } = options.config.metrics;
  const { text, type } = await metrics.collect();
  const work = [
    ...(textfile === null ? [] : [writeTextfile(textfile, text)]),
    ...(push === null ? [] : [pushTo(push, text, type, options)]),
  ];
  const ended = await Promise.allSettled(work);
  return ended.flatMap((each) => (each.status === "rejected" && each.reason instanceof Failure ? [each.reason] : []));
}

/** At once, so that a collector never reads half of it. */
async function writeTextfile(file: string, text: string): Promise<void> {
  try {
    await replaceFile(file, text, 0o644);
  } catch (cause) {
    throw new Failure(`the metrics cannot be written to ${file}`, {
      code: "StateUnwritable",
      stage: "report",
      hint: "Give the agent's user the right to write there, or leave metrics.textfile out.",
      cause,
    });
  }
}

/** Replaces what was pushed for this runtime before (Pushgateway, PUT). */
async function pushTo(url: string, text: string, type: string, { config, env, signal }: LeavingOptions): Promise<void> {
  const { host } = new URL(url);
  const hint = "Check metrics.push and the Pushgateway there.";
  const client = createHTTPClient({
    stage: "report",
    peer: "the Pushgateway",
    proxy: proxyOf(config.proxy, env),
    timeout: PUSH_TIMEOUT,
    maxBytes: LARGEST_ANSWER,
    signal,
  });
  try {
    const place = `/metrics/job/runtime_agent/runtime/${encodeURIComponent(config.runtime.id ?? "unknown")}`;
    const target = `${url.replace(/\/+$/, "")}${place}`;
    const answer = await client.fetch(target, { method: "PUT", body: text, headers: { "content-type": type } });
    if (answer.ok) return;
    throw new Failure(`the Pushgateway at ${host} refused the metrics (HTTP ${answer.status})`, {
      code: "ServerError",
      stage: "report",
      hint,
    });
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.hint === hint) throw thrown;
    throw inOtherWords(thrown, `the metrics were not pushed: ${thrown.message}`, hint);
  } finally {
    await client.close();
  }
}
