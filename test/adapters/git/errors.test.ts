import { describe, expect, it } from "vitest";
import { gitFailure } from "../../../src/adapters/git/errors.js";
import { GitError } from "../../../src/adapters/git/run.js";
import { Failure } from "../../../src/common/failure.js";

const circumstances = {
  stage: "publish",
  repository: "https://host/fleet.git",
  proxyHost: null,
  forbidden: [],
} as const;

const classify = (stderr: string, stdout = "") => {
  const { code, retryable } = gitFailure(new GitError("exit", stdout, stderr), circumstances);
  return `${code}${retryable ? ", retryable" : ""}`;
};

const CUT =
  "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.";

// Words seen from git and from the hosts.
describe("git's words", () => {
  it.each([
    ["fatal: repository 'https://host/fleet.git/' not found", "RepositoryNotFound"],
    ["remote: Repository not found.\nfatal: repository 'https://host/fleet.git/' not found", "RepositoryNotFound"],
    ["fatal: '/srv/x' does not appear to be a git repository", "RepositoryNotFound"],
    ["fatal: Authentication failed for 'https://host/fleet.git/'", "RepositoryAuthentication"],
    ["fatal: could not read Username for 'https://host': terminal prompts disabled", "RepositoryAuthentication"],
    ["fatal: unable to access 'https://host/': The requested URL returned error: 403", "RepositoryAuthentication"],
    [
      "remote: Permission to a/b.git denied to bot.\nfatal: unable to access 'https://host/': The requested URL returned error: 403",
      "RepositoryRefused",
    ],
    ["fatal: unable to access 'https://host/': Could not resolve host: host", "NetworkUnreachable, retryable"],
    [
      "fatal: unable to access 'x': Failed to connect to host port 443 after 0 ms: Connection refused",
      "NetworkUnreachable, retryable",
    ],
    ["fatal: unable to access 'x': Recv failure: Connection reset by peer", "NetworkUnreachable, retryable"],
    ["fatal: unable to access 'x': Failed to connect to host port 443: Connection timed out", "TimedOut, retryable"],
    ["error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec", "TimedOut, retryable"],
    ["fatal: unable to access 'x': SSL certificate problem: self-signed certificate", "TlsUntrusted"],
    ["fatal: unable to access 'x': server certificate verification failed. CAfile: none", "TlsUntrusted"],
    [
      "fatal: unable to access 'x': SSL: no alternative certificate subject name matches target host name",
      "TlsUntrusted",
    ],
    ["fatal: unable to access 'x': Could not resolve proxy: proxy.host", "ProxyFailed"],
    ["fatal: unable to access 'x': CONNECT tunnel failed, response 407", "ProxyFailed"],
    ["fatal: unable to access 'x': Received HTTP code 403 from proxy after CONNECT", "ProxyFailed"],
    ["fatal: unable to access 'x': The requested URL returned error: 429", "RateLimited, retryable"],
    ["fatal: unable to access 'x': The requested URL returned error: 502", "ServerError, retryable"],
    ["error: RPC failed; HTTP 504 curl 22\nfatal: early EOF", "ServerError, retryable"],
    [
      "fatal: the remote end hung up unexpectedly\nfatal: early EOF\nfatal: index-pack failed",
      "ServerError, retryable",
    ],
    ["fatal: unable to access 'x': The requested URL returned error: 301", "Redirected"],
    ["fatal: couldn't find remote ref refs/heads/main", "BranchNotFound"],
    ["fatal: detected dubious ownership in repository at '/srv/x'", "RepositoryRefused"],
    ["remote: fatal: early EOF, returned error: 401\nfatal: something nobody foresaw", "GitFailed"],
    ["fatal: something nobody foresaw", "GitFailed"],
    ["ERROR: Repository not found.\nfatal: Could not read from remote repository.", "RepositoryNotFound"],
    ["ERROR: Permission to a/b.git denied to deploy key", "RepositoryRefused"],
    ["git@host: Permission denied (publickey).\nfatal: Could not read", "RepositoryAuthentication"],
    ["Host key verification failed.\nfatal: Could not read from remote repository.", "HostKeyUntrusted"],
    ["ssh: connect to host h port 22: Connection timed out\nfatal: Could not read", "TimedOut, retryable"],
    ["kex_exchange_identification: read: Connection reset by peer", "NetworkUnreachable, retryable"],
    ["error: cannot run ssh: No such file or directory\nfatal: unable to fork", "GitFailed"],
    ["error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413", "RepositoryRefused"],
    ["fatal: unable to access 'x': The requested URL returned error: 400", "RepositoryRefused"],
    ["error: RPC failed; HTTP 408 curl 22 The requested URL returned error: 408", "TimedOut, retryable"],
    [`${CUT}`, "ServerError, retryable"],
    [`ERROR: Our servers are overloaded, please try again later.\n${CUT}`, "ServerError, retryable"],
    [
      `remote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\nremote: \n${CUT}`,
      "RepositoryNotFound",
    ],
    [`ERROR: This repository was archived so it is read-only.\n${CUT}`, "RepositoryRefused"],
    [
      "fatal: remote error: The repository is temporarily unavailable, please try again later",
      "ServerError, retryable",
    ],
    ["fatal: remote error: upload-pack: not our ref 1234", "RepositoryRefused"],
    ["", "GitFailed"],
  ])("%j are %s", (stderr, expected) => {
    expect(classify(stderr)).toBe(expected);
  });

  it("that no rule knows are shown, the last of them that tell of an end, unless they hold what was sent", () => {
    const failing = (stderr: string, forbidden: readonly string[] = []) =>
      gitFailure(new GitError("exit", "", stderr), { ...circumstances, forbidden }).message;
    const end = "warning: one thing\nfatal: bad config line 1 in file /dev/\u001bnull\nhint: another\n";

    expect(failing(end)).toMatch(
      /^git failed on https:\/\/host\/fleet\.git: "fatal: bad config line 1 in file \S+null"$/,
    );
    expect(failing(end)).not.toContain("\u001b");
    expect(failing(end, ["config line"])).toBe("git failed on https://host/fleet.git");
    expect(failing("remote: fatal: what a server says\n")).toBe("git failed on https://host/fleet.git");
  });

  it.each([
    ["[rejected] (non-fast-forward)", "PushRejected, retryable"],
    ["[rejected] (fetch first)", "PushRejected, retryable"],
    ["[rejected] (stale info)", "PushRejected, retryable"],
    ["[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)", "PushRejected, retryable"],
    ["[remote rejected] (failed to update ref)", "PushRejected, retryable"],
    ["[remote rejected] (incorrect old value provided)", "PushRejected, retryable"],
    ["[remote rejected] (reference already exists)", "PushRejected, retryable"],
    ["[remote rejected] (pre-receive hook declined)", "RepositoryRefused"],
    ["[remote rejected] (protected branch hook declined)", "RepositoryRefused"],
    ["[remote rejected] (GH006: Protected branch update failed)", "RepositoryRefused"],
    ["[remote rejected] (Internal Server Error)", "ServerError, retryable"],
    ["[remote failure] (remote failed to report status)", "ServerError, retryable"],
    ["[remote rejected] (branch is currently checked out)", "RepositoryRefused"],
  ])("on a push, %j is %s", (status, expected) => {
    const stdout = `To https://host/fleet.git\n!\t1234:refs/heads/main\t${status}\nDone\n`;

    expect(classify("error: failed to push some refs to 'https://host/fleet.git'", stdout)).toBe(expected);
  });

  it.each([
    ["GitLab: Internal API error (504).", "ServerError, retryable"],
    ["GitLab: Internal API unreachable", "ServerError, retryable"],
    ["The service is temporarily unavailable.", "ServerError, retryable"],
    ["GitLab: You are not allowed to push code to this project.", "RepositoryRefused"],
  ])("of a hook that declines with %j make it %s", (words, expected) => {
    const stdout = "!\t1:refs/heads/main\t[remote rejected] (pre-receive hook declined)\n";

    expect(classify(`remote: ${words}        \nerror: failed to push some refs`, stdout)).toBe(expected);
  });

  describe.each([
    ["that there is a branch", "'refs/heads/agent' exists; cannot create 'refs/heads/agent/x'"],
    ["that there is one below", "'refs/heads/agent/x/y' exists; cannot create 'refs/heads/agent/x'"],
  ])("%s", (_what, exists) => {
    const said = `cannot lock ref 'refs/heads/agent/x': ${exists}`;
    const line = (status: string) => `!\t1:refs/heads/agent/x\t[remote rejected] (${status})\n`;
    const failureOf = (status: string, stderr: string, branch = "agent/x", branches: string[] = []) => {
      const push = { branch, isOwn: true, branches };
      return gitFailure(new GitError("exit", line(status), stderr), { ...circumstances, push });
    };
    const other = /refs\/heads\/([^']*)/.exec(exists)?.[1] ?? "";

    it.each([
      ["on the status line", said, "", []],
      ["beside it", "failed to update ref", `remote: error: ${said}        `, []],
      ["by the list of branches alone", "refname conflict", "", ["main", other]],
      ["by a list, where git has but a failure", "failed to update ref", "", ["main", other]],
    ])("%s make it final, and name it", (_where, status, stderr, branches) => {
      const failure = failureOf(status, stderr, "agent/x", branches);

      expect(failure).toMatchObject({ code: "RepositoryRefused", retryable: false });
      expect(failure.message).toContain(`the branch agent/x cannot be made`);
      expect(failure.message).toContain(`the branch ${other} stands in the way`);
      expect(failure.hint).toContain("pullRequest.branch");
      expect(failure.hint).toContain(`remove the branch ${other}`);
    });

    it("about another branch than the one that is pushed, or where nothing is in the way, leave it a race", () => {
      const others = [
        failureOf("failed to update ref", `remote: error: ${said}`, "agent/z", ["main", "agents"]),
        failureOf(
          "failed to update ref",
          "remote: error: cannot lock ref 'refs/heads/agent/x': is at 1 but expected 2",
        ),
        failureOf("cannot lock ref 'refs/heads/agent/x': reference already exists", "", "agent/x", [
          "main",
          "agent/xy",
        ]),
      ];

      for (const failure of others) expect(failure).toMatchObject({ code: "PushRejected", retryable: true });
    });

    it("without a name are final, too", () => {
      expect(failureOf("directory file conflict", "")).toMatchObject({ code: "RepositoryRefused", retryable: false });
    });
  });

  it("on a refused push name the branch that it went to: git.branch, or the agent's own", () => {
    const stdout = "!\t1:refs/heads/x\t[remote rejected] (protected branch hook declined)\n";
    const hints = [
      "[remote rejected] (pre-receive hook declined)",
      "[remote rejected] (protected branch hook declined)",
    ].flatMap((status) =>
      [true, false].map((isOwn) => {
        const push = { branch: "x", isOwn, branches: [] };
        const given = stdout.replace(/\[.*/, status);
        return gitFailure(new GitError("exit", given, ""), { ...circumstances, push }).hint;
      }),
    );

    expect(hints.map((hint) => [hint.includes("pullRequest.branch"), hint.includes("git.branch")])).toEqual([
      [true, false],
      [false, true],
      [true, false],
      [false, true],
    ]);
  });

  it("of a server over ssh are shown where git has none", () => {
    const messageOf = (stderr: string) => gitFailure(new GitError("exit", "", stderr), circumstances).message;

    expect(messageOf(`ERROR: Our servers are overloaded.\n${CUT}`)).toBe(
      'https://host/fleet.git cut the connection: "ERROR: Our servers are overloaded."',
    );
    expect(messageOf(`${CUT}`)).toBe("https://host/fleet.git cut the connection");
    expect(messageOf(`ERROR: This repository was archived so it is read-only.\n${CUT}`)).toContain(
      "so it is read-only",
    );
    expect(messageOf("fatal: remote error: Maintenance, try again later")).toContain('"Maintenance, try again later"');
  });

  it("are told apart from the names between them", () => {
    const url = "https://host/early%20EOF/returned%20error:%20401/early EOF.git";
    const status = "!\t1:refs/heads/non-fast-forward\t[remote rejected] (pre-receive hook declined)\n";

    expect(classify(`fatal: unable to access '${url}': Could not resolve host: host`)).toBe(
      "NetworkUnreachable, retryable",
    );
    expect(classify("error: failed to push some refs", status)).toBe("RepositoryRefused");
  });

  it("are not repeated, and the server's own are, on a refusal", () => {
    const own = "fatal: unable to access 'https://user:pw@host/': Could not resolve host: host";
    const refused = gitFailure(
      new GitError(
        "exit",
        "!\ta:b\t[remote rejected] (protected branch hook declined)\n",
        "remote: error: GH006: Protected branch update failed.        \nremote: \nerror: failed to push some refs to 'https://user:pw@host/'",
      ),
      circumstances,
    );

    expect(gitFailure(new GitError("exit", "", own), circumstances).message).toBe(
      "https://host/fleet.git cannot be reached",
    );
    expect(refused.message).toBe(
      'https://host/fleet.git refused the push: "error: GH006: Protected branch update failed."',
    );
  });

  it("always leave a hint, and a Failure as it is", () => {
    const failure = new Failure("known", { code: "Usage", stage: "config", hint: "Mend it." });

    expect(gitFailure(failure, circumstances)).toBe(failure);
    expect(gitFailure(new Error("secret text"), circumstances)).toMatchObject({ code: "GitFailed" });
    expect(gitFailure(new Error("secret text"), circumstances).message).not.toContain("secret");
    expect(gitFailure(new GitError("aborted", "", ""), circumstances)).toMatchObject({ code: "Aborted" });
  });
});
