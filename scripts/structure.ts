/** Holds the structure: the order of stages, the single importer of each package, no dead exports, no idle dependency. */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** From left to right: a folder imports only what stands left of it, through its index. */
const ORDER = [
  "src/common",
  "src/adapters",
  "src/state",
  "src/config",
  "src/connect",
  "src/fetch",
  "src/base",
  "src/model",
  "templates",
  "src/render",
  "src/seal",
  "src/plan",
  "src/publish",
  "src/report",
  // What a commit range shows of the stages' work.
  "src/verify",
  // The embedded Compass stands beside the stages: it uses none of them.
  "src/sandbox",
  // So does the installation.
  "src/install",
  // setup, pairing, cycle: they put the stages together.
  "src",
  "src/demo",
  "src/cli",
];

const ALLOWED_TO_SANDBOX = new Set(["src/common", "src/adapters", "src/sandbox"]);

/** Who may import a package; what is not listed here may be imported anywhere. */
const IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  "@kubernetes/client-node": ["src/adapters/kubernetes"],
  "graphql-request": ["src/adapters/graphql"],
  "node-forge": ["src/adapters/x509"],
  yaml: ["src/adapters/yaml"],
  "simple-git": ["src/adapters/git"],
  undici: ["src/adapters/http"],
  cdk8s: ["src/render", "src/install", "templates"],
  openpgp: ["src/adapters/signing"],
  constructs: ["src/render", "templates"],
  "age-encryption": ["src/seal", "src/demo"],
  commander: ["src/cli"],
  pino: ["src/common"],
  diff: ["src/report"],
  ajv: ["src/render"],
  graphql: ["src/sandbox"],
  "graphql-http": ["src/sandbox"],
};

interface Source {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

/** Everything that breaks a rule, one sentence each; empty when all is well. */
export function structureFaults(root: string): string[] {
  const sources = [...filesBelow(root, "src"), ...filesBelow(root, "templates")].map((path) => read(root, path));
  const tests = filesBelow(root, "test").map((path) => read(root, path));
  return [
    ...sources.flatMap((source) => orderFaults(root, source)),
    ...sources.flatMap(importerFaults),
    ...sources.flatMap(comparisonFaults),
    ...deadExports(sources, tests),
    ...idleDependencies(root, sources),
  ].sort();
}

function orderFaults(root: string, { path, imports }: Source): string[] {
  const from = folderOf(path);
  return imports.flatMap((specifier) => {
    if (!specifier.startsWith(".")) return [];
    const target = relative(root, resolve(root, dirname(path), specifier)).replaceAll("\\", "/");
    const to = folderOf(target);
    if (from === to && sameAdapter(path, target)) return [];
    const faults: string[] = [];
    const left = from === to ? from === "src/adapters" : ORDER.indexOf(to) < ORDER.indexOf(from);
    if (!left && path !== "src/main.ts") faults.push(`${path} imports ${target}, which does not stand left of it`);
    if (from === "src/sandbox" && !ALLOWED_TO_SANDBOX.has(to)) faults.push(`${path} imports a stage: ${target}`);
    if (
      to !== "src/common" &&
      to !== "src" &&
      !target.endsWith("/index.js") &&
      path !== "src/main.ts" &&
      from !== "src/cli"
    ) {
      faults.push(`${path} imports ${target} past its index`);
    }
    return faults;
  });
}

/** The folder of the order that a file belongs to. */
function folderOf(path: string): string {
  const parts = path.split("/");
  if (parts[0] === "templates") return "templates";
  return parts.length > 2 ? `src/${parts[1]}` : "src";
}

/** Two adapters are two rooms, though one folder of the order. */
function sameAdapter(path: string, target: string): boolean {
  return !path.startsWith("src/adapters/") || path.split("/")[2] === target.split("/")[2];
}

function importerFaults({ path, imports }: Source): string[] {
  return imports.flatMap((specifier) => {
    const name = packageOf(specifier);
    const importers = name === null ? undefined : IMPORTERS[name];
    if (importers === undefined || importers.some((folder) => path.startsWith(`${folder}/`))) return [];
    return [`${path} imports ${name}, which only ${importers.join(" and ")} may`];
  });
}

/** The one place that compares what is secret, or keyed by it. */
const COMPARISON = "src/common/same.ts";

/** Of a Secret's value or a keyed fingerprint; a certificate's (`fingerprint256`) is public. */
const COMPARED = String.raw`(?:[\w.?\])]*\.reveal\(\)|[\w.?]*[fF]ingerprints?(?!256)(?:\.\w+\([^)]*\))?)`;
const PLAIN_COMPARISON = new RegExp(
  String.raw`${COMPARED}\s*[!=]={1,2}(?!=|\s*(?:null|undefined)\b)|[!=]={1,2}\s*${COMPARED}(?![\w.(])`,
);

function comparisonFaults({ path, text }: Source): string[] {
  if (path === COMPARISON) return [];
  const ours = text.includes("timingSafeEqual") ? [`${path} compares past ${COMPARISON}`] : [];
  const plain = text
    .split("\n")
    .flatMap((line, index) =>
      PLAIN_COMPARISON.test(line) ? [`${path}:${index + 1} compares a secret or a fingerprint in plain`] : [],
    );
  return [...ours, ...plain];
}

function packageOf(specifier: string): string | null {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return null;
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? null);
}

const EXPORT = /^export (?:declare )?(?:async )?(?:abstract )?(?:function|const|let|class|interface|type) (\w+)/gm;

/** Exports that no other file names; an index that passes one on is no use of it, but templates' index is public. */
function deadExports(sources: readonly Source[], tests: readonly Source[]): string[] {
  const users = [...sources.map(withoutPassingOn), ...tests];
  return sources
    .filter(({ path }) => !path.startsWith("templates/imports/"))
    .flatMap(({ path, text }) =>
      [...text.matchAll(EXPORT)].flatMap(([, name = ""]) => {
        const used = new RegExp(`\\b${name}\\b`);
        // A type in the signature of something that is used is used.
        const inSignature = (text.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0) > 1;
        if (inSignature || users.some((user) => user.path !== path && used.test(user.text))) return [];
        return [`${path} exports ${name}, which nothing uses`];
      }),
    );
}

const PASSED_ON = /export (?:type )?\{[^}]*\} from "[^"]+";/g;

const withoutPassingOn = (source: Source): Source =>
  source.path === "templates/index.ts" ? source : { ...source, text: source.text.replace(PASSED_ON, "") };

function idleDependencies(root: string, sources: readonly Source[]): string[] {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const imported = new Set(sources.flatMap(({ imports }) => imports.map(packageOf)));
  return Object.keys(dependencies)
    .filter((name) => !imported.has(name))
    .map((name) => `package.json depends on ${name}, which nothing imports`);
}

function filesBelow(root: string, folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return entries
    .map((entry) => `${folder}/${entry.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts") && statSync(join(root, path)).isFile())
    .sort();
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g;

function read(root: string, path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const imports = [...text.matchAll(IMPORT)].map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? "");
  return { path, text, imports };
}

if (import.meta.main) {
  const faults = structureFaults(resolve(import.meta.dirname, ".."));
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
