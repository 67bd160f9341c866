/** Names of the fields in which two versions of a manifest differ; never what stands in them. Pure. */

import { parseYaml } from "../adapters/yaml/index.js";

/** Of one manifest. */
const MOST = 200;

/** What every change changes. */
const UNTOLD = "metadata.annotations.runtime-agent.kyma-project.io/digest";

/** `spec.services.Orders.entries.API.targetUrl`, in the order of the file; empty where one of both cannot be read. */
export function changedFields(before: string, after: string): string[] {
  const [old, now] = [read(before), read(after)];
  if (old === null || now === null) return [];
  const names = new Set<string>();
  collect(old, now, "", names);
  names.delete(UNTOLD);
  return [...names];
}

function read(text: string): unknown {
  try {
    return parseYaml(text, { file: "a manifest", stage: "report", code: "Internal" });
  } catch {
    return null;
  }
}

function collect(before: unknown, after: unknown, path: string, names: Set<string>): void {
  if (names.size >= MOST) return;
  if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(before[key], after[key], path === "" ? key : `${path}.${key}`, names);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const [old, now] = [named(before), named(after)];
    for (const name of new Set([...old.keys(), ...now.keys()])) {
      collect(old.get(name), now.get(name), `${path}.${name}`, names);
    }
    return;
  }
  if (JSON.stringify(before) !== JSON.stringify(after)) names.add(path);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Items by what people call them; by their place where they have no name of their own. */
function named(items: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [index, item] of items.entries()) {
    const { displayName, name, type } = isRecord(item) ? item : {};
    const called = [displayName, name, type].find((each) => typeof each === "string" && each !== "");
    const key = typeof called === "string" && !found.has(called) ? called : `${called ?? ""}${index + 1}`;
    found.set(key, item);
  }
  return found;
}
