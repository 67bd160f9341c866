/** The effective configuration for people and programs: every value in the file's notation, with where it comes from. */

import { forTerminal } from "../common/quote.js";
import type { LoadedConfig } from "./load.js";
import type { Origin } from "./problems.js";
import { type Row, rowsOf } from "./rows.js";
import { type Tree, treeOf } from "./tree.js";

export interface ViewRow extends Row {
  readonly origin: Origin;
}

/** The rows with their origins. */
export function viewRows({ config, origins }: LoadedConfig): readonly ViewRow[] {
  const fallback: Origin = { kind: "default", name: "default" };
  return rowsOf(config).map((row) => ({ ...row, origin: origins.get(row.path) ?? fallback }));
}

/** As plain data for JSON and YAML: a complete `configuration` can be saved as a file and means the same. */
export interface ConfigView {
  readonly kind: "Configuration";
  readonly version: 1;
  readonly file: string | null;
  readonly configuration: Tree;
  readonly origins: Readonly<Record<string, Origin>>;
  readonly notes: readonly string[];
}

export function viewData(loaded: LoadedConfig): ConfigView {
  const rows = viewRows(loaded);
  return {
    kind: "Configuration",
    version: 1,
    file: loaded.file,
    configuration: treeOf(rows.map(({ path, value }) => [path.split("."), value])),
    origins: Object.fromEntries(rows.map(({ path, origin }) => [path, origin])),
    notes: loaded.notes,
  };
}

/** An aligned table of path, value and origin, one line each. */
export function viewText(loaded: LoadedConfig): string {
  const rows = viewRows(loaded).map(({ path, value, origin }) => [path, cell(value), origin.name] as const);
  const width = (column: 0 | 1) => Math.max(0, ...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([path, value, origin]) => `${path.padEnd(first)}  ${value.padEnd(second)}  ${origin}\n`).join("");
}

function cell(value: unknown): string {
  if (value === null) return "-";
  return forTerminal(typeof value === "string" ? value : JSON.stringify(value));
}
