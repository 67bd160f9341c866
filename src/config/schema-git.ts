/** The keys under `git` and `pullRequest`: the repository, how to get in, and how a change is proposed. */

import { z } from "zod";
import { PLACEHOLDERS, unknownPlaceholder } from "../common/template.js";
import {
  choice,
  exactlyOne,
  fields,
  flag,
  line,
  list,
  parseLine,
  pattern,
  reference,
  section,
  text,
} from "./fields.js";
import { parseBranch, parseGitURL, parseRepositoryPath, parseURL } from "./values.js";

const GIT_URL = "an https, http or ssh URL without credentials, user@host:path or a file path";
const BRANCH = "a branch name such as main or clusters/prod";

const author = section("Who the commits are by.", {
  name: line("The author's name.", "a name").prefault("Runtime Agent"),
  email: pattern(
    "The author's address.",
    "an e-mail address",
    /^[^\s<>@]+@[^\s<>@]+$/,
    "is not an e-mail address",
  ).prefault("runtime-agent@example.com"),
}).prefault({});

const METHODS = ["token", "ssh", "basic", "clientCertificate", "githubApp"] as const;

/** One way into a Git host. A function, so that each use has its own schema. */
function authentication(description: string) {
  const methods = {
    token: reference("An access token, sent as the password over https.").optional(),
    username: line("The user name beside `token`, where the host wants one.", "a user name").nullish(),
    ssh: section("An SSH key.", {
      key: reference("The private key."),
      knownHosts: reference("The host keys to trust, as in known_hosts."),
    }).optional(),
    basic: section("A user name and password.", {
      username: line("The user name.", "a user name"),
      password: reference("The password."),
    }).optional(),
    clientCertificate: section("A TLS client certificate.", {
      certificate: reference("The certificate, PEM."),
      key: reference("Its private key, PEM."),
    }).optional(),
    githubApp: section("A GitHub App's installation.", {
      appID: identifier("The app's id."),
      installationID: identifier("The installation's id."),
      key: reference("The app's private key, PEM."),
    }).optional(),
  };
  const alternatives = [["token", "username"], ...METHODS.slice(1).map((name) => [name])];
  return section(description, methods, { alternatives, sensitive: true }).transform((given, context) => {
    if (!exactlyOne(given, METHODS, context)) return z.NEVER;
    const { token, username, ssh, basic, clientCertificate, githubApp } = given;
    if (token !== undefined) return { token, username: username ?? null };
    if (username !== undefined && username !== null) {
      context.addIssue({ code: "custom", message: "takes username only beside token" });
      return z.NEVER;
    }
    if (ssh !== undefined) return { ssh };
    if (basic !== undefined) return { basic };
    if (clientCertificate !== undefined) return { clientCertificate };
    return githubApp === undefined ? z.NEVER : { githubApp };
  });
}

/** GitHub shows these ids as numbers; both notations are taken. */
function identifier(description: string) {
  const input = z.union([z.string(), z.number()]);
  return input
    .transform((given, context) => {
      const id = String(given);
      if (/^[A-Za-z0-9._-]+$/.test(id)) return id;
      context.addIssue({ code: "custom", message: "is not an id" });
      return z.NEVER;
    })
    .describe(description)
    .register(fields, { kind: "text", allowed: "an id as GitHub shows it" });
}

const push = section("Where proposals go when the repository is read-only for the agent.", {
  url: text("The repository to push to.", GIT_URL, parseGitURL, { path: "git", sensitive: true }),
  auth: authentication("How to get into it; default: as into `git.url`.").nullable().prefault(null),
});

const signing = section("Signs the commits.", {
  format: choice("The kind of signature.", ["ssh", "openpgp"]).prefault("ssh"),
  key: reference("The private key."),
});

const TRAILER = /^[A-Za-z0-9][A-Za-z0-9-]*$/;

/** The agent's own, by which its commits are known. */
const OWN_TRAILERS = new Set(["runtime", "digest", "agent-version"]);

/** One line whose placeholders are known. */
const parseTemplate = (given: string) => {
  const result = parseLine(given);
  const unknown = unknownPlaceholder(given);
  return unknown === null ? result : { wrong: "names a placeholder that is not known" };
};

const TITLE_PLACEHOLDERS = ["subject", "path", "runtime", "created", "updated", "deleted"];

