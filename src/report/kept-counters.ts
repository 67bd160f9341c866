/** Counters over runs that end: kept in the state, so that they go on rising from one run to the next. */

import type { Registry } from "prom-client";

/** One value of a counter. */
export interface KeptCounter {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a counter can do; prom-client's registry gives them without their type. */
interface Incremented {
  inc(labels: Readonly<Record<string, string>>, by: number): void;
}

export async function countersOf(registry: Registry, prefix: string): Promise<KeptCounter[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics
    .filter(({ name, type }) => (type as unknown) === "counter" && name.startsWith(prefix))
    .flatMap(({ name, values }) =>
      values.map(({ labels, value }) => ({ name, labels: asTexts(labels), value: Number(value) })),
    );
}

/** What is not known any more, by its name or by its labels, is left out. */
export function addCounters(registry: Registry, kept: readonly KeptCounter[]): void {
  for (const { name, labels, value } of kept) {
    const counter = registry.getSingleMetric(name) as unknown as Partial<Incremented> | undefined;
    try {
      if (value > 0) counter?.inc?.(labels, value);
    } catch {
      // Another version counted it by other labels.
    }
  }
}

const asTexts = (labels: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)]));
