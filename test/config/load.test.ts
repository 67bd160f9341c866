import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Failure } from "../../src/common/failure.js";
import { type Config, loadConfig, type Origin } from "../../src/config/index.js";
import { FULL_EXAMPLE, RECIPIENT } from "./example.js";

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "config-"));
});

afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

interface Given {
  readonly file?: string;
  readonly env?: Record<string, string>;
  readonly options?: Record<string, string | boolean>;
}

async function load({ file, env = {}, options = {} }: Given) {
  if (file !== undefined) await writeFile(join(cwd, "agent.yaml"), file);
  return loadConfig({ env, options, cwd });
}

describe("the configuration", () => {
  it("reads the full example", async () => {
    const { config } = await load({ file: FULL_EXAMPLE });

    expect(config).toEqual({
      version: 1,
      runtime: {
        id: "0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab",
        tenant: "3e64ebae-38b5-46a0-b1ed-9ccee153a0ae",
        configuration: null,
        consoleURL: "https://console.example.com",
        eventsURL: "https://gateway.example.com",
      },
      compass: {
        connectorURL: "https://compass-gateway.example.com/connector/graphql",
        token: { kind: "file", path: "/run/token" },
        ca: { kind: "file", path: "/etc/ssl/compass-ca.pem" },
        hosts: [],
        insecureSkipVerify: false,
        timeout: 120_000,
        pageSize: 200,
        maxBytes: 268_435_456,
      },
      proxy: { https: null, no: [] },
      state: { directory: join(cwd, "state") },
      git: {
        url: "https://git.example.com/platform/clusters.git",
        branch: "main",
        path: "clusters/prod/runtime-agent",
        createFrom: null,
        allowRoot: false,
        publish: "direct",
        author: { name: "Runtime Agent", email: "runtime-agent@example.com" },
        auth: { token: { kind: "file", path: "/run/git-token" }, username: null },
        push: {
          url: "git@git.example.com:agents/clusters.git",
          auth: {
            ssh: { key: { kind: "file", path: "/run/key" }, knownHosts: { kind: "file", path: "/run/known_hosts" } },
          },
        },
        ca: { kind: "file", path: "/etc/ssl/git-ca.pem" },
        signing: { format: "ssh", key: { kind: "file", path: "/run/signing-key" } },
        commit: { subject: "Applications of {runtime}", trailers: { "Change-Owner": "platform" } },
      },
      pullRequest: {
        host: "github",
        api: "https://git.example.com/api/v1",
        token: null,
        branch: "runtime-agent/{runtime}",
        title: "Applications of {runtime}",
        labels: [],
        reviewers: [],
        draft: false,
        autoMerge: false,
      },
      secrets: {
        mode: "sops",
        sops: { age: [RECIPIENT], vault: null, configFile: false },
        sealedSecrets: {
          certificate: { file: "/etc/sealing.pem" },
          scope: "strict",
          managed: false,
          resealAfter: null,
        },
        acknowledgePlain: false,
      },
      applications: {
        namespace: "kyma-system",
        skipVerify: false,
        gatewayURL: "http://central-application-gateway.kyma-system.svc.cluster.local:8082",
        templates: join(cwd, "templates"),
        allowedKinds: ["Application", "Secret", "ConfigMap"],
        canary: false,
        admission: "off",
        admissionAs: null,
      },
      gitops: { kind: "none", namespace: null, name: "runtime-agent", observe: null },
      deletion: {
        mode: "sync",
        observations: 3,
        over: 1_800_000,
        limit: 0.2,
        credentials: { observations: 2, over: 0 },
      },
      drift: "overwrite",
      reverted: "hold",
      destinationChange: "report",
      suspend: false,
      certificate: {
        keySize: 4096,
        renewAt: 0.67,
        secret: { namespace: "kyma-system", name: "cluster-client-certificates" },
        caSecret: { namespace: "istio-system", name: "kyma-gateway-certs-cacert" },
      },
      schedule: { every: 180_000, jitter: 0.1 },
      server: { health: 8090, metrics: 9090, page: { host: "127.0.0.1", port: 8091 } },
      metrics: { textfile: null, push: null },
    } satisfies Config);
  });

  it("has the documented defaults when nothing is given at all", async () => {
    const { config, file, notes } = await load({});

    expect(file).toBeNull();
    expect(notes).toEqual([]);
    expect(config).toEqual({
      version: 1,
      runtime: { id: null, tenant: null, configuration: null, consoleURL: null, eventsURL: null },
      compass: {
        connectorURL: null,
        token: null,
        ca: null,
        hosts: [],
        insecureSkipVerify: false,
        timeout: 120_000,
        pageSize: 200,
        maxBytes: 268_435_456,
      },
      proxy: { https: null, no: [] },
      state: { directory: join(cwd, "state") },
      git: null,
      pullRequest: {
        host: null,
        api: null,
        token: null,
        branch: "runtime-agent/{runtime}",
        title: null,
        labels: [],
        reviewers: [],
        draft: false,
        autoMerge: false,
      },
      secrets: {
        mode: "sops",
        sops: { age: [], vault: null, configFile: false },
        sealedSecrets: { certificate: null, scope: "strict", managed: false, resealAfter: null },
        acknowledgePlain: false,
      },
      applications: {
        namespace: "kyma-system",
        skipVerify: false,
        gatewayURL: "http://central-application-gateway.kyma-system.svc.cluster.local:8082",
        templates: null,
        allowedKinds: ["Application", "Secret", "ConfigMap"],
        canary: false,
        admission: "off",
        admissionAs: null,
      },
      gitops: { kind: "none", namespace: null, name: "runtime-agent", observe: null },
      deletion: {
        mode: "sync",
        observations: 3,
        over: 1_800_000,
        limit: 0.2,
        credentials: { observations: 2, over: 0 },
      },
      drift: "overwrite",
      reverted: "hold",
      destinationChange: "report",
      suspend: false,
      certificate: {
        keySize: 4096,
        renewAt: 0.67,
        secret: { namespace: "kyma-system", name: "cluster-client-certificates" },
        caSecret: { namespace: "istio-system", name: "kyma-gateway-certs-cacert" },
      },
      schedule: { every: 180_000, jitter: 0.1 },
      server: { health: 8090, metrics: 9090, page: { host: "127.0.0.1", port: 8091 } },
      metrics: { textfile: null, push: null },
    } satisfies Config);
  });

  it("fills in a minimal file", async () => {
    const { config } = await load({
      file: `git: {url: /srv/repo.git, path: apps}\nsecrets: {sops: {age: [${RECIPIENT}]}}\n`,
    });

    expect(config.git).toEqual({
      url: "/srv/repo.git",
      branch: "main",
      path: "apps",
      createFrom: null,
      allowRoot: false,
      publish: null,
      author: { name: "Runtime Agent", email: "runtime-agent@example.com" },
      auth: null,
      push: null,
      ca: null,
      signing: null,
      commit: { subject: null, trailers: {} },
    });
  });

  it("cannot be changed afterwards", async () => {
    const { config } = await load({ file: FULL_EXAMPLE });

    expect(() => Object.assign(config.compass, { timeout: 1 })).toThrow(TypeError);
    expect(Object.isFrozen(config.applications.allowedKinds)).toBe(true);
  });

  it("takes a section with everything commented out for its defaults", async () => {
    const { config } = await load({ file: "git:\n  # url: …\ncompass:\nsecrets:\n  sops:\n" });

    expect(config.git).toBeNull();
    expect(config.compass.pageSize).toBe(200);
  });

  it.each<[string, string, (config: Config) => unknown, unknown]>([
    [
      "an SSH key",
      "ssh: {key: {env: KEY}, knownHosts: {secret: a/b, key: c}}",
      (config) => config.git?.auth,
      {
        ssh: {
          key: { kind: "env", name: "KEY" },
          knownHosts: { kind: "kubernetes", namespace: "a", name: "b", key: "c" },
        },
      },
    ],
    [
      "a password",
      "basic: {username: u, password: {env: P}}",
      (config) => config.git?.auth,
      {
        basic: { username: "u", password: { kind: "env", name: "P" } },
      },
    ],
    [
      "a token with a user",
      "{token: {env: T}, username: u}",
      (config) => config.git?.auth,
      {
        token: { kind: "env", name: "T" },
        username: "u",
      },
    ],
    [
      "a client certificate",
      "clientCertificate: {certificate: {env: C}, key: {env: K}}",
      (config) => config.git?.auth,
      {
        clientCertificate: { certificate: { kind: "env", name: "C" }, key: { kind: "env", name: "K" } },
      },
    ],
    [
      "a GitHub App",
      "githubApp: {appID: 123, installationID: '456', key: {env: K}}",
      (config) => config.git?.auth,
      {
        githubApp: { appID: "123", installationID: "456", key: { kind: "env", name: "K" } },
      },
    ],
  ])("reads %s as the way into Git", async (_name, auth, pick, expected) => {
    const { config } = await load({
      file: `git:\n  url: https://h/r\n  path: p\n  auth:\n    ${auth}\nsecrets: {sops: {age: [${RECIPIENT}]}}\n`,
    });

    expect(pick(config)).toEqual(expected);
  });

  it.each([
    ["{file: ./c.pem}", (folder: string) => ({ file: join(folder, "c.pem") })],
    ["{url: 'https://h/c.pem'}", () => ({ url: "https://h/c.pem" })],
    [
      "{controller: kube-system/sealed-secrets}",
      () => ({ controller: { namespace: "kube-system", name: "sealed-secrets" } }),
    ],
  ])("reads %s as the sealing certificate", async (certificate, expected) => {
    const { config } = await load({
      file: `secrets: {mode: sealed-secrets, sealedSecrets: {certificate: ${certificate}}}`,
    });

    expect(config.secrets.sealedSecrets.certificate).toEqual(expected(cwd));
  });

  it("takes plain mode when it is acknowledged", async () => {
    const { config } = await load({ file: "secrets: {mode: plain, acknowledgePlain: true}" });

    expect(config.secrets.mode).toBe("plain");
  });

  it("takes the root of the repository when that is allowed", async () => {
    const secrets = `secrets: {sops: {age: [${RECIPIENT}]}}`;

    const said = await load({ file: `git: {url: /srv/r.git, path: ., allowRoot: true}\n${secrets}` });
    const unsaid = await load({ file: `git: {url: /srv/r.git, allowRoot: true}\n${secrets}` });

    expect([said.config.git?.path, unsaid.config.git?.path]).toEqual(["", ""]);
  });

  it("keeps its state in Kubernetes by default when it runs in a pod", async () => {
    const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };

    const unsaid = await load({ env });
    const said = await load({ env, file: "state: {directory: /var/state}" });
    const named = await load({ file: "state:\n  kubernetes:\n" });

    expect(unsaid.config.state).toEqual({ kubernetes: { namespace: "kyma-system" } });
    expect(said.config.state).toEqual({ directory: "/var/state" });
    expect(named.config.state).toEqual({ kubernetes: { namespace: "kyma-system" } });
  });
});

