/** Settings that are read and checked, but whose feature is still to come: asked for, most stop the cycle. */

import { Failure } from "../common/failure.js";
import type { Config } from "./schema.js";

/** What a setting asks for, and whether this configuration does. */
type Rule = readonly [setting: string, instead: string, asked: (config: Config) => boolean];

const rules: readonly Rule[] = [
  ["git.publish: pull-request", "set git.publish: direct", ({ git }) => git?.publish === "pull-request"],
  ["git.push", "leave it out", ({ git }) => git !== null && git.push !== null],
  ["git.signing", "leave it out", ({ git }) => git !== null && git.signing !== null],
  ["git.commit.subject", "leave it out", ({ git }) => git !== null && git.commit.subject !== null],
  ["git.commit.trailers", "leave it out", ({ git }) => git !== null && Object.keys(git.commit.trailers).length > 0],
  ["git.auth.ssh", "use git.auth.token over https", ({ git }) => git?.auth != null && "ssh" in git.auth],
  [
    "git.auth.clientCertificate",
    "use git.auth.token",
    ({ git }) => git?.auth != null && "clientCertificate" in git.auth,
  ],
  ["git.auth.githubApp", "use git.auth.token", ({ git }) => git?.auth != null && "githubApp" in git.auth],
  ["applications.admission: dry-run", "set it to off", ({ applications }) => applications.admission === "dry-run"],
  ["metrics.textfile", "leave it out", ({ metrics }) => metrics.textfile !== null],
  ["metrics.push", "leave it out", ({ metrics }) => metrics.push !== null],
];

/** What may be as it is, but should be known: settings that change nothing yet, and a token that travels in the open. */
export function configurationNotes({ runtime, git }: Config): string[] {
  const url = git === null ? null : URL.parse(git.url);
  const open = url?.protocol === "http:" && git?.auth !== null && !LOOPBACK.test(url.hostname);
  const labels = [
    ["runtime.consoleURL", runtime.consoleURL],
    ["runtime.eventsURL", runtime.eventsURL],
  ] as const;
  return [
    ...(open ? ["git.url is http: the credentials of git.auth can be read on the way; use https"] : []),
    ...labels.flatMap(([setting, value]) =>
      value === null ? [] : [`${setting} is not reported to Compass yet: what Compass has stays as it is`],
    ),
  ];
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
