/** Git's words classified, here and nowhere else. They may hold addresses, so none is repeated but the server's own. */

import { Failure, type FailureCode, inOtherWords, type Stage } from "../../common/failure.js";
import { forTerminal } from "../../common/quote.js";
import { standsInTheWay } from "./in-the-way.js";
import { GitError } from "./run.js";

export interface Circumstances {
  readonly stage: Stage;
  /** How a message names the repository. */
  readonly repository: string;
  /** Host of the proxy, when there is one. */
  readonly proxyHost: string | null;
  /** Texts that no message may hold, whatever a server says. */
  readonly forbidden: readonly string[];
  /** Of a push. */
  readonly push?: PushedBranch | undefined;
}

export interface PushedBranch {
  readonly branch: string;
  /** The agent's own, which is not `git.branch`: what to mend is another setting. */
  readonly isOwn: boolean;
  /** All that the server last told. */
  readonly branches: Iterable<string>;
}

interface Rule {
  readonly when: RegExp;
  readonly code: FailureCode;
  readonly message: (repository: string) => string;
  readonly hint: string;
  /** In its place for the agent's own branch. */
  readonly ownHint?: string;
  readonly retryable?: boolean;
  /** Holds only when the server gave words of its own. */
  readonly spoken?: boolean;
  /** Holds only when the server gave such words. For what is worth another attempt alone: a hook may print anything. */
  readonly said?: RegExp;
  /** Shows what the server said. */
  readonly quote?: boolean;
}

const pushRejected: Rule = {
  when: /\[rejected\]|non-fast-forward|fetch first|stale info|cannot lock ref|failed to lock|reference already exists|incorrect old value|failed to update ref/,
  code: "PushRejected",
  message: (repository) => `the branch of ${repository} moved while the agent was working`,
  hint: "Another commit came first; the agent reads the branch again and repeats its work.",
  retryable: true,
};

/** How a connection over ssh ends, whoever ended it. */
const CUT = /Could not read from remote repository/;

const OWN_REFUSED =
  "Allow the user of git.auth to push to the agent's own branch (pullRequest.branch), to replace it by force and to remove it, and to no other; or mend what the server's hook asks for.";

/** On the status lines of `push --porcelain`. The first that fits stands. */
const pushRules: readonly Rule[] = [
  pushRejected,
  {
    when: /branch is currently checked out/,
    code: "RepositoryRefused",
    message: (repository) => `${repository} has the branch checked out and refuses the push`,
    hint: "Give git.url a bare repository, or name another branch in git.branch.",
    ownHint: "Give git.url a bare repository, or name another branch in pullRequest.branch.",
  },
  {
    when: /\[remote rejected\] \([^)]*internal server error/i,
    code: "ServerError",
    message: (repository) => `${repository} failed while it took the push`,
    hint: "Try again; if it stays, look at the Git server.",
    retryable: true,
  },
  {
    // No word of the server came back: whether it took the push, the branch tells.
    when: /\[remote failure\]/i,
    code: "ServerError",
    message: (repository) => `${repository} did not say whether it took the push`,
    hint: "Try again; if it stays, look at the Git server.",
    retryable: true,
    quote: true,
  },
  {
    when: /\[remote rejected\]/,
    said: /Internal API (?:error \(5\d\d\)|unreachable)|temporarily unavailable/i,
    code: "ServerError",
    message: (repository) => `${repository} failed while it took the push`,
    hint: "Try again; if it stays, look at the Git server.",
    retryable: true,
    quote: true,
  },
  {
    when: /\[remote rejected\] \([^)]*protected/i,
    code: "RepositoryRefused",
    message: (repository) => `${repository} refused the push`,
    hint: "Let the user of git.auth push to git.branch, or propose changes with git.publish: pull-request.",
    ownHint: OWN_REFUSED,
    quote: true,
  },
  {
    when: /\[remote rejected\]/,
    code: "RepositoryRefused",
    message: (repository) => `${repository} refused the push`,
    hint: "Allow the user of git.auth to push to git.branch, or mend what the server's hook or branch protection asks for.",
    ownHint: OWN_REFUSED,
    quote: true,
  },
];

const notFound = {
  code: "RepositoryNotFound",
  message: (repository: string) => `there is no Git repository at ${repository}`,
  hint: "Check git.url. Some hosts say the same to a token or key without rights: then check git.auth.",
} as const;

