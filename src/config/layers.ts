/** What each source says, as one tree per source: options, environment, file, defaults of the place. */

import { resolve } from "node:path";
import type { ParsedYaml } from "../adapters/yaml/index.js";
import type { Field } from "./fields.js";
import { nearest, type Origin, type OriginKind, type Problem } from "./problems.js";
import { fieldsOf, isTree, mapFields, type Node, nodeAt, type Path, pathsOf, type Tree, treeOf } from "./tree.js";
import { gitLocation } from "./values.js";

export interface Layer {
  readonly kind: OriginKind;
  readonly tree: Tree;
  /** Where the value at a path was said. */
  nameOf(path: readonly PropertyKey[]): string;
}

/** A layer with what could not be put into it. */
export interface Reading {
  readonly layer: Layer;
  readonly problems: readonly Problem[];
}

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "RUNTIME_AGENT_";

/** Says which file is read; handled before any of the others. */
export const FILE_VARIABLE = `${PREFIX}CONFIG`;

/** `git.auth.githubApp.appID` → `RUNTIME_AGENT_GIT_AUTH_GITHUB_APP_APP_ID`. */
export function variableOf(path: Path): string {
  return PREFIX + path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()).join("_");
}

/** All variables with the path they set. Tables have keys of their own and can only be given in the file. */
export function variables(root: Node): ReadonlyMap<string, { readonly path: Path; readonly field: Field }> {
  const settable = [...fieldsOf(root)].filter(({ field }) => field.kind !== "table");
  return new Map(settable.map((entry) => [variableOf(entry.path), entry]));
}

/**
 * Kubernetes tells each pod the Services of its namespace in variables, and a Service of ours may be called
 * runtime-agent: RUNTIME_AGENT_SERVICE_HOST, RUNTIME_AGENT_PORT=tcp://….
 */
function isServiceLink(name: string, value: string): boolean {
  if (/_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name))
    return true;
  return name.endsWith("_PORT") && /^(?:tcp|udp|sctp):\/\//.test(value);
}

/** One variable or option, and what it says. */
export interface Said {
  readonly name: string;
  readonly path: Path;
  readonly value: unknown;
}

/** A layer of single values; a section is named by the first of them in it. */
export function layerOf(
  kind: OriginKind,
  said: readonly Said[],
  treeFrom: (tree: Tree) => Tree = (tree) => tree,
): Layer {
  const within = (path: readonly PropertyKey[]) => (one: Said) =>
    path.every((key, index) => index >= one.path.length || one.path[index] === key);
  return {
    kind,
    tree: treeFrom(treeOf(said.map(({ path, value }) => [path, value]))),
    nameOf: (path) => said.find(within(path))?.name ?? kind,
  };
}

/** Reads `RUNTIME_AGENT_*`. An empty variable counts as not set. */
export function environmentLayer(root: Node, environment: Environment, folder: string): Reading {
  const known = variables(root);
  const said: Said[] = [];
  const problems: Problem[] = [];
  for (const [name, value = ""] of Object.entries(environment).sort()) {
    if (!name.startsWith(PREFIX) || name === FILE_VARIABLE || value === "") continue;
    const variable = known.get(name);
    if (variable !== undefined) said.push({ name, path: variable.path, value: fromText(value, variable.field) });
    else if (!isServiceLink(name, value)) problems.push(unknownVariable(name, root, [...known.keys()]));
  }
  return { layer: layerOf("environment", said, (tree) => resolvePaths(tree, root, folder)), problems };
}

function unknownVariable(name: string, root: Node, known: readonly string[]): Problem {
  const origin: Origin = { kind: "environment", name };
  const reference = [...pathsOf(root)].find((path) => {
    const node = nodeAt(root, path);
    return node?.kind === "section" && node.section.reference === true && variableOf(path) === name;
  });
  if (reference !== undefined) {
    const allowed = `${name}_FILE with a path, or ${name}_ENV with the name of another variable`;
    return { path: name, origin, value: null, message: "a secret is never given directly", allowed, nearest: null };
  }
  return {
    path: name,
    origin,
    value: null,
    message: "unknown variable",
    allowed: null,
    nearest: nearest(
      name.slice(PREFIX.length),
      known.map((candidate) => candidate.slice(PREFIX.length)),
      PREFIX,
    ),
  };
}

/** Reads options by dotted path, such as `git.url`. */
export function optionLayer(root: Node, options: Readonly<Record<string, string | boolean>>, folder: string): Reading {
  const said: Said[] = [];
  const problems: Problem[] = [];
  for (const [dotted, value] of Object.entries(options)) {
    const path = dotted.split(".");
    const node = nodeAt(root, path);
    if (node?.kind === "field") {
      said.push({ name: dotted, path, value: typeof value === "string" ? fromText(value, node.field) : value });
    } else {
      const origin: Origin = { kind: "option", name: dotted };
      problems.push({ path: dotted, origin, value: null, message: "unknown key", allowed: null, nearest: null });
    }
  }
  return { layer: layerOf("option", said, (tree) => resolvePaths(tree, root, folder)), problems };
}

/** Reads the file. A section without keys (all commented out) counts as not given. */
export function fileLayer(root: Node, { value, lineOf }: ParsedYaml, name: string, folder: string): Reading {
  const nameOf = (path: readonly PropertyKey[]) => {
    const line = lineOf(path.map((key) => (typeof key === "number" ? key : String(key))));
    return line === null ? name : `${name}:${line}`;
  };
  const usable = value === null || isTree(value);
  const tree = isTree(value) ? resolvePaths(withoutEmptySections(value, root), root, folder) : {};
  const problem: Problem = {
    path: "",
    origin: { kind: "file", name: nameOf([]) },
    value: null,
    message: "the file does not hold keys and values",
    allowed: "keys such as git, compass and secrets",
    nearest: null,
  };
  return { layer: { kind: "file", tree, nameOf }, problems: usable ? [] : [problem] };
}

function withoutEmptySections(tree: Tree, node: Node): Tree {
  if (node.kind === "field") return tree;
  const entries = Object.entries(tree).flatMap(([key, value]): [string, unknown][] => {
    const child = node.children.get(key);
    if (child?.kind !== "section") return [[key, value]];
    // Naming an alternative is a choice, even with nothing under it.
    const chosen = node.section.alternatives?.some((alternative) => alternative.includes(key)) === true;
    if (value === null) return chosen ? [[key, {}]] : [];
    return [[key, isTree(value) ? withoutEmptySections(value, child) : value]];
  });
  return Object.fromEntries(entries);
}

/** A text as the schema takes it; what does not fit stays a text, for the schema to refuse. */
function fromText(text: string, { kind }: Field): unknown {
  switch (kind) {
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "number":
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case "list":
      return text
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    default:
      return text;
  }
}

function resolvePaths(tree: Tree, root: Node, folder: string): Tree {
  const mapped = mapFields(tree, root, (value, { path }) => {
    if (path === undefined || typeof value !== "string" || value === "") return value;
    const local = path === "file" || (gitLocation(value) === "path" && !value.includes("://"));
    return local ? resolve(folder, value) : value;
  });
  return isTree(mapped) ? mapped : tree;
}
