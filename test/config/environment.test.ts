import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/index.js";
import { variableOf, variables } from "../../src/config/layers.js";
import { rowsOf } from "../../src/config/rows.js";
import { schema } from "../../src/config/schema.js";
import { nodeOf } from "../../src/config/tree.js";
import { RECIPIENT } from "./example.js";

const cwd = tmpdir();
const load = (env: Record<string, string>) => loadConfig({ env: { RUNTIME_AGENT_CONFIG: "/dev/null", ...env }, cwd });

const GIT = {
  RUNTIME_AGENT_GIT_URL: "https://h/r",
  RUNTIME_AGENT_GIT_PATH: "p",
  RUNTIME_AGENT_SECRETS_MODE: "plain",
  RUNTIME_AGENT_SECRETS_ACKNOWLEDGE_PLAIN: "true",
};
const AUTH = "RUNTIME_AGENT_GIT_AUTH";
const PUSH = { ...GIT, RUNTIME_AGENT_GIT_PUSH_URL: "https://h/p" };

const VAULT = {
  at: { RUNTIME_AGENT_SECRETS_SOPS_VAULT_ADDRESS: "https://vault.example.com" },
  key: { RUNTIME_AGENT_SECRETS_SOPS_VAULT_KEY_NAME: "k" },
  token: { RUNTIME_AGENT_SECRETS_SOPS_VAULT_TOKEN_ENV: "T" },
};

/** What must stand beside a variable for it to mean anything, by the beginning of its path; the longest applies. */
const COMPANIONS: readonly (readonly [string, Record<string, string>])[] = [
  ["", {}],
  ["git.", GIT],
  ["git.push.", PUSH],
  ["git.signing.format", { ...GIT, RUNTIME_AGENT_GIT_SIGNING_KEY_ENV: "K" }],
  ["secrets.mode", {}],
  ["secrets.sops.vault.", { ...VAULT.at, ...VAULT.key, ...VAULT.token }],
  ["secrets.sops.vault.address", { ...VAULT.key, ...VAULT.token }],
  ["secrets.sops.vault.keyName", { ...VAULT.at, ...VAULT.token }],
  ["secrets.sops.vault.token.", { ...VAULT.at, ...VAULT.key }],
  ...["auth", "push.auth"].flatMap((place): [string, Record<string, string>][] => {
    const base = place === "auth" ? GIT : PUSH;
    const prefix = place === "auth" ? AUTH : "RUNTIME_AGENT_GIT_PUSH_AUTH";
    const at = `git.${place}`;
    return [
      [`${at}.username`, { ...base, [`${prefix}_TOKEN_ENV`]: "T" }],
      [`${at}.ssh.key`, { ...base, [`${prefix}_SSH_KNOWN_HOSTS_ENV`]: "K" }],
      [`${at}.ssh.knownHosts`, { ...base, [`${prefix}_SSH_KEY_ENV`]: "K" }],
      [`${at}.basic.username`, { ...base, [`${prefix}_BASIC_PASSWORD_ENV`]: "P" }],
      [`${at}.basic.password`, { ...base, [`${prefix}_BASIC_USERNAME`]: "u" }],
      [`${at}.clientCertificate.certificate`, { ...base, [`${prefix}_CLIENT_CERTIFICATE_KEY_ENV`]: "K" }],
      [`${at}.clientCertificate.key`, { ...base, [`${prefix}_CLIENT_CERTIFICATE_CERTIFICATE_ENV`]: "C" }],
      ...["APP_ID", "INSTALLATION_ID", "KEY_ENV"].map((one): [string, Record<string, string>] => {
        const all = { APP_ID: "1", INSTALLATION_ID: "2", KEY_ENV: "K" };
        const path = { APP_ID: "appID", INSTALLATION_ID: "installationID", KEY_ENV: "key" }[one];
        const others = Object.entries(all).filter(([name]) => name !== one);
        const companions = others.map(([name, value]) => [`${prefix}_GITHUB_APP_${name}`, value]);
        return [`${at}.githubApp.${path}`, { ...base, ...Object.fromEntries(companions) }];
      }),
    ];
  }),
];