describe("relative paths", () => {
  it("in the file start at its folder, in environment and options at the working folder", async () => {
    await mkdir(join(cwd, "etc"));
    await writeFile(
      join(cwd, "etc", "a.yaml"),
      "applications: {templates: ./t}\ncompass: {token: {file: token}}\ngit: {url: ../repo.git}\n",
    );

    const { config, file } = await loadConfig({
      file: "etc/a.yaml",
      env: { RUNTIME_AGENT_COMPASS_CA_FILE: "ca.pem", RUNTIME_AGENT_SECRETS_SOPS_AGE: RECIPIENT },
      options: { "metrics.textfile": "out/metrics.prom", "git.path": "apps" },
      cwd,
    });

    expect(file).toBe(join(cwd, "etc", "a.yaml"));
    expect(config.applications.templates).toBe(join(cwd, "etc", "t"));
    expect(config.compass.token).toEqual({ kind: "file", path: join(cwd, "etc", "token") });
    expect(config.git?.url).toBe(join(cwd, "repo.git"));
    expect(config.compass.ca).toEqual({ kind: "file", path: join(cwd, "ca.pem") });
    expect(config.metrics.textfile).toBe(join(cwd, "out", "metrics.prom"));
    expect(config.state).toEqual({ directory: join(cwd, "etc", "state") });
  });

  it.each(["https://h/r.git", "ssh://git@h/r.git", "git@h:r.git", "file:///srv/r.git"])(
    "leave %s alone",
    async (url) => {
      const { config } = await load({ file: `git: {url: "${url}", path: p}\nsecrets: {mode: cluster}` });

      expect(config.git?.url).toBe(url);
    },
  );
});

