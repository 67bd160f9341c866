/** The configuration as a flat list: every value with its dotted path, in the notation of the file. */

import { type Config, schema } from "./schema.js";
import { isTree, type Node, nodeOf, type Path } from "./tree.js";

/** One value; what is secret stands as its reference. */
export interface Row {
  readonly path: string;
  readonly value: unknown;
}

/** Every value of a configuration, in the order of the file; a section that is null or has alternatives is one row. */
export function rowsOf(config: Config): readonly Row[] {
  return [...entriesOf(config, nodeOf(schema), [])].map(([path, value]) => ({ path: path.join("."), value }));
}

function* entriesOf(value: unknown, node: Node, path: Path): Generator<readonly [Path, unknown]> {
  if (node.kind === "field") {
    yield [path, shown(value, node.field.show)];
  } else if (!isTree(value)) {
    yield [path, null];
  } else if (node.section.show !== undefined) {
    yield* leaves(shown(value, node.section.show), path);
  } else {
    for (const [key, child] of node.children) {
      // Of alternatives, only the one in use is there.
      if (Object.hasOwn(value, key)) yield* entriesOf(value[key], child, [...path, key]);
    }
  }
}

function* leaves(value: unknown, path: Path): Generator<readonly [Path, unknown]> {
  for (const [key, item] of Object.entries(isTree(value) ? value : {})) yield [[...path, key], item];
}

function shown(value: unknown, show: ((value: never) => unknown) | undefined): unknown {
  return value === null || show === undefined ? value : show(value as never);
}