/** On git's own lines. The first that fits stands: what is particular comes before what is general. */
const rules: readonly Rule[] = [
  {
    when: /couldn't find remote ref/i,
    code: "BranchNotFound",
    message: (repository) => `the branch is not in ${repository}`,
    hint: "Create the branch, or mend git.branch.",
  },
  {
    when: /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for \S+ has changed/,
    code: "HostKeyUntrusted",
    message: (repository) => `the host of ${repository} shows another key than the one that is trusted`,
    hint: "Ask who runs the host whether its key was changed; only then put the new one into git.auth.ssh.knownHosts.",
  },
  {
    when: /No \S+ host key is known|Host key verification failed/,
    code: "HostKeyUntrusted",
    message: (repository) => `the key of the host of ${repository} is not known`,
    hint: "Put the host's line into git.auth.ssh.knownHosts: what `ssh-keyscan HOST` prints, compared with what the host publishes.",
  },
  {
    when: /Load key "[^"\n]*": /,
    code: "RepositoryAuthentication",
    message: () => "the key of git.auth.ssh.key cannot be used",
    hint: "Give a private key as ssh-keygen makes it, without passphrase.",
  },
  {
    when: /Permission denied \((?:publickey|password|keyboard-interactive|gssapi|hostbased)|Too many authentication failures/,
    code: "RepositoryAuthentication",
    message: (repository) => `${repository} did not accept the key`,
    hint: "Add the public key of git.auth.ssh.key to the repository with the right to write, and check the user in git.url.",
  },
  {
    when: /ERROR: Permission to [^\n]* denied|marked as read only|deploy key does not have write access/i,
    code: "RepositoryRefused",
    message: (repository) => `${repository} may be read with this key, but not written`,
    hint: "Give the key of git.auth.ssh.key the right to write.",
  },
  {
    when: /archived so it is read-only/i,
    code: "RepositoryRefused",
    message: (repository) => `${repository} is archived and may only be read`,
    hint: "Take the repository out of the archive, or give git.url another one.",
    quote: true,
  },
  {
    when: /remote error: [^\n]*(?:temporarily|try again|overloaded)/i,
    code: "ServerError",
    message: (repository) => `${repository} failed while it answered`,
    hint: "Try again; if it stays, look at the Git server.",
    retryable: true,
    quote: true,
  },
  {
    when: /^fatal: remote error: /m,
    code: "RepositoryRefused",
    message: (repository) => `${repository} refused the request`,
    hint: "Mend what the server names; check git.url and git.auth.",
    quote: true,
  },
  {
    when: /cannot run ssh|ssh: (?:command )?not found/i,
    code: "GitFailed",
    message: () => "the program ssh cannot be started",
    hint: "Install the OpenSSH client and have it on PATH, or use the repository's https address.",
  },
  {
    when: /unable to set private key file|error reading X\.509 key or certificate file|could not load PEM client certificate|unable to use client certificate|problem with the local SSL certificate|private key .{0,20}does not match/i,
    code: "RepositoryAuthentication",
    message: () => "the client certificate of git.auth.clientCertificate cannot be used",
    hint: "Give a certificate and its own key in git.auth.clientCertificate, both PEM, the key without passphrase.",
  },
  {
    when: /alert (?:number \d+|bad certificate|certificate required|unknown ca|certificate expired)|certificate required|TLS fatal alert has been received/i,
    code: "RepositoryAuthentication",
    message: (repository) => `${repository} did not accept the client certificate`,
    hint: "Check git.auth.clientCertificate: whether the host trusts its authority, and its dates.",
  },
  {
    when: /detected dubious ownership/,
    code: "RepositoryRefused",
    message: (repository) => `${repository} belongs to another user, so git does not open it`,
    hint: "Give the folder of git.url to the user that runs the agent.",
  },
  {
    when: /Could not resolve proxy|Proxy CONNECT aborted|from proxy after CONNECT|CONNECT tunnel failed|error: 407|Unsupported proxy/i,
    code: "ProxyFailed",
    message: (repository) => `the proxy did not let the agent through to ${repository}`,
    hint: "Check proxy.https and proxy.no, and what the proxy allows.",
  },
  {
    when: /SSL certificate problem|certificate verify|server certificate verification failed|no alternative certificate subject|certificate subject name|error setting certificate|SSL CA cert|ca cert file|SSL peer certificate|self[- ]signed certificate/i,
    code: "TlsUntrusted",
    message: (repository) => `the certificate of ${repository} is not trusted`,
    hint: "Give the authority's certificate in git.ca, and check that git.url names the host of the certificate.",
  },
  {
    when: /unable to update url base from redirection|returned error: 30\d/i,
    code: "Redirected",
    message: (repository) => `${repository} answered with a redirect`,
    hint: "Put the final address into git.url.",
  },
  {
    // A server that knows us and still says no gives its reason in words, as GitHub does with 403.
    when: /returned error: 403/i,
    spoken: true,
    code: "RepositoryRefused",
    message: (repository) => `${repository} refused the agent`,
    hint: "Give the user of git.auth the right to read and push.",
    quote: true,
  },
  {
    when: /Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|HTTP Basic: Access denied|terminal prompts disabled/i,
    code: "RepositoryAuthentication",
    message: (repository) => `${repository} did not accept the credentials`,
    hint: "Check git.auth: user name, token or password, its expiry and its rights.",
  },
  {
    ...notFound,
    when: /does not appear to be a git repository|ERROR: Repository not found|repository '[^\n]*' (?:not found|does not exist)|returned error: 404|not a git repository|does not exist|is this a git repository|not valid: is this/i,
  },
  {
    when: /Operation too slow|Operation timed out|timed out|returned error: 408/i,
    code: "TimedOut",
    message: (repository) => `${repository} did not answer in time`,
    hint: "Try again; check the way to the host of git.url.",
    retryable: true,
  },
  {
    when: /returned error: 429/i,
    code: "RateLimited",
    message: (repository) => `${repository} asks the agent to wait`,
    hint: "Try again later, or run the agent less often.",
    retryable: true,
  },
  {
    when: /returned error: 413/i,
    code: "RepositoryRefused",
    message: (repository) => `${repository} takes no push of this size`,
    hint: "Have the limit of the Git server, or of the proxy before it, raised.",
  },
  {
    when: /returned error: 4\d\d/i,
    code: "RepositoryRefused",
    message: (repository) => `${repository} refused the request`,
    hint: "Check git.url and git.auth; if both are right, look at the Git server's log.",
  },
  {
    when: /returned error: 5\d\d|HTTP 5\d\d|early EOF|unexpected disconnect|remote end hung up unexpectedly|unexpected EOF|invalid index-pack output|curl 18|transfer closed|bytes of body are still expected/i,
    code: "ServerError",
    message: (repository) => `${repository} failed while it answered`,
    hint: "Try again; if it stays, look at the Git server.",
    retryable: true,
    quote: true,
  },
  {
    when: /Could not resolve host|kex_exchange_identification|Connection closed by|Failed to connect|Connection refused|Couldn't connect|Connection reset|Empty reply from server|Recv failure|Send failure|Network is unreachable|No route to host|SSL_read|SSL_connect|unable to access|RPC failed/i,
    code: "NetworkUnreachable",
    message: (repository) => `${repository} cannot be reached`,
    hint: "Check the host in git.url, the network and proxy.https.",
    retryable: true,
  },
  {
    when: /Permission denied|insufficient permission|unable to create temporary object directory|Read-only file system/i,
    code: "RepositoryRefused",
    message: (repository) => `the agent may not read or write ${repository}`,
    hint: "Give the user that runs the agent the right to read and write the folder of git.url.",
  },
  {
    when: /No space left on device|Disk quota exceeded/i,
    code: "GitFailed",
    message: () => "there is no room left for the temporary repository",
    hint: "Make room in the agent's folder for temporary files.",
  },
  {
    // Over ssh the server's words are not marked as such. GitLab says this to a key without rights, too.
    ...notFound,
    when: CUT,
    said: /project you were looking for could not be found|repository (?:was )?not found/i,
    quote: true,
  },
  {
    // Nothing else is known: the way was cut, or the server ended it with words of its own.
    when: CUT,
    code: "ServerError",
    message: (repository) => `${repository} cut the connection`,
    hint: "Try again; if it stays, mend what the server names, and check that git.auth has rights there.",
    retryable: true,
    quote: true,
  },
];

