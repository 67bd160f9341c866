/** The configuration file: every key, its default, its checks and its words, in one schema. */

import { z } from "zod";
import { parseRecipient } from "./age-recipient.js";
import {
  choice,
  duration,
  exactlyOne,
  fields,
  filePath,
  flag,
  integer,
  line,
  list,
  namespacedName,
  pattern,
  reference,
  section,
  sections,
  share,
  size,
  text,
} from "./fields.js";
import { gitSection, pullRequestSection } from "./schema-git.js";
import { formatAddress, type Parsed, parseAddress, parseNamespace, parseURL } from "./values.js";

const HTTP_URL = "an http or https URL without credentials";
const HTTPS_URL = "an https URL without credentials (http only for this machine)";

/** Sensitive, because people paste URLs with passwords in them. */
const httpURL = (description: string) =>
  text(description, HTTP_URL, (url) => parseURL(url, { secure: false }), { sensitive: true });
const httpsURL = (description: string) =>
  text(description, HTTPS_URL, (url) => parseURL(url, { secure: true }), { sensitive: true });

const ID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

const HOST = /^(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const parseHost = (given: string): Parsed<string> =>
  HOST.test(given) ? { value: given } : { wrong: "is not a host name" };

const NO_PROXY = /^[A-Za-z0-9.*:/_[\]-]+$/;
const parseNoProxy = (given: string): Parsed<string> =>
  NO_PROXY.test(given) ? { value: given } : { wrong: "is not a host, domain or address" };

const MOUNT = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

const KIND = /^[A-Z][A-Za-z0-9]{0,62}$/;
const parseKind = (given: string): Parsed<string> => (KIND.test(given) ? { value: given } : { wrong: "is not a kind" });

const OBJECT_NAME = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

const namespace = (description: string) => text(description, "a namespace such as kyma-system", parseNamespace);

const runtime = section("The runtime this agent speaks for.", {
  id: pattern("The runtime's id in Compass.", "a UUID", ID, "is not a UUID").nullable().prefault(null),
  tenant: line("The external tenant of Compass.", "a tenant id").nullable().prefault(null),
  configuration: section("A Secret with CONNECTOR_URL, TOKEN, RUNTIME_ID and TENANT, instead of giving them here.", {
    secret: namespacedName("That Secret."),
  })
    .nullable()
    .prefault(null),
  consoleURL: httpURL("Reported to Compass as label runtime_consoleUrl.").nullable().prefault(null),
  eventsURL: httpURL("Reported to Compass as label runtime_eventServiceUrl.").nullable().prefault(null),
}).prefault({});

const compass = section("The connection to Compass.", {
  connectorURL: httpsURL("The Connector that a one-time token is exchanged at.").nullable().prefault(null),
  token: reference("The one-time token, raw or rawEncoded.").nullable().prefault(null),
  ca: reference("Certificate authorities of Compass, in addition to the system's.").nullable().prefault(null),
  hosts: list(
    "Hosts allowed in the URLs that Compass answers; default: the connector's parent domain.",
    "a list of host names such as compass.example.com or *.example.com",
    parseHost,
  ).prefault([]),
  insecureSkipVerify: flag("Trusts any server certificate of Compass.").prefault(false),
  timeout: duration("How long one call may take.", { positive: true }).prefault("2m"),
  pageSize: integer("Items asked for per page.", 1, 1000).prefault(200),
  maxBytes: size("The largest answer taken, decompressed.").prefault("256MiB"),
}).prefault({});

const proxy = section("The way out, for Compass, Git and the Git host.", {
  https: httpURL("The proxy; default: HTTPS_PROXY of the environment, which may also hold credentials.")
    .nullable()
    .prefault(null),
  no: list(
    "Hosts reached without it; default: NO_PROXY of the environment.",
    "a list of hosts and domains",
    parseNoProxy,
  ).prefault([]),
}).prefault({});

const state = section(
  "Where identity and memory live; default: ./state, or Kubernetes when running in a pod.",
  {
    directory: filePath("A folder that only the agent can read.").optional(),
    kubernetes: section("Secrets of the cluster.", {
      namespace: namespace("Their namespace.").prefault("kyma-system"),
    }).optional(),
  },
  { alternatives: [["directory"], ["kubernetes"]] },
).transform(({ directory, kubernetes }, context) => {
  if (!exactlyOne({ directory, kubernetes }, ["directory", "kubernetes"], context)) return z.NEVER;
  if (directory !== undefined) return { directory };
  return kubernetes === undefined ? z.NEVER : { kubernetes };
});

const CERTIFICATE = ["file", "url", "controller"] as const;

const certificateSource = section(
  "The sealing certificate.",
  {
    file: filePath("A PEM file.").optional(),
    url: httpsURL("Where the controller publishes it.").optional(),
    controller: namespacedName("The controller's Service in this cluster.").optional(),
  },
  { alternatives: CERTIFICATE.map((key) => [key]) },
).transform((given, context) => {
  if (!exactlyOne(given, CERTIFICATE, context)) return z.NEVER;
  if (given.file !== undefined) return { file: given.file };
  if (given.url !== undefined) return { url: given.url };
  return given.controller === undefined ? z.NEVER : { controller: given.controller };
});

const secrets = section("How credentials are kept from being read in Git.", {
  mode: choice("sops: age-encrypted; sealed-secrets; cluster: never in Git; plain: readable.", [
    "sops",
    "sealed-secrets",
    "cluster",
    "plain",
  ]).prefault("sops"),
  sops: section("For mode sops.", {
    age: list("Who can decrypt.", "a list of age recipients (age1…)", parseRecipient, { sensitive: true }).prefault([]),
    vault: section("A key of Vault's or OpenBao's transit engine that can decrypt, too.", {
      address: httpsURL("The server."),
      engine: pattern("Where the engine is mounted.", "a path such as transit", MOUNT, "is not a path").prefault(
        "transit",
      ),
      keyName: pattern("The key's name.", "a name such as runtime-agent", KEY_NAME, "is not a name"),
      token: reference("A token that may encrypt with the key."),
      ca: reference("Certificate authorities of the server, in addition to the system's.").nullable().prefault(null),
    })
      .nullable()
      .prefault(null),
    configFile: flag(
      "Writes .runtime-agent/.sops.yaml beside the inventory, for people who add files with sops by hand.",
    ).prefault(false),
  }).prefault({}),
  sealedSecrets: section("For mode sealed-secrets.", {
    certificate: certificateSource.nullable().prefault(null),
    scope: choice("What a sealed value is bound to.", ["strict", "namespace-wide", "cluster-wide"]).prefault("strict"),
    managed: flag(
      "Marks the Secrets that come of it with sealedsecrets.bitnami.com/managed, so that a SealedSecret made anew takes them over.",
    ).prefault(false),
    resealAfter: duration(
      "Age of the controller's newest certificate from which on what is sealed for an earlier one is sealed anew; 0s: at once; default: never.",
    )
      .nullable()
      .prefault(null),
  }).prefault({}),
  acknowledgePlain: flag(
    "Confirms that mode plain lets everybody who can read the repository read the credentials.",
  ).prefault(false),
}).prefault({});

const applications = section("What is written for each Application.", {
  namespace: namespace("The namespace of the credential Secrets.").prefault("kyma-system"),
  skipVerify: flag("Sets spec.skipVerify: no check of the Applications' server certificates.").prefault(false),
  gatewayURL: httpURL("The central application gateway, the prefix of centralGatewayUrl.").prefault(
    "http://central-application-gateway.kyma-system.svc.cluster.local:8082",
  ),
  templates: filePath("A folder of cdk8s charts; default: the ones shipped.").nullable().prefault(null),
  allowedKinds: list("Kinds that templates may write.", "a list of kinds such as ConfigMap", parseKind).prefault([
    "Application",
    "Secret",
    "ConfigMap",
  ]),
  canary: flag(
    "Writes a Secret runtime-agent-canary, sealed as the others, to see in the cluster that it could be opened.",
  ).prefault(false),
  admission: choice("dry-run: every change is tried against the API server first.", ["off", "dry-run"]).prefault("off"),
  admissionAs: namespacedName(
    "The service account that it is tried as: the one that applies what is in Git; default: the agent's own.",
  )
    .nullable()
    .prefault(null),
}).prefault({});

const deletion = section("When what vanished from Compass is deleted.", {
  mode: choice("upsert-only: nothing is deleted.", ["sync", "upsert-only"]).prefault("sync"),
  observations: integer("Complete fetches in which it must be missing.", 1, 1000).prefault(3),
  over: duration("The time that these are spread over, at least.").prefault("30m"),
  limit: share("The most of them that may go in one cycle and in one day; at least 1.").prefault("20%"),
  credentials: section("The same for credentials that vanish.", {
    observations: integer("Complete fetches in which they must be missing.", 1, 1000).prefault(2),
    over: duration("The time that these are spread over, at least.").prefault("0s"),
  }).prefault({}),
}).prefault({});

const gitops = section("Who applies what is committed, and whether the cluster is asked what was applied.", {
  kind: choice("flux: a Kustomization; argocd: an Application; none: nobody that the agent knows.", [
    "none",
    "flux",
    "argocd",
  ]).prefault("none"),
  namespace: namespace("Of that object; default: flux-system, or argocd.").nullable().prefault(null),
  name: pattern("Its name.", "a name such as runtime-agent", OBJECT_NAME, "is not a name of Kubernetes").prefault(
    "runtime-agent",
  ),
  observe: flag("Asks the cluster what is applied; default: with state.kubernetes, or when kind is flux or argocd.")
    .nullable()
    .prefault(null),
}).prefault({});

const port = (description: string) => integer(description, 0, 65_535);

const server = section("What `run` listens on.", {
  health: port("The port of /healthz; null: none.").nullable().prefault(8090),
  metrics: port("The port of /metrics; null: none.").nullable().prefault(9090),
  page: text("The status page; null: none.", "HOST:PORT such as 127.0.0.1:8091", parseAddress, { show: formatAddress })
    .nullable()
    .prefault("127.0.0.1:8091"),
}).prefault({});

/** The whole file. Its output is `Config`; cross-checks between sections are in `rules.ts`. */
export const schema = z
  .strictObject({
    version: z
      .literal(1)
      .describe("The version of this format.")
      .register(fields, { kind: "number", allowed: "1" })
      .prefault(1),
    runtime,
    compass,
    proxy,
    state: state.prefault({ directory: "./state" }),
    git: gitSection.prefault({}),
    pullRequest: pullRequestSection,
    secrets,
    applications,
    gitops,
    deletion,
    drift: choice("When a person changed a file of the agent's.", ["overwrite", "preserve", "fail"]).prefault(
      "overwrite",
    ),
    reverted: choice("When a person set a file back to an older version of the agent's.", [
      "hold",
      "overwrite",
    ]).prefault("hold"),
    destinationChange: choice("When credentials stay and the host they are sent to changes.", [
      "report",
      "hold",
    ]).prefault("report"),
    suspend: flag("Stops writing; certificate, fetch and plan go on.").prefault(false),
    certificate: section("The client certificate.", {
      keySize: integer("Bits of the RSA key.", 2048, 8192).prefault(4096),
      renewAt: share("The share of its life after which it is renewed.", { open: true }).prefault(0.67),
      secret: namespacedName("Where it is kept with state.kubernetes: keys crt, key and crtChain.").prefault(
        "kyma-system/cluster-client-certificates",
      ),
      caSecret: namespacedName("Where the authority is kept for Istio with state.kubernetes: key cacert.").prefault(
        "istio-system/kyma-gateway-certs-cacert",
      ),
    }).prefault({}),
    schedule: section("When `run` starts a cycle.", {
      every: duration("The time between two starts.", { positive: true }).prefault("3m"),
      jitter: share("How far that time may differ, the same for one runtime always: half of it each way.").prefault(
        "10%",
      ),
    }).prefault({}),
    server,
    metrics: section("Metrics of runs that end.", {
      textfile: filePath("A file for node_exporter's textfile collector.").nullable().prefault(null),
      push: httpURL("A Pushgateway.").nullable().prefault(null),
    }).prefault({}),
  })
  .describe("Configuration of the Runtime Agent.")
  .register(sections, {});

type DeepReadonly<T> = T extends readonly (infer I)[]
  ? readonly DeepReadonly<I>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** The parsed configuration: the file's keys, defaults filled in, durations in milliseconds, sizes in bytes, shares 0 to 1. */
export type Config = DeepReadonly<z.output<typeof schema>>;
