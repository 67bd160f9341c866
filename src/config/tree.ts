/** The schema as a tree of sections and fields, and plain trees of values that are laid over each other by it. */

import { z } from "zod";
import { type Field, fields, type Section, sections } from "./fields.js";

export type Node = FieldNode | SectionNode;

export interface FieldNode {
  readonly kind: "field";
  readonly field: Field;
}

export interface SectionNode {
  readonly kind: "section";
  readonly section: Section;
  readonly children: ReadonlyMap<string, Node>;
}

/** What a file, the environment or the options say, before it is checked. */
export interface Tree {
  readonly [key: string]: unknown;
}

export type Path = readonly string[];

/** Reads the tree off a schema: through defaults, nullables and transformations down to registered fields. */
export function nodeOf(schema: z.core.$ZodType, about: Section = {}): Node {
  const field = fields.get(schema);
  if (field !== undefined) return { kind: "field", field };
  const section = sections.get(schema) ?? about;
  if (schema instanceof z.ZodObject) {
    const children = Object.entries(schema.shape as Record<string, z.core.$ZodType>);
    return { kind: "section", section, children: new Map(children.map(([key, child]) => [key, nodeOf(child)])) };
  }
  if (schema instanceof z.ZodPipe) return nodeOf(schema.def.in, section);
  const wrapped =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault;
  if (wrapped) return nodeOf(schema.def.innerType, section);
  throw new TypeError(`a ${schema._zod.def.type} is neither a field nor a section`);
}

/** Every field with its path, in the order of the schema. */
export function* fieldsOf(node: Node, path: Path = []): Generator<{ readonly path: Path; readonly field: Field }> {
  if (node.kind === "field") {
    yield { path, field: node.field };
    return;
  }
  for (const [key, child] of node.children) yield* fieldsOf(child, [...path, key]);
}

/** Every path of the schema, sections included, but for the root. */
export function* pathsOf(node: Node, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (node.kind === "section") for (const [key, child] of node.children) yield* pathsOf(child, [...path, key]);
}

/** The node at a path; positions in lists stay with the list. Undefined where the schema ends before the path. */
export function nodeAt(root: Node, path: readonly PropertyKey[]): Node | undefined {
  let node: Node | undefined = root;
  for (const key of path) {
    if (node === undefined || node.kind === "field") return node;
    node = node.children.get(String(key));
  }
  return node;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

/** Builds a tree from paths and values. */
export function treeOf(entries: Iterable<readonly [Path, unknown]>): Tree {
  const root = new Map<string, unknown>();
  for (const [path, value] of entries) {
    let level = root;
    for (const key of path.slice(0, -1)) {
      const next = level.get(key);
      const child = next instanceof Map ? next : new Map<string, unknown>();
      level.set(key, child);
      level = child;
    }
    const last = path.at(-1);
    if (last !== undefined) level.set(last, value);
  }
  return plain(root);
}

function plain(level: ReadonlyMap<string, unknown>): Tree {
  return Object.fromEntries([...level].map(([key, value]) => [key, value instanceof Map ? plain(value) : value]));
}

/**
 * Lays one tree over another: sections are merged key by key, all else is replaced. Where alternatives exclude each
 * other, what the upper tree says drops another alternative of the lower one.
 */
export function overlay(lower: Tree, upper: Tree, node: Node): Tree {
  const kept = node.kind === "section" ? withoutOtherAlternatives(lower, upper, node.section) : lower;
  const merged = new Map(Object.entries(kept));
  for (const [key, value] of Object.entries(upper)) {
    const child = node.kind === "section" ? node.children.get(key) : undefined;
    const below = merged.get(key);
    const mergeable = child?.kind === "section" && isTree(below) && isTree(value);
    merged.set(key, mergeable ? overlay(below, value, child) : value);
  }
  return Object.fromEntries(merged);
}

function withoutOtherAlternatives(lower: Tree, upper: Tree, { alternatives = [] }: Section): Tree {
  const chosen = alternatives.filter((keys) => keys.some((key) => Object.hasOwn(upper, key)));
  if (chosen.length === 0) return lower;
  const dropped = alternatives.filter((keys) => !chosen.includes(keys)).flat();
  return Object.fromEntries(Object.entries(lower).filter(([key]) => !dropped.includes(key)));
}

/** Maps the value of each field that a tree gives; what the schema does not know stays as it is. */
export function mapFields(tree: unknown, node: Node, map: (value: unknown, field: Field) => unknown): unknown {
  if (node.kind === "field") return map(tree, node.field);
  if (!isTree(tree)) return tree;
  const entries = Object.entries(tree).map(([key, value]): [string, unknown] => {
    const child = node.children.get(key);
    return [key, child === undefined ? value : mapFields(value, child, map)];
  });
  return Object.fromEntries(entries);
}
