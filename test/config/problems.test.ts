import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigurationError, loadConfig } from "../../src/config/index.js";
import { RECIPIENT } from "./example.js";

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "config-"));
});

afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

async function errorOf(file: string, env: Record<string, string> = {}, options: Record<string, string> = {}) {
  await writeFile(join(cwd, "agent.yaml"), file);
  const thrown: unknown = await loadConfig({ env, options, cwd }).then(
    () => new Error("nothing was thrown"),
    (error: unknown) => error,
  );
  if (thrown instanceof ConfigurationError) return thrown;
  throw thrown;
}

describe("a mistake in the configuration", () => {
  it.each([
    [
      "a swapped letter in a short key",
      "proxy: {on: []}",
      "agent.yaml:1  proxy.on: unknown key; did you mean proxy.no?",
    ],
    ["an unknown key", "git:\n  brnch: x", "agent.yaml:2  git.brnch: unknown key; did you mean git.branch?"],
    ["a key of another section", "branch: main", "agent.yaml:1  branch: unknown key; did you mean git.branch?"],
    [
      "a key at the wrong level",
      "git: {keySize: 4096}",
      "agent.yaml:1  git.keySize: unknown key; did you mean certificate.keySize?",
    ],
    ["a swapped letter", "# c\n\nshcedule: {every: 1m}", "agent.yaml:3  shcedule: unknown key; did you mean schedule?"],
    [
      "a key like no other",
      "schedule: {zzzzzzzz: 1}",
      "agent.yaml:1  schedule.zzzzzzzz: unknown key; allowed: the keys every, jitter",
    ],
    [
      "a list instead of a section",
      "schedule: [1m]",
      "agent.yaml:1  schedule: is not a section; allowed: the keys every, jitter",
    ],
    [
      "a placeholder that is not known",
      "git: {commit: {subject: 'Sync {apps}'}}",
      'agent.yaml:1  git.commit.subject: "Sync {apps}" names a placeholder that is not known; allowed: one line; placeholders: {summary} {runtime} {created} {updated} {deleted} {changed} {held} {setAside} {degraded} {digest} {version}',
    ],
    [
      "a trailer that the agent writes itself",
      "git: {commit: {trailers: {digest: x}}}",
      'agent.yaml:1  git.commit.trailers: {"digest":"x"} holds a trailer that the agent writes itself; allowed: trailer names with a text of one line each',
    ],
    [
      "a placeholder of a trailer that is not known",
      "git: {commit: {trailers: {Team: '{team}'}}}",
      'agent.yaml:1  git.commit.trailers: {"Team":"{team}"} holds a trailer that names a placeholder that is not known; allowed: trailer names with a text of one line each',
    ],
    ["another version", "version: 2", "agent.yaml:1  version: 2 is not allowed here; allowed: 1"],
    [
      "a word that is not known",
      "drift: overwite",
      'agent.yaml:1  drift: "overwite" is not known; did you mean overwrite?',
    ],
    [
      "a word like no other",
      "drift: maybe",
      'agent.yaml:1  drift: "maybe" is not known; allowed: overwrite, preserve, fail',
    ],
    [
      "a number for a word",
      "drift: 1",
      "agent.yaml:1  drift: 1 is not allowed here; allowed: overwrite, preserve, fail",
    ],
    [
      "a text for a truth value",
      "suspend: yes",
      'agent.yaml:1  suspend: "yes" is not a truth value; allowed: true or false',
    ],
    [
      "a number for a text",
      "runtime: {tenant: 12}",
      "agent.yaml:1  runtime.tenant: 12 is not a text; allowed: a tenant id",
    ],
    [
      "a fraction",
      "compass: {pageSize: 1.5}",
      "agent.yaml:1  compass.pageSize: 1.5 is not a whole number; allowed: a whole number from 1 to 1000",
    ],
    [
      "too small a number",
      "certificate: {keySize: 1024}",
      "agent.yaml:1  certificate.keySize: 1024 is too small; allowed: a whole number from 2048 to 8192",
    ],
    [
      "too large a number",
      "server: {health: 65536}",
      "agent.yaml:1  server.health: 65536 is too large; allowed: a whole number from 0 to 65535",
    ],
    [
      "a duration without a unit",
      "schedule: {every: '5'}",
      'agent.yaml:1  schedule.every: "5" is not a duration; allowed: a duration such as 30s, 2m, 1h30m, 10d or PT2M',
    ],
    [
      "no time at all",
      "schedule: {every: 0s}",
      'agent.yaml:1  schedule.every: "0s" is zero; allowed: a duration such as 30s, 2m, 1h30m, 10d or PT2M',
    ],
    [
      "a share over the whole",
      "deletion: {limit: 20}",
      "agent.yaml:1  deletion.limit: 20 is more than the whole; allowed: a share from 0 to 1, such as 20% or 0.2",
    ],
    [
      "renewal never",
      "certificate: {renewAt: 100%}",
      'agent.yaml:1  certificate.renewAt: "100%" is not between 0 and 1; allowed: a share between 0 and 1, such as 67% or 0.67',
    ],
    [
      "a size of nothing",
      "compass: {maxBytes: 0}",
      "agent.yaml:1  compass.maxBytes: 0 is not a whole, positive number of bytes; allowed: a size such as 256MiB, 10MB or a number of bytes",
    ],
    ["an id that is none", "runtime: {id: abc}", 'agent.yaml:1  runtime.id: "abc" is not a UUID; allowed: a UUID'],
    [
      "a namespace that is none",
      "applications: {namespace: Kyma_System}",
      'agent.yaml:1  applications.namespace: "Kyma_System" is not a namespace; allowed: a namespace such as kyma-system',
    ],
    [
      "a branch that is none",
      "git: {branch: a..b}",
      'agent.yaml:1  git.branch: "a..b" is not a branch name that Git takes; allowed: a branch name such as main or clusters/prod',
    ],
    [
      "a path that leads out",
      "git: {path: ../x}",
      'agent.yaml:1  git.path: "../x" has an empty part, . or ..; allowed: a relative path such as clusters/prod/runtime-agent; the root only with git.allowRoot',
    ],
    [
      "an address that is none",
      "server: {page: '8091'}",
      'agent.yaml:1  server.page: "8091" is not a host and port; allowed: HOST:PORT such as 127.0.0.1:8091',
    ],
    [
      "an item of a list",
      "compass:\n  hosts:\n    - a.example.com\n    - 'https://b'",
      'agent.yaml:4  compass.hosts[1]: "https://b" is not a host name; allowed: a list of host names such as compass.example.com or *.example.com',
    ],
    [
      "a text for a list",
      "compass: {hosts: a}",
      'agent.yaml:1  compass.hosts: "a" is not a list; allowed: a list of host names such as compass.example.com or *.example.com',
    ],
    [
      "a missing key",
      "git: {signing: {format: ssh}}",
      "agent.yaml:1  git.signing.key: is missing; allowed: {file: PATH}, {env: NAME} or {secret: NAMESPACE/NAME, key: KEY}",
    ],
    [
      "plain http to Compass",
      "compass: {connectorURL: http://compass.example.com/}",
      "agent.yaml:1  compass.connectorURL: is not https; allowed: an https URL without credentials (http only for this machine)",
    ],
    [
      "two states",
      "state: {directory: a, kubernetes: {}}",
      "agent.yaml:1  state: takes only one of directory, kubernetes; allowed: the keys directory, kubernetes",
    ],
    [
      "two ways in",
      "git: {auth: {token: {env: A}, basic: {username: u, password: {env: B}}}}",
      "agent.yaml:1  git.auth: takes only one of token, ssh, basic, clientCertificate, githubApp; allowed: the keys token, username, ssh, basic, clientCertificate, githubApp",
    ],
    [
      "a user without a token",
      "git: {auth: {username: u, ssh: {key: {env: A}, knownHosts: {env: B}}}}",
      "agent.yaml:1  git.auth: takes username only beside token; allowed: the keys token, username, ssh, basic, clientCertificate, githubApp",
    ],
    [
      "an empty reference",
      "compass: {token: {}}",
      "agent.yaml:1  compass.token: needs one of file, env, secret; allowed: {file: PATH}, {env: NAME} or {secret: NAMESPACE/NAME, key: KEY}",
    ],
    [
      "half a reference",
      "compass: {token: {secret: a/b}}",
      "agent.yaml:1  compass.token: takes secret and key together; allowed: {file: PATH}, {env: NAME} or {secret: NAMESPACE/NAME, key: KEY}",
    ],
    [
      "the root of the repository",
      "git: {path: ''}",
      'agent.yaml:1  git.path: "" is the root of the repository; allowed: this only with git.allowRoot: true',
    ],
    [
      "a repository without a path",
      "git: {url: /srv/r}\nsecrets: {mode: cluster}",
      "agent.yaml:1  git.path: is needed with git.url; allowed: a folder that belongs to the agent, such as clusters/prod/runtime-agent; the root with git.allowRoot: true",
    ],
    [
      "sops without recipients",
      "secrets: {mode: sops}",
      "agent.yaml:1  secrets.sops.age: needs at least one recipient in mode sops; allowed: a list of age recipients (age1…)",
    ],
    [
      "a repository without recipients",
      "git: {url: /srv/r, path: p}",
      "secrets.sops.age: needs at least one recipient in mode sops; allowed: a list of age recipients (age1…)",
    ],
    [
      "a recipient with a slip in it",
      `secrets: {sops: {age: [${RECIPIENT}, ${RECIPIENT.slice(0, -1)}q]}}`,
      "agent.yaml:1  secrets.sops.age[1]: is not an age recipient: its checksum is wrong, so a character of it is; copy it again; allowed: a list of age recipients (age1…)",
    ],
    [
      "a recipient that is there twice",
      `secrets: {sops: {age: [${RECIPIENT}, ${RECIPIENT}]}}`,
      "agent.yaml:1  secrets.sops.age[1]: is there twice; allowed: each recipient once",
    ],
    [
      "sealing without a certificate",
      "secrets: {mode: sealed-secrets}",
      "agent.yaml:1  secrets.sealedSecrets.certificate: is needed in mode sealed-secrets; allowed: {file: PATH}, {url: URL} or {controller: NAMESPACE/NAME}",
    ],
    [
      "the agent's own branch where people merge",
      "git: {url: /srv/r, path: p, branch: prod}\nsecrets: {mode: plain, acknowledgePlain: true}\npullRequest: {branch: prod}",
      'agent.yaml:3  pullRequest.branch: "prod" is git.branch, which the agent proposes to; allowed: a branch of its own such as runtime-agent/{runtime}',
    ],
    [
      "the agent's own branch below the one where people merge",
      "git: {url: /srv/r, path: p}\nsecrets: {mode: plain, acknowledgePlain: true}\npullRequest: {branch: 'main/{runtime}'}",
      'agent.yaml:3  pullRequest.branch: "main/{runtime}" cannot be made beside git.branch: of two branches, the name of one and a slash may not begin the other\'s; allowed: a branch of its own such as runtime-agent/{runtime}',
    ],
    [
      "the agent's own branch above the one where people merge",
      "git: {url: /srv/r, path: p, branch: agent/main}\nsecrets: {mode: plain, acknowledgePlain: true}\npullRequest: {branch: agent}",
      'agent.yaml:3  pullRequest.branch: "agent" cannot be made beside git.branch: of two branches, the name of one and a slash may not begin the other\'s; allowed: a branch of its own such as runtime-agent/{runtime}',
    ],
    [
      "the same by the runtime's id",
      "runtime: {id: 0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab}\ngit: {url: /srv/r, path: p, branch: 0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab}\nsecrets: {mode: plain, acknowledgePlain: true}\npullRequest: {branch: '{runtime}'}",
      'agent.yaml:4  pullRequest.branch: "{runtime}" is git.branch, which the agent proposes to; allowed: a branch of its own such as runtime-agent/{runtime}',
    ],
    [
      "a title with a placeholder that is not known",
      "pullRequest: {title: 'Update {nope}'}",
      'agent.yaml:1  pullRequest.title: "Update {nope}" names a placeholder that is not known; allowed: one line; placeholders: {subject} {path} {runtime} {created} {updated} {deleted}',
    ],
    [
      "plain mode by accident",
      "secrets: {mode: plain}",
      'agent.yaml:1  secrets.mode: "plain" writes credentials that everybody who can read the repository can read; confirm it with secrets.acknowledgePlain: true',
    ],
    [
      "an id beside the Secret that holds it",
      "runtime: {configuration: {secret: a/b}, tenant: t}",
      'agent.yaml:1  runtime.tenant: "t" is given beside runtime.configuration, whose Secret holds it; allowed: one of the two',
    ],
    [
      "a trailer of two lines",
      'git: {commit: {trailers: {A: "b\\nc"}}}',
      'agent.yaml:1  git.commit.trailers: {"A":"b\\nc"} holds a trailer whose name or value is not one line; allowed: trailer names with a text of one line each',
    ],
    [
      "a file that is a list",
      "- a",
      "agent.yaml:1  the file does not hold keys and values; allowed: keys such as git, compass and secrets",
    ],
  ])("is told in one line: %s", async (_name, file, line) => {
    const error = await errorOf(file);

    expect(error.message).toBe(line);
  });

  it("is told with all others at once, each at its line", async () => {
    const error = await errorOf(
      "git:\n  brnch: main\n  url: /srv/r.git\nschedule:\n  every: soon\nsecrets:\n  mode: plain\nzzz: 1\n",
      { RUNTIME_AGENT_SUSPEND: "perhaps", RUNTIME_AGENT_GIT_BRNCH: "x" },
      { "certificate.keySize": "12" },
    );

    expect(error.message.split("\n").sort()).toEqual([
      "RUNTIME_AGENT_GIT_BRNCH: unknown variable; did you mean RUNTIME_AGENT_GIT_BRANCH?",
      'RUNTIME_AGENT_SUSPEND  suspend: "perhaps" is not a truth value; allowed: true or false',
      expect.stringMatching(/^agent\.yaml:1 {2}git\.path: is needed/),
      "agent.yaml:2  git.brnch: unknown key; did you mean git.branch?",
      expect.stringMatching(/^agent\.yaml:5 {2}schedule\.every: "soon" is not a duration/),
      expect.stringMatching(/^agent\.yaml:7 {2}secrets\.mode: "plain" writes credentials/),
      expect.stringMatching(/^agent\.yaml:8 {2}zzz: unknown key; allowed: the keys version, runtime, /),
      "certificate.keySize: 12 is too small; allowed: a whole number from 2048 to 8192",
    ]);
    expect(error).toMatchObject({ code: "ConfigurationInvalid", stage: "config", retryable: false });
  });

  it("is told under the variable that began the section it concerns", async () => {
    const error = await errorOf("secrets: {mode: cluster}", { RUNTIME_AGENT_GIT_URL: "/srv/r.git" });

    expect(error.message).toMatch(/^RUNTIME_AGENT_GIT_URL {2}git\.path: is needed with git\.url/);
  });

  it("is told for an item of a list under the variable that gave the list", async () => {
    const error = await errorOf("", { RUNTIME_AGENT_COMPASS_HOSTS: "a.example.com,b/c" });

    expect(error.message).toMatch(/^RUNTIME_AGENT_COMPASS_HOSTS {2}compass\.hosts\[1\]: "b\/c" is not a host name/);
  });

  it("is told for an option of the command line that has no key", async () => {
    const error = await errorOf("", {}, { "git.brnch": "main" });

    expect(error.message).toBe("git.brnch: unknown key");
  });

  it("is data for programs", async () => {
    const { problems } = await errorOf("drift: overwite");

    expect(problems).toEqual([
      {
        path: "drift",
        origin: { kind: "file", name: "agent.yaml:1" },
        value: '"overwite"',
        message: "is not known",
        allowed: "overwrite, preserve, fail",
        nearest: "overwrite",
      },
    ]);
  });

  it("is told on one line and without control characters, whatever was written", async () => {
    const error = await errorOf('drift: "a\\nb\\e[31m\\u202e"\n"k\\ney\\e": 1\n');

    expect(error.message.split("\n")).toHaveLength(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(error.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it("does not take long when a key is a pasted text", async () => {
    const started = performance.now();

    await errorOf(`"${"x".repeat(1_000)}": 1`);

    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("a secret written into the configuration", () => {
  const SECRET = "ghp-S3CRET";

  it.each([
    ["instead of a reference", `compass:\n  token: ${SECRET}`],
    ["as a list", `compass:\n  token: [${SECRET}]`],
    ["as a key of a reference", `compass: {token: {${SECRET}: }}`],
    ["as a key of the way in", `git: {auth: {${SECRET}: }}`],
    ["as the way in", `git: {auth: ${SECRET}}`],
    ["as the name of a variable", `compass: {token: {env: ${SECRET}}}`],
    ["as the name of a Secret", `compass: {token: {secret: ${SECRET}, key: k}}`],
    ["as the key of a Secret", `compass: {token: {secret: a/b, key: "${SECRET} "}}`],
    ["in the repository's address", `git: {url: "https://user:${SECRET}@git.example.com/r", path: p}`],
    ["as the user of the repository's address", `git: {url: "https://${SECRET}@git.example.com/r", path: p}`],
    ["in the proxy's address", `proxy: {https: "http://user:${SECRET}@proxy:3128"}`],
    ["in the connector's address", `compass: {connectorURL: "https://user:${SECRET}@c/"}`],
    ["as a recipient", `secrets: {sops: {age: [AGE-SECRET-KEY-${SECRET}]}}`],
    ["in broken YAML", `compass: {token: "${SECRET}`],
    ["as a key that stands twice", `${SECRET}: 1\n${SECRET}: 2`],
  ])("is refused without being repeated: %s", async (_name, file) => {
    await writeFile(join(cwd, "agent.yaml"), file);
    const thrown: unknown = await loadConfig({ env: {}, cwd }).catch((error: unknown) => error);

    expect(thrown).toMatchObject({ code: "ConfigurationInvalid" });
    expect(`${inspect(thrown, { depth: 20 })}${JSON.stringify(thrown)}`).not.toContain("S3CRET");
  });

  it("is refused with the mend", async () => {
    const error = await errorOf(`compass:\n  token: ${SECRET}`);

    expect(error.message).toBe(
      "agent.yaml:2  compass.token: is a secret, which is never written into the configuration; allowed: {file: PATH}, {env: NAME} or {secret: NAMESPACE/NAME, key: KEY}",
    );
  });

  it("is refused in a variable too, with the two that are meant", async () => {
    const error = await errorOf("", { RUNTIME_AGENT_COMPASS_TOKEN: SECRET });

    expect(error.message).toBe(
      "RUNTIME_AGENT_COMPASS_TOKEN: a secret is never given directly; allowed: RUNTIME_AGENT_COMPASS_TOKEN_FILE with a path, or RUNTIME_AGENT_COMPASS_TOKEN_ENV with the name of another variable",
    );
  });

  it("names the private key for what it is", async () => {
    const error = await errorOf("secrets: {sops: {age: [AGE-SECRET-KEY-1]}}");

    expect(error.message).toContain(
      "secrets.sops.age[0]: is a private key: give the recipient (age1…) that belongs to it",
    );
  });
});
