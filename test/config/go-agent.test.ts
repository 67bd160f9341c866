import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../src/config/index.js";

const load = (env: Record<string, string>, options: Record<string, string> = {}) =>
  loadConfig({ env: { RUNTIME_AGENT_CONFIG: "/dev/null", ...env }, options, cwd: tmpdir() });

describe("the environment of the Go agent", () => {
  it.each<[string, string, string, (config: Config) => unknown, unknown]>([
    ["APP_CONTROLLER_SYNC_PERIOD", "180s", "schedule.every", ({ schedule }) => schedule.every, 180_000],
    ["APP_CONTROLLER_SYNC_PERIOD", "1.5m", "schedule.every", ({ schedule }) => schedule.every, 90_000],
    ["APP_CONTROLLER_SYNC_PERIOD", "1h2m3.5s", "schedule.every", ({ schedule }) => schedule.every, 3_723_500],
    ["APP_CONTROLLER_SYNC_PERIOD", "1m250ms", "schedule.every", ({ schedule }) => schedule.every, 60_250],
    [
      "APP_SKIP_COMPASS_TLS_VERIFY",
      "true",
      "compass.insecureSkipVerify",
      ({ compass }) => compass.insecureSkipVerify,
      true,
    ],
    [
      "APP_SKIP_COMPASS_TLS_VERIFY",
      "F",
      "compass.insecureSkipVerify",
      ({ compass }) => compass.insecureSkipVerify,
      false,
    ],
    ["APP_SKIP_APPS_TLS_VERIFY", "1", "applications.skipVerify", ({ applications }) => applications.skipVerify, true],
    [
      "APP_CENTRAL_GATEWAY_SERVICE_URL",
      "http://gateway:8082",
      "applications.gatewayURL",
      ({ applications }) => applications.gatewayURL,
      "http://gateway:8082",
    ],
    [
      "APP_INTEGRATION_NAMESPACE",
      "elsewhere",
      "applications.namespace",
      ({ applications }) => applications.namespace,
      "elsewhere",
    ],
    [
      "APP_RUNTIME_EVENTS_URL",
      "https://gateway.x.y",
      "runtime.eventsURL",
      ({ runtime }) => runtime.eventsURL,
      "https://gateway.x.y",
    ],
    [
      "APP_RUNTIME_CONSOLE_URL",
      "https://console.x.y",
      "runtime.consoleURL",
      ({ runtime }) => runtime.consoleURL,
      "https://console.x.y",
    ],
    [
      "APP_AGENT_CONFIGURATION_SECRET",
      "kyma-system/agent",
      "runtime.configuration.secret",
      ({ runtime }) => runtime.configuration,
      { secret: { namespace: "kyma-system", name: "agent" } },
    ],
    [
      "APP_AGENT_CONFIGURATION_SECRET",
      "agent",
      "runtime.configuration.secret",
      ({ runtime }) => runtime.configuration,
      { secret: { namespace: "default", name: "agent" } },
    ],
    [
      "APP_AGENT_CONFIGURATION_SECRET",
      "agent/",
      "runtime.configuration.secret",
      ({ runtime }) => runtime.configuration,
      { secret: { namespace: "default", name: "agent" } },
    ],
    [
      "APP_AGENT_CONFIGURATION_SECRET",
      "/agent",
      "runtime.configuration.secret",
      ({ runtime }) => runtime.configuration,
      { secret: { namespace: "default", name: "agent" } },
    ],
    ["APP_HEALTH_PORT", "8099", "server.health", ({ server }) => server.health, 8099],
    // It names the share that is left, ours the share that has passed.
    [
      "APP_CERT_VALIDITY_RENEWAL_THRESHOLD",
      "0.3",
      "certificate.renewAt",
      ({ certificate }) => certificate.renewAt,
      0.7,
    ],
    [
      "APP_CLUSTER_CERTIFICATES_SECRET",
      "kyma-system/certificates",
      "certificate.secret",
      ({ certificate }) => certificate.secret,
      { namespace: "kyma-system", name: "certificates" },
    ],
    [
      "APP_CA_CERTIFICATES_SECRET",
      "ca",
      "certificate.caSecret",
      ({ certificate }) => certificate.caSecret,
      { namespace: "default", name: "ca" },
    ],
  ])("gives %s=%s to %s", async (name, value, path, pick, expected) => {
    const { config, origins } = await load({ [name]: value });

    expect(pick(config)).toEqual(expected);
    expect(origins.get(path)).toEqual({ kind: "go-agent", name });
  });

  it("is heard only where it says more than the Go agent's placeholders", async () => {
    const { config, origins } = await load({
      APP_RUNTIME_EVENTS_URL: "https://gateway.kyma.local",
      APP_RUNTIME_CONSOLE_URL: "https://console.kyma.local",
      APP_INTEGRATION_NAMESPACE: "",
    });

    expect(config.runtime).toMatchObject({ eventsURL: null, consoleURL: null });
    expect(config.applications.namespace).toBe("kyma-system");
    expect(origins.get("runtime.eventsURL")?.kind).toBe("default");
  });

  it("is accepted where it has no counterpart, with a note", async () => {
    const names = [
      "APP_MINIMAL_COMPASS_SYNC_TIME",
      "APP_GATEWAY_PORT",
      "APP_QUERY_LOGGING",
      "APP_METRICS_LOGGING_TIME_INTERVAL",
      "APP_UPLOAD_SERVICE_URL",
    ];

    const { notes } = await load(Object.fromEntries(names.map((name) => [name, "x"])));

    expect(notes.map((note) => note.replace(/: .+$/, ""))).toEqual(names.map((name) => `${name} is ignored`));
    for (const note of notes) expect(note).toMatch(/ignored: \w+ \w+/);
  });

  it.each(["0", "1", " 1.0"])(
    "has no counterpart of a renewal never or always: the threshold %j is ignored",
    async (share) => {
      const usual = await load({});

      const { config, notes } = await load({ APP_CERT_VALIDITY_RENEWAL_THRESHOLD: share });

      expect(config.certificate.renewAt).toBe(usual.config.certificate.renewAt);
      expect(notes.filter((note) => note.startsWith("APP_CERT_VALIDITY_RENEWAL_THRESHOLD is ignored: "))).toHaveLength(
        1,
      );
    },
  );

  it("is checked like everything else, under its own name", async () => {
    const loading = load({ APP_CONTROLLER_SYNC_PERIOD: "soon", APP_SKIP_APPS_TLS_VERIFY: "maybe" });

    await expect(loading).rejects.toThrow('APP_CONTROLLER_SYNC_PERIOD  schedule.every: "soon" is not a duration');
    await expect(loading).rejects.toThrow(
      'APP_SKIP_APPS_TLS_VERIFY  applications.skipVerify: "maybe" is not a truth value',
    );
  });

  it("gives way when what its Secret holds is configured", async () => {
    const { config, notes } = await load({ APP_AGENT_CONFIGURATION_SECRET: "a/b" }, { "runtime.tenant": "t" });

    expect(config.runtime).toMatchObject({ tenant: "t", configuration: null });
    expect(notes).toEqual(["APP_AGENT_CONFIGURATION_SECRET is ignored, because what its Secret holds is configured"]);
  });
});