/** What git adds to whatever ended a connection over ssh. */
const ADDED =
  /^(?:fatal: Could not read from remote repository\.|Please make sure you have the correct access rights|and the repository exists\.)$/;

/** How much of a server's words is shown, in characters. */
const QUOTE_LIMIT = 200;

/** Translates what a call threw. A Failure is given back as it is. */
export function gitFailure(thrown: unknown, circumstances: Circumstances): Failure {
  if (thrown instanceof Failure) return thrown;
  const { stage, repository } = circumstances;
  if (!(thrown instanceof GitError)) {
    return new Failure("git could not be run", {
      code: "GitFailed",
      stage,
      hint: "This is a defect of the agent: run again with --log-level debug and report it.",
      cause: thrown,
    });
  }
  if (thrown.reason === "aborted") {
    return new Failure("stopped while git was running", { code: "Aborted", stage, hint: "Run again to go on." });
  }
  if (thrown.reason === "timeout") {
    return new Failure(`${repository} did not answer in time`, {
      code: "TimedOut",
      stage,
      hint: "Try again; check the way to the host of git.url.",
      retryable: true,
    });
  }
  if (thrown.reason === "spawn") {
    return new Failure("the program git cannot be started", {
      code: "GitFailed",
      stage,
      hint: "Install git 2.39 or newer and have it on PATH.",
    });
  }
  const lines = thrown.stderr.split(/[\r\n]+/);
  const marked = lines.filter((line) => line.startsWith("remote:")).map((line) => line.slice("remote:".length).trim());
  // A server's words must not pick the rule, for a hook may print anything; nor may names, which git puts in quotes.
  const own = lines
    .filter((line) => !line.startsWith("remote:"))
    .join("\n")
    .replaceAll(/'[^'\n]*'/g, "''");
  const said = marked.some((line) => line !== "") ? marked : unmarked(lines);
  // `!<tab>from:to<tab>[rejected] (why)`, of which the last part alone is git's.
  const status = thrown.stdout
    .split("\n")
    .flatMap((line) => (line.startsWith("!\t") ? [line.split("\t")[2] ?? ""] : []));
  const quoted = quote(said, status, circumstances.forbidden);
  const words = said.join("\n");
  const { push } = circumstances;
  const other = push === undefined ? null : standsInTheWay({ ...push, status, words });
  if (push !== undefined && other !== null) return inTheWay(push, other, circumstances);
  const rule =
    pushRules.find(
      ({ when, said: wanted }) => status.some((line) => when.test(line)) && wanted?.test(words) !== false,
    ) ??
    rules.find(
      ({ when, spoken = false, said: wanted }) =>
        when.test(own) && (!spoken || marked.length > 0) && wanted?.test(words) !== false,
    );
  if (rule === undefined) {
    const told = quote(lines.filter((line) => FATAL.test(line)).slice(-1), [], circumstances.forbidden);
    return new Failure(told === "" ? `git failed on ${repository}` : `git failed on ${repository}: "${told}"`, {
      code: "GitFailed",
      stage,
      hint: "Check that git.url can be cloned with git on this machine.",
    });
  }
  const { proxyHost } = circumstances;
  if (rule.code === "NetworkUnreachable" && proxyHost !== null && own.includes(` ${proxyHost} port `)) {
    return new Failure(`the proxy on the way to ${repository} cannot be reached`, {
      code: "ProxyFailed",
      stage,
      hint: "Check proxy.https.",
      retryable: true,
    });
  }
  const { code, retryable = false } = rule;
  const hint = push?.isOwn === true ? (rule.ownHint ?? rule.hint) : rule.hint;
  const message = rule.message(repository);
  return new Failure(rule.quote === true && quoted !== "" ? `${message}: "${quoted}"` : message, {
    code,
    stage,
    hint,
    retryable,
  });
}

