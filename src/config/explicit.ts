/** What somebody said, without the defaults: for a file that says the same elsewhere. */

import type { LoadedConfig } from "./load.js";
import { rowsOf } from "./rows.js";
import { schema } from "./schema.js";
import { nodeAt, nodeOf, type Path, treeOf } from "./tree.js";

export interface ExplicitSetting {
  readonly path: Path;
  /** In the notation of the file. */
  readonly value: unknown;
  /** True where the value is `{file}`, `{env}` or `{secret, key}`, which may mean nothing elsewhere. */
  readonly isReference: boolean;
}

/** Every setting that is not a default, in the order of the file; a secret reference is one of them. */
export function explicitSettings({ config, origins }: LoadedConfig): ExplicitSetting[] {
  const root = nodeOf(schema);
  const said = rowsOf(config).filter(({ path }) => (origins.get(path)?.kind ?? "default") !== "default");
  const isReference = (path: Path) => {
    const node = nodeAt(root, path);
    return node?.kind === "section" && node.section.reference === true;
  };
  const settings = new Map<string, ExplicitSetting>();
  for (const row of said) {
    const path = row.path.split(".");
    const parent = path.slice(0, -1);
    if (!isReference(parent)) {
      settings.set(row.path, { path, value: row.value, isReference: false });
      continue;
    }
    const key = parent.join(".");
    const known = settings.get(key)?.value as object | undefined;
    const value = { ...known, ...treeOf([[path.slice(-1), row.value]]) };
    settings.set(key, { path: parent, value, isReference: true });
  }
  // Where one part of a whole was not said, as of a table, it is null: nothing is said by that.
  return [...settings.values()].filter(({ value }) => value !== null);
}
