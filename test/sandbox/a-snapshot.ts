/** Snapshots for tests: as many Applications, bundles and definitions as are wanted, with ids that sort. */

import { renameSync, writeFileSync } from "node:fs";

export const id = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;

interface Sizes {
  readonly bundles?: number;
  readonly apis?: number;
  readonly events?: number;
}

const definitions = (count: number, more: object) =>
  Array.from({ length: count }, (_, index) => ({ id: id(index), name: `Definition ${index}`, ...more }));

export function aBundle(number: number, { apis = 0, events = 0 }: Sizes = {}) {
  return {
    id: id(number),
    name: `Bundle ${number}`,
    description: null,
    instanceAuthRequestInputSchema: null as string | null,
    defaultInstanceAuth: { credential: { username: "user", password: `password of ${number}` } } as object | null,
    apiDefinitions: definitions(apis, { targetURL: "https://api.example.com" }),
    eventDefinitions: definitions(events, {}),
  };
}

export function anApplication(number: number, sizes: Sizes = {}) {
  return {
    id: id(number),
    name: `mp-${number}`,
    description: null as string | null,
    auths: [{ id: id(1) }] as object[] | null,
    bundles: Array.from({ length: sizes.bundles ?? 0 }, (_, index) => aBundle(index, sizes)) as
      | ReturnType<typeof aBundle>[]
      | null,
  };
}

export function aSnapshot(applications: readonly object[]) {
  return {
    kind: "DirectorSnapshot",
    version: 1,
    runtime: { id: id(0), name: "test", labels: { isNormalized: "true", scenarios: ["DEFAULT"] } },
    applications,
  };
}

/** Replaces the file in one step, as a careful editor does. */
export function write(file: string, content: unknown): string {
  writeFileSync(`${file}.tmp`, typeof content === "string" ? content : JSON.stringify(content));
  renameSync(`${file}.tmp`, file);
  return file;
}