describe("precedence", () => {
  const sources = {
    option: { options: { "applications.namespace": "from-option" } },
    environment: { env: { RUNTIME_AGENT_APPLICATIONS_NAMESPACE: "from-environment" } },
    file: { file: "# first\napplications:\n  namespace: from-file\n" },
    "go-agent": { env: { APP_INTEGRATION_NAMESPACE: "from-go-agent" } },
    default: {},
  } satisfies Record<string, Given>;
  const kinds = ["option", "environment", "file", "go-agent", "default"] as const;
  const names = {
    option: "applications.namespace",
    environment: "RUNTIME_AGENT_APPLICATIONS_NAMESPACE",
    file: "agent.yaml:3",
    "go-agent": "APP_INTEGRATION_NAMESPACE",
    default: "default",
  } satisfies Record<(typeof kinds)[number], string>;
  const pairs = kinds.flatMap((upper, index) => kinds.slice(index + 1).map((lower) => [upper, lower] as const));

  it.each(pairs)("lets %s win over %s, and says so", async (upper, lower) => {
    const [above, below]: Given[] = [sources[upper], sources[lower]];
    const given = { ...below, ...above, env: { ...below?.env, ...above?.env } };

    const { config, origins } = await load(given);

    expect(config.applications.namespace).toBe(`from-${upper}`);
    expect(origins.get("applications.namespace")).toEqual({ kind: upper, name: names[upper] } satisfies Origin);
  });

  it("replaces one alternative by another, and completes the same one", async () => {
    const file = `compass: {token: {secret: a/b, key: c}}\ngit: {url: https://h/r, path: p, auth: {basic: {username: u}}}\nsecrets: {mode: cluster}\nstate: {kubernetes: {}}\n`;

    const { config } = await load({
      file,
      env: {
        RUNTIME_AGENT_COMPASS_TOKEN_ENV: "TOKEN",
        RUNTIME_AGENT_GIT_AUTH_BASIC_PASSWORD_ENV: "PASSWORD",
        RUNTIME_AGENT_STATE_DIRECTORY: "/var/state",
      },
    });

    expect(config.compass.token).toEqual({ kind: "env", name: "TOKEN" });
    expect(config.git?.auth).toEqual({ basic: { username: "u", password: { kind: "env", name: "PASSWORD" } } });
    expect(config.state).toEqual({ directory: "/var/state" });
  });

  it("gives every value of the configuration an origin", async () => {
    const { origins } = await load({ file: "schedule: {every: 1m}", env: { RUNTIME_AGENT_SUSPEND: "true" } });

    expect(origins.get("schedule.every")).toEqual({ kind: "file", name: "agent.yaml:1" });
    expect(origins.get("suspend")).toEqual({ kind: "environment", name: "RUNTIME_AGENT_SUSPEND" });
    expect(origins.get("schedule.jitter")).toEqual({ kind: "default", name: "default" });
    expect(origins.get("state.directory")).toEqual({ kind: "default", name: "default" });
    expect(origins.get("git")).toEqual({ kind: "default", name: "default" });
  });
});