/** The same for a title, which has placeholders of its own. */
const parseTitle = (given: string) => {
  const result = parseLine(given);
  const unknown = unknownPlaceholder(given, TITLE_PLACEHOLDERS);
  return unknown === null ? result : { wrong: "names a placeholder that is not known" };
};

const TITLE = `one line; placeholders: ${TITLE_PLACEHOLDERS.map((name) => `{${name}}`).join(" ")}`;

const TEMPLATE = `one line; placeholders: ${PLACEHOLDERS.map((name) => `{${name}}`).join(" ")}`;

const commit = section("The words of a commit: templates over the outcome.", {
  subject: text("The first line; default: the agent's own, {summary}.", TEMPLATE, parseTemplate)
    .nullable()
    .prefault(null),
  trailers: z
    .record(z.string(), z.string())
    .superRefine((given, context) => {
      for (const [name, value] of Object.entries(given)) {
        const isOwn = OWN_TRAILERS.has(name.toLowerCase());
        const isLine = TRAILER.test(name) && "value" in parseLine(value);
        if (isLine && !isOwn && unknownPlaceholder(value) === null) continue;
        const message = isOwn
          ? "holds a trailer that the agent writes itself"
          : isLine
            ? "holds a trailer that names a placeholder that is not known"
            : "holds a trailer whose name or value is not one line";
        context.addIssue({ code: "custom", message });
      }
    })
    .describe("Further trailers by name; the values are templates like `subject`.")
    .register(fields, { kind: "table", allowed: "trailer names with a text of one line each" })
    .prefault({}),
}).prefault({});

/** Everything under `git`; null as a whole when there is no `url`. */
export const gitSection = section("The repository that the cluster is fed from.", {
  url: text("The repository's address.", GIT_URL, parseGitURL, { path: "git", sensitive: true })
    .nullable()
    .prefault(null),
  branch: text("The branch the GitOps tool reads.", BRANCH, parseBranch).prefault("main"),
  createFrom: text(
    "The branch on whose tip `branch` is made when it is missing, by the first commit; default: a missing branch stops the cycle.",
    BRANCH,
    parseBranch,
  )
    .nullable()
    .prefault(null),
  path: text(
    "The folder in the repository that belongs to the agent.",
    "a relative path such as clusters/prod/runtime-agent; the root only with git.allowRoot",
    parseRepositoryPath,
  )
    .nullable()
    .prefault(null),
  allowRoot: flag("Lets `path` be the root of the repository.").prefault(false),
  publish: choice("How changes arrive; default: direct.", ["direct", "pull-request"]).nullable().prefault(null),
  author,
  auth: authentication("How to get into the repository.").nullable().prefault(null),
  push: push.nullable().prefault(null),
  ca: reference("Certificate authorities of the Git host, in addition to the system's.").nullable().prefault(null),
  signing: signing.nullable().prefault(null),
  commit,
}).transform(({ url, path, ...rest }) => (url === null ? null : { url, path: path ?? "", ...rest }));

/** A branch name in which `{runtime}` stands for the runtime's id. */
const parseBranchTemplate = (given: string) => {
  const result = parseBranch(given.replaceAll("{runtime}", "id"));
  return "wrong" in result ? result : { value: given };
};

export const pullRequestSection = section("The rolling pull request.", {
  host: choice("The kind of Git host; default: guessed from `git.url`.", ["github", "gitlab", "gitea", "forgejo"])
    .nullable()
    .prefault(null),
  api: text(
    "The host's API; default: guessed from `git.url`.",
    "an https URL",
    (url) => parseURL(url, { secure: true }),
    {
      sensitive: true,
    },
  )
    .nullable()
    .prefault(null),
  token: reference("An access token for the API; default: the one of `git.push.auth` or `git.auth`.")
    .nullable()
    .prefault(null),
  branch: text("The agent's own branch; {runtime} is the runtime's id.", BRANCH, parseBranchTemplate).prefault(
    "runtime-agent/{runtime}",
  ),
  title: text("The title, a template over the outcome; default: the agent's own.", TITLE, parseTitle)
    .nullable()
    .prefault(null),
  labels: list("Labels to set.", "a list of labels", parseLine).prefault([]),
  reviewers: list("Who is asked to review.", "a list of user or team names", parseLine).prefault([]),
  draft: flag("Opens it as a draft.").prefault(false),
  autoMerge: flag("Asks the host to merge it once its checks pass.").prefault(false),
}).prefault({});
