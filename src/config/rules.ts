/** Checks across sections, on what was said rather than on what was parsed, so that they are told with all other errors. */

import { type Path, type Tree, valueAt } from "./tree.js";

export interface Violation {
  readonly path: readonly PropertyKey[];
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

// It adds nobody, and taking one of the two away later would look like a change of recipients.
const once: Rule = (tree) => {
  const age = valueAt(tree, ["secrets", "sops", "age"]);
  const given = Array.isArray(age) ? age : [];
  return given.flatMap((each, index) =>
    given.indexOf(each) === index
      ? []
      : [{ path: ["secrets", "sops", "age", index], message: "is there twice", allowed: "each recipient once" }],
  );
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

// The agent replaces its own branch: that must never be the one that people merge into.
const ownBranch: Rule = (tree) => {
  const own = valueAt(tree, ["pullRequest", "branch"]);
  if (typeof own !== "string") return [];
  const target = valueAt(tree, ["git", "branch"]) ?? "main";
  const runtime = valueAt(tree, ["runtime", "id"]);
  const name = own.replaceAll("{runtime}", typeof runtime === "string" ? runtime : "{runtime}");
  // Git keeps names as paths. A fork need not have the branch.
  const isBeside = name.startsWith(`${String(target)}/`) || String(target).startsWith(`${name}/`);
  if (name !== target && (!isBeside || said(tree, "git", "push"))) return [];
  const message =
    name === target
      ? "is git.branch, which the agent proposes to"
      : "cannot be made beside git.branch: of two branches, the name of one and a slash may not begin the other's";
  return [{ path: ["pullRequest", "branch"], message, allowed: "a branch of its own such as runtime-agent/{runtime}" }];
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
  once,
  certificate,
  acknowledgement,
  reviewed,
  ownBranch,
  configurationSecret,
];

export function violations(tree: Tree): readonly Violation[] {
  return rules.flatMap((rule) => rule(tree));
}

/** True when something that the Go agent's configuration Secret would give is said directly. */
export function replacesConfigurationSecret(tree: Tree): boolean {
  return INSTEAD.some((path) => said(tree, ...path));
}
