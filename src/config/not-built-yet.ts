/** Settings that are read and checked, but whose feature is still to come: asked for, most stop the cycle. */

import { Failure } from "../common/failure.js";
import type { Config } from "./schema.js";

/** What a setting asks for, and whether this configuration does. */
type Rule = readonly [setting: string, instead: string, asked: (config: Config) => boolean];

const rules: readonly Rule[] = [["git.push", "leave it out", ({ git }) => git !== null && git.push !== null]];

/** What may be as it is, but should be known: a token that travels in the open. */
export function configurationNotes({ git }: Config): string[] {
  const url = git === null ? null : URL.parse(git.url);
  const open = url?.protocol === "http:" && git?.auth !== null && !LOOPBACK.test(url.hostname);
  return [...(open ? ["git.url is http: the credentials of git.auth can be read on the way; use https"] : [])];
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** Throws `NotBuiltYet` for the first such setting: ignoring it in silence would be worse than stopping. */
export function requireBuilt(config: Config): void {
  const rule = rules.find(([, , asked]) => asked(config));
  if (rule === undefined) return;
  throw new Failure(`${rule[0]} is not built yet in this version`, {
    code: "NotBuiltYet",
    stage: "config",
    hint: `For now, ${rule[1]}.`,
  });
}
