/** Where a run of the agent leaves traces, and whether a secret stands in any of them, in whatever form. */

import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { git, gitBytes } from "../fakes/git-server.js";
import type { Run, World } from "./world.js";

const execute = promisify(execFile);

/** Where something was written, and what. */
export type Traces = Map<string, Buffer>;

/** Shorter values are found by chance. */
export const SHORTEST = 8;

/** Each secret as it is, in base64 and URL-encoded. */
function forms(secrets: readonly string[]): Map<string, string> {
  const all = new Map<string, string>();
  for (const secret of secrets.filter(({ length }) => length >= SHORTEST)) {
    for (const form of [
      secret,
      ...base64Forms(secret),
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
    ]) {
      all.set(form, secret);
    }
  }
  return all;
}

/** In base64 behind nothing, one or two bytes of another text (`user:token`), without what their neighbours change. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64");
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
  });
}

export function leaks(traces: Traces, secrets: readonly string[]): string[] {
  const needles = [...forms(secrets).keys()];
  return [...traces].flatMap(([place, bytes]) => (needles.some((needle) => bytes.includes(needle)) ? [place] : []));
}

interface Landscape {
  applications: { bundles: { defaultInstanceAuth: Auth | null }[] | null }[];
}
interface Auth {
  credential: Record<string, string> | null;
  additionalHeaders: Record<string, string[]> | null;
  additionalQueryParams: Record<string, string[]> | null;
}

/** Every credential value that Compass serves; the addresses of token endpoints are public. */
export async function credentials(world: World): Promise<string[]> {
  const { applications } = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8")) as Landscape;
  return applications
    .flatMap(({ bundles }) => bundles ?? [])
    .flatMap(({ defaultInstanceAuth: auth }) => {
      const { url: _public, __typename: _name, ...values } = auth?.credential ?? {};
      const parameters = [auth?.additionalHeaders, auth?.additionalQueryParams].flatMap((all) =>
        Object.values(all ?? {}),
      );
      return [...Object.values(values), ...parameters.flat()];
    });
}

/**
 * A git that notes the arguments it was called with and copies what lies in the temporary folders at that moment, since
 * the agent clears them up; and the real one behind it.
 */
export async function recordingGit(
  folder: string,
  watched: readonly string[],
): Promise<{ path: string; arguments: () => Promise<Buffer>; copies: string }> {
  const bin = join(folder, "bin");
  const record = join(folder, "arguments");
  const copies = join(folder, "copies");
  await mkdir(bin);
  await mkdir(copies);
  const { stdout } = await execute("which", ["git"]);
  const copy = watched.map((each) => `cp -r ${each} ${copies}/$$-$(basename ${each}) 2>/dev/null`).join("\n");
  const note = `printf '%s\\n' "$*" >> ${record}`;
  await writeFile(join(bin, "git"), `#!/bin/sh\n${note}\n${copy}\nexec ${stdout.trim()} "$@"\n`);
  await chmod(join(bin, "git"), 0o755);
  return { path: `${bin}:${process.env.PATH}`, arguments: () => readFile(record), copies };
}

export async function objects(repository: string): Promise<Traces> {
  const listed = await git(repository, "cat-file", "--batch-check", "--batch-all-objects");
  const traces: Traces = new Map();
  for (const line of listed.split("\n")) {
    const [id = "", type = ""] = line.split(" ");
    traces.set(`git ${type} ${id}`, await gitBytes(repository, "cat-file", type, id));
  }
  return traces;
}

export async function filesBelow(folder: string): Promise<Traces> {
  const traces: Traces = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) traces.set(file, await readFile(file));
  }
  return traces;
}

export function output(name: string, { stdout, stderr }: Run): Traces {
  return new Map([
    [`stdout of ${name}`, Buffer.from(stdout)],
    [`stderr of ${name}`, Buffer.from(stderr)],
  ]);
}
