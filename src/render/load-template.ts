/** Loads the templates once: the ones shipped, or a folder of the user's. */

import { createHash } from "node:crypto";
import { access, readdir, readFile, realpath, stat } from "node:fs/promises";
import { registerHooks } from "node:module";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { type Template, template } from "../../templates/index.js";
import { Failure } from "../common/failure.js";
import { packageRoot } from "../common/package-root.js";

export interface LoadedTemplate {
  readonly template: Template;
  /** SHA-256 over the folder's source files: when it changes, everything is rendered again. */
  readonly digest: string;
}

/** `folder` null: the templates shipped. Throws `TemplateBroken` when the folder has no usable `template`. */
export async function loadTemplate(folder: string | null): Promise<LoadedTemplate> {
  if (folder === null) return { template, digest: await folderDigest(join(packageRoot(), "templates")) };
  const broken = (reason: string, cause?: unknown) =>
    new Failure(`the templates in ${folder} cannot be used: ${reason}`, {
      code: "TemplateBroken",
      stage: "render",
      hint: "applications.templates is a folder with an index.js or index.ts that exports `template`; see docs/templates.md.",
      cause,
    });
  const index = await firstFile(folder, ["index.js", "index.ts"]);
  if (index === null) throw broken("there is neither index.js nor index.ts");
  // Node names a module by its real path, whatever links led to it.
  shareConstructs(await realpath(folder));
  let loaded: { template?: unknown };
  try {
    loaded = (await import(pathToFileURL(index).href)) as { template?: unknown };
  } catch (thrown) {
    throw broken(`loading it threw ${thrown instanceof Error ? thrown.name : "a value"}`, thrown);
  }
  if (typeof loaded.template !== "function") throw broken("it exports no function `template`");
  return { template: loaded.template as Template, digest: await folderDigest(folder) };
}

async function firstFile(folder: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const file = join(folder, name);
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return null;
}

/** Two copies of cdk8s are two class hierarchies, so a folder's imports of it are answered with ours. */
function shareConstructs(folder: string): void {
  const prefix = `${pathToFileURL(folder).href}/`;
  const shared = new Set(["cdk8s", "constructs", "runtime-agent/templates"]);
  registerHooks({
    resolve: (specifier, context, next) =>
      shared.has(specifier) && context.parentURL?.startsWith(prefix)
        ? next(specifier, { ...context, parentURL: import.meta.url })
        : next(specifier, context),
  });
}

async function folderDigest(folder: string): Promise<string> {
  // Links to files count as files, and hidden folders do not: a mounted ConfigMap keeps its data in one with a date.
  const paths = (await readdir(folder, { recursive: true }))
    .filter((path) => /\.[cm]?[jt]s(on)?$/.test(path))
    .filter((path) => !path.split(sep).some((part) => part.startsWith(".") || part === "node_modules"))
    .sort();
  const hash = createHash("sha256");
  for (const path of paths) {
    const file = join(folder, path);
    if (!(await stat(file)).isFile()) continue;
    const content = await readFile(file);
    hash.update(`${path} ${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