/** No race: it stays until somebody changes one of the two names. */
function inTheWay({ branch, isOwn }: PushedBranch, other: string, { stage, repository }: Circumstances): Failure {
  const which = other === "" ? "another branch" : `the branch ${forTerminal(other, 100)}`;
  const names = "a name that neither begins with the other's and a slash, nor the other way round";
  return new Failure(
    `the branch ${forTerminal(branch, 100)} cannot be made in ${repository}: ${which} stands in the way of its name`,
    {
      code: "RepositoryRefused",
      stage,
      hint: `Give ${isOwn ? OWN_BRANCH : "git.branch"} ${names}; or remove ${which}.`,
    },
  );
}

/** The settings that name a remote, where they are not `git.url` and `git.auth`. */
export interface RemoteSettings {
  readonly url: string;
  readonly auth: string;
}

/** The same failure with the settings that a user would mend. */
export function inSettings(failure: Failure, settings: RemoteSettings | undefined): Failure {
  if (settings === undefined) return failure;
  const named = (text: string) =>
    text.replaceAll("git.url", settings.url).replaceAll("git.auth", settings.auth).replaceAll("git.branch", OWN_BRANCH);
  return inOtherWords(failure, named(failure.message), named(failure.hint));
}

const OWN_BRANCH = "pullRequest.branch";

/** What a server said over ssh, or by `fatal: remote error:`: neither is marked as its own. */
const unmarked = (lines: readonly string[]): string[] => {
  const error = lines.find((line) => line.startsWith(REMOTE_ERROR));
  if (error !== undefined) return [error.slice(REMOTE_ERROR.length)];
  return lines.some((line) => CUT.test(line)) ? lines.filter((line) => !ADDED.test(line.trim())) : [];
};

const REMOTE_ERROR = "fatal: remote error: ";

/** Where git says itself what it stopped at. */
const FATAL = /^(?:fatal|error): /;

/** The server's words, or the reason on git's status line when it said nothing. */
function quote(said: readonly string[], status: readonly string[], forbidden: readonly string[]): string {
  const reason = /\[remote rejected\] \(([^\n]*)\)\s*$/.exec(status[0] ?? "")?.[1] ?? "";
  const words = said.filter((line) => line !== "").join(" ") || reason;
  // A server that echoes what it was sent does not get to show it.
  return forbidden.some((secret) => secret !== "" && words.includes(secret)) ? "" : forTerminal(words, QUOTE_LIMIT);
}