describe("the file", () => {
  it("is the one named, then the one of RUNTIME_AGENT_CONFIG, then agent.yaml", async () => {
    for (const name of ["agent", "variable", "named"])
      await writeFile(join(cwd, `${name}.yaml`), `runtime: {tenant: ${name}}`);
    const env = { RUNTIME_AGENT_CONFIG: "variable.yaml" };

    const loaded = [
      await loadConfig({ file: "named.yaml", env, cwd }),
      await loadConfig({ env, cwd }),
      await loadConfig({ env: {}, cwd }),
    ];

    expect(loaded.map(({ config }) => config.runtime.tenant)).toEqual(["named", "variable", "agent"]);
  });

  it.each([
    ["does not exist", "missing.yaml", "the configuration file missing.yaml does not exist"],
    ["is a folder", ".", "the configuration file . is a folder"],
  ])("cannot be read when it %s", async (_name, file, message) => {
    const loading = loadConfig({ file, env: {}, cwd });

    await expect(loading).rejects.toMatchObject({ code: "ConfigurationUnreadable", stage: "config", message });
  });

  it("cannot be read when it is not UTF-8", async () => {
    await writeFile(join(cwd, "agent.yaml"), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));

    await expect(loadConfig({ env: {}, cwd })).rejects.toMatchObject({ code: "ConfigurationUnreadable" });
  });

  it("is invalid with its line when it is not YAML, without its content", async () => {
    const loading = load({ file: "compass:\n  token: [S3CRET\n" });

    await expect(loading).rejects.toBeInstanceOf(Failure);
    await expect(loading).rejects.toMatchObject({
      code: "ConfigurationInvalid",
      message: expect.stringMatching(/^agent\.yaml:\d+:\d+ {2}(?!.*S3CRET)/),
    });
  });
});

describe("notes", () => {
  it("tell that keys under git do nothing without an address", async () => {
    const { notes } = await load({ file: "git: {branch: main}" });

    expect(notes).toEqual(["keys under git have no effect without git.url"]);
  });

  it("tell who turned off the check of the server certificate", async () => {
    const { notes } = await load({ env: { APP_SKIP_COMPASS_TLS_VERIFY: "true" } });

    expect(notes).toEqual(["APP_SKIP_COMPASS_TLS_VERIFY turns off the check of Compass's server certificate"]);
  });
});

describe("a configuration file that says nothing", () => {
  it.each(["", "# only a remark\n", "{}\n"])("is refused when it was named: %j", async (text) => {
    await writeFile(join(cwd, "agent.yaml"), text);

    await expect(loadConfig({ env: {}, cwd, file: "agent.yaml" })).rejects.toMatchObject({
      code: "ConfigurationInvalid",
      message: "the configuration file agent.yaml is empty",
    });
    await expect(loadConfig({ env: { RUNTIME_AGENT_CONFIG: "agent.yaml" }, cwd })).rejects.toThrow("is empty");
    expect((await loadConfig({ env: {}, cwd })).file).toBe(join(cwd, "agent.yaml"));
    expect((await loadConfig({ env: {}, cwd, file: "/dev/null" })).config.git).toBeNull();
  });
});
