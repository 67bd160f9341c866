/** Checks across sections, on what was said rather than on what was parsed, so that they are told with all other errors. */

import { type Path, type Tree, valueAt } from "./tree.js";

export interface Violation {
  readonly path: Path;
  readonly message: string;
  readonly allowed: string | null;
}

/** Gives what a configuration lacks or says twice. */
type Rule = (tree: Tree) => readonly Violation[];

const said = (tree: Tree, ...path: Path) => {
  const value = valueAt(tree, path);
  return value !== undefined && value !== null;
};

const gitPath: Rule = (tree) => {
  const path = valueAt(tree, ["git", "path"]);
  if (valueAt(tree, ["git", "allowRoot"]) === true) return [];
  if (path === "" || path === "." || path === "./") {
    return [
      {
        path: ["git", "path"],
        message: "is the root of the repository",
        allowed: "this only with git.allowRoot: true",
      },
    ];
  }
  if (!said(tree, "git", "url") || said(tree, "git", "path")) return [];
  return [
    {
      path: ["git", "path"],
      message: "is needed with git.url",
      allowed:
        "a folder that belongs to the agent, such as clusters/prod/runtime-agent; the root with git.allowRoot: true",
    },
  ];
};

// Only where something is going to be sealed: pairing alone needs no recipient.
const recipients: Rule = (tree) => {
  const mode = valueAt(tree, ["secrets", "mode"]) ?? (said(tree, "git", "url") ? "sops" : null);
  const age = valueAt(tree, ["secrets", "sops", "age"]);
  if (mode !== "sops" || said(tree, "secrets", "sops", "vault")) return [];
  if (age !== undefined && age !== null && !(Array.isArray(age) && age.length === 0)) return [];
  const message = "needs at least one recipient in mode sops";
  return [{ path: ["secrets", "sops", "age"], message, allowed: "a list of age recipients (age1…)" }];
};

// Who records what is committed today waits for the weakest of them to be broken.
const unmixed: Rule = (tree) => {
  const age = valueAt(tree, ["secrets", "sops", "age"]);
  const given = (Array.isArray(age) ? age : []).filter((each) => typeof each === "string");
  const hybrid = given.filter((each) => /^age1(?:tag)?pq1/.test(each)).length;
  if (hybrid === 0 || hybrid === given.length) return [];
  const message = "mixes post-quantum recipients (age1pq1…) with others, which would take their protection away";
  return [{ path: ["secrets", "sops", "age"], message, allowed: "recipients of one kind" }];
};

const certificate: Rule = (tree) => {
  const needed = valueAt(tree, ["secrets", "mode"]) === "sealed-secrets";
  if (!needed || said(tree, "secrets", "sealedSecrets", "certificate")) return [];
  const message = "is needed in mode sealed-secrets";
  return [
    {
      path: ["secrets", "sealedSecrets", "certificate"],
      message,
      allowed: "{file: PATH}, {url: URL} or {controller: NAMESPACE/NAME}",
    },
  ];
};

const acknowledgement: Rule = (tree) => {
  const plain = valueAt(tree, ["secrets", "mode"]) === "plain";
  if (!plain || valueAt(tree, ["secrets", "acknowledgePlain"]) === true) return [];
  const message =
    "writes credentials that everybody who can read the repository can read; confirm it with secrets.acknowledgePlain: true";
  return [{ path: ["secrets", "mode"], message, allowed: null }];
};

// They would come and go before anybody has reviewed it.
const reviewed: Rule = (tree) => {
  const byRequest = valueAt(tree, ["git", "publish"]) === "pull-request";
  if (!byRequest || valueAt(tree, ["secrets", "mode"]) !== "cluster") return [];
  const message = "is pull-request beside secrets.mode: cluster, whose Secrets no request holds back";
  return [{ path: ["git", "publish"], message, allowed: "direct, or another secrets.mode" }];
};

const INSTEAD = [
  ["runtime", "id"],
  ["runtime", "tenant"],
  ["compass", "connectorURL"],
  ["compass", "token"],
];

const configurationSecret: Rule = (tree) => {
  if (!said(tree, "runtime", "configuration")) return [];
  return INSTEAD.filter((path) => said(tree, ...path)).map((path) => ({
    path,
    message: "is given beside runtime.configuration, whose Secret holds it",
    allowed: "one of the two",
  }));
};

const rules: readonly Rule[] = [
  gitPath,
  recipients,
  unmixed,
  certificate,
  acknowledgement,
  reviewed,
  configurationSecret,
];

export function violations(tree: Tree): readonly Violation[] {
  return rules.flatMap((rule) => rule(tree));
}

/** True when something that the Go agent's configuration Secret would give is said directly. */
export function replacesConfigurationSecret(tree: Tree): boolean {
  return INSTEAD.some((path) => said(tree, ...path));
}