/** Values that are not the default, by path or by its last key. */
const VALUES: Record<string, string> = {
  version: "1",
  "runtime.id": "0e4d6f0a-6e6c-4c8a-9b0a-0123456789ab",
  "gitops.kind": "argocd",
  "secrets.mode": "cluster",
  "secrets.sops.age": RECIPIENT,
  "git.publish": "pull-request",
  "git.signing.format": "openpgp",
  "pullRequest.host": "gitea",
  "pullRequest.branch": "agents/{runtime}",
  "deletion.mode": "sync",
  "secrets.sealedSecrets.scope": "cluster-wide",
  "applications.admission": "dry-run",
  "applications.admissionAs": "flux-system/kustomize-controller",
  "server.page": "localhost:1",
  file: "/run/secret",
  env: "NAME",
  secret: "a/b",
  caSecret: "a/b",
  key: "k",
  controller: "a/b",
  directory: "/var/state",
  url: "https://example.com/x",
  path: "apps",
  email: "a@example.com",
  branch: "release",
  drift: "preserve",
  reverted: "overwrite",
  destinationChange: "hold",
  templates: "/srv/templates",
  textfile: "/srv/metrics.prom",
  hosts: "a.example.com,b.example.com",
  allowedKinds: "Secret,ConfigMap",
  namespace: "elsewhere",
  timeout: "7s",
  over: "7s",
  every: "7s",
  resealAfter: "7s",
  maxBytes: "7MiB",
  limit: "7%",
  jitter: "7%",
  renewAt: "50%",
  observations: "7",
  keySize: "3072",
  connectorURL: "https://example.com/x",
  consoleURL: "https://example.com/x",
  eventsURL: "https://example.com/x",
  gatewayURL: "https://example.com/x",
  api: "https://example.com/x",
  address: "https://example.com",
  https: "https://example.com/x",
  push: "https://example.com/x",
};

const known = [...variables(nodeOf(schema))].map(([name, { path, field }]) => ({
  name,
  dotted: path.join("."),
  path,
  field,
}));

describe("the environment", () => {
  it.each(known)("sets $dotted by $name", async ({ name, dotted, path, field }) => {
    const last = path.at(-1) ?? "";
    const byKind = { boolean: "true", number: "7", list: "a,b", text: "words", table: "" }[field.kind];
    const value = VALUES[dotted] ?? VALUES[last] ?? byKind;
    // A Secret and its key only go together.
    const other = last === "secret" ? "key" : last === "key" ? "secret" : null;
    const together =
      other !== null && !["runtime.configuration.secret", "certificate.secret"].includes(dotted)
        ? { [variableOf([...path.slice(0, -1), other])]: VALUES[other] ?? "" }
        : {};
    const companions = COMPANIONS.filter(([start]) => dotted.startsWith(start)).sort(
      ([a], [b]) => b.length - a.length,
    )[0]?.[1];

    const { config, origins } = await load({ ...companions, ...together, [name]: value });

    const row = rowsOf(config).find((candidate) => candidate.path === dotted);
    const shown = Array.isArray(row?.value) ? row.value.join(",") : String(row?.value);
    expect(shown).toBe(value);
    expect(origins.get(dotted)).toEqual({ kind: "environment", name });
  });

  it("has a variable of its own for every path", () => {
    const names = known.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(100);
    expect(new Set(names)).toContain("RUNTIME_AGENT_GIT_AUTH_GITHUB_APP_APP_ID");
    expect(new Set(names)).toContain("RUNTIME_AGENT_COMPASS_INSECURE_SKIP_VERIFY");
  });

  it("takes an empty variable for one that is not set, and spaces around the items of a list", async () => {
    const { config } = await load({ RUNTIME_AGENT_RUNTIME_TENANT: "", RUNTIME_AGENT_COMPASS_HOSTS: " a.b , c.d ," });

    expect(config.runtime.tenant).toBeNull();
    expect(config.compass.hosts).toEqual(["a.b", "c.d"]);
  });

  it("leaves alone what Kubernetes says about a Service called runtime-agent", async () => {
    const { config } = await load({
      RUNTIME_AGENT_SERVICE_HOST: "10.0.0.1",
      RUNTIME_AGENT_SERVICE_PORT: "8090",
      RUNTIME_AGENT_SERVICE_PORT_HEALTH: "8090",
      RUNTIME_AGENT_PORT: "tcp://10.0.0.1:8090",
      RUNTIME_AGENT_PORT_8090_TCP: "tcp://10.0.0.1:8090",
      RUNTIME_AGENT_PORT_8090_TCP_ADDR: "10.0.0.1",
      RUNTIME_AGENT_METRICS_PORT: "tcp://10.0.0.1:9090",
    });

    expect(config.version).toBe(1);
  });

  it("knows nothing of variables that begin otherwise", async () => {
    await expect(load({ RUNTIME_AGENTS: "1", GIT_URL: "x", APP_NAME: "y" })).resolves.toMatchObject({ notes: [] });
  });

  it("refuses a variable that it does not know", async () => {
    await expect(load({ RUNTIME_AGENT_PORT: "8090" })).rejects.toThrow("RUNTIME_AGENT_PORT: unknown variable");
  });
});
