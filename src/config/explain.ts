/** Turns what the schema and the rules find into problems: which line, which value, what was probably meant. */

import type { z } from "zod";
import { forTerminal } from "../common/quote.js";
import type { Layer } from "./layers.js";
import { nearest, type Origin, type Problem } from "./problems.js";
import type { Violation } from "./rules.js";
import { isTree, type Node, nodeAt, pathsOf, type Tree, valueAt } from "./tree.js";

export interface Place {
  readonly root: Node;
  /** All layers in one. */
  readonly tree: Tree;
  /** Highest first. */
  readonly layers: readonly Layer[];
}

/** The highest layer that says something at the path, or else at the section around it. */
export function originOf(path: readonly PropertyKey[], layers: readonly Layer[]): Origin {
  const layer = layers.find(({ tree }) => valueAt(tree, path) !== undefined);
  return layer === undefined ? { kind: "default", name: "default" } : { kind: layer.kind, name: layer.nameOf(path) };
}

function nearestOrigin(path: readonly PropertyKey[], layers: readonly Layer[]): Origin {
  for (let length = path.length; length > 0; length--) {
    const origin = originOf(path.slice(0, length), layers);
    if (origin.kind !== "default") return origin;
  }
  return { kind: "default", name: "default" };
}

/** All that the schema and the rules found, in the order found. */
export function explain(
  issues: readonly z.core.$ZodIssue[],
  violations: readonly Violation[],
  place: Place,
): readonly Problem[] {
  return withoutEchoes([
    ...issues.flatMap((issue) => problemsOf(issue, place)),
    ...violations.map((violation) => problem(violation.path, violation.message, place, violation)),
  ]);
}

interface Told {
  readonly allowed: string | null;
  readonly nearest?: string | null;
}

function problem(path: readonly PropertyKey[], message: string, place: Place, told: Told): Problem {
  return {
    path: dotted(path),
    origin: nearestOrigin(path, place.layers),
    value: shownValue(path, place),
    message,
    allowed: told.allowed,
    nearest: told.nearest ?? null,
  };
}

function problemsOf(issue: z.core.$ZodIssue, place: Place): readonly Problem[] {
  const { path } = issue;
  const node = nodeAt(place.root, path);
  const value = valueAt(place.tree, path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], place));
  if (node?.kind === "section" && node.section.reference === true && value !== undefined && !isTree(value)) {
    const message = "is a secret, which is never written into the configuration";
    return [problem(path, message, place, { allowed: REFERENCE })];
  }
  if (issue.code === "invalid_type" && value === undefined) {
    return [problem(path, "is missing", place, { allowed: allowedAt(node) })];
  }
  if (issue.code === "invalid_value" && typeof value === "string") {
    return [
      problem(path, "is not known", place, {
        allowed: allowedAt(node),
        nearest: nearest(value, issue.values.map(String)),
      }),
    ];
  }
  return [problem(path, messageOf(issue, node), place, { allowed: allowedAt(node) })];
}

const REFERENCE = "{file: PATH}, {env: NAME} or {secret: NAMESPACE/NAME, key: KEY}";

function allowedAt(node: Node | undefined): string | null {
  if (node === undefined) return null;
  if (node.kind === "field") return node.field.allowed;
  return node.section.reference === true ? REFERENCE : `the keys ${[...node.children.keys()].join(", ")}`;
}

function messageOf(issue: z.core.$ZodIssue, node: Node | undefined): string {
  switch (issue.code) {
    case "custom":
    case "invalid_format":
      return issue.message;
    case "too_small":
      return "is too small";
    case "too_big":
      return "is too large";
    case "invalid_type":
      return node?.kind === "section" ? "is not a section" : `is not a ${KINDS[issue.expected] ?? issue.expected}`;
    default:
      return "is not allowed here";
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  int: "whole number",
  array: "list",
  boolean: "truth value",
};

/** Names the key, unless it stands where a secret may have been written as a key. */
function unknownKey(path: readonly PropertyKey[], place: Place): Problem {
  const holder = path.slice(0, -1);
  const word = String(path.at(-1));
  const level = nodeAt(place.root, holder);
  const siblings = level?.kind === "section" ? [...level.children.keys()] : [];
  const origin = nearestOrigin(path, place.layers);
  const near = nearest(word, siblings);
  const meant = near === null ? nearestAnywhere(word, place.root) : dotted([...holder, near]);
  if (isSensitive(holder, place.root)) {
    return {
      path: dotted(holder),
      origin,
      value: null,
      message: "holds an unknown key",
      allowed: allowedAt(level),
      nearest: null,
    };
  }
  const allowed = meant === null ? allowedAt(level) : null;
  return { path: dotted(path), origin, value: null, message: "unknown key", allowed, nearest: meant };
}

function nearestAnywhere(word: string, root: Node): string | null {
  const paths = [...pathsOf(root)].filter((path) => !isSensitive(path, root));
  const key = nearest(word, new Set(paths.map((path) => path.at(-1) ?? "")));
  const path = paths.find((candidate) => candidate.at(-1) === key);
  return path === undefined ? null : path.join(".");
}

/** True where a value or key may be a secret, at the path or anywhere above it. */
function isSensitive(path: readonly PropertyKey[], root: Node): boolean {
  return path.some((_, index) => {
    const node = nodeAt(root, path.slice(0, index + 1));
    return node === undefined || (node.kind === "field" ? node.field.sensitive : node.section.sensitive) === true;
  });
}

function shownValue(path: readonly PropertyKey[], { root, tree }: Place): string | null {
  const value = valueAt(tree, path);
  const showable = value !== undefined && nodeAt(root, path)?.kind === "field" && !isSensitive(path, root);
  return showable ? forTerminal(JSON.stringify(value), 80) : null;
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}

/** One problem per path and message: a rule and the schema may find the same. */
function withoutEchoes(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path}\n${message}`;
    return !seen.has(key) && seen.add(key);
  });
}
