/** What an installation is made from: the options of the command over the configuration that is here. Pure. */

import { AGENT, ARGOCD_NAMESPACE, CONFIGURATION_SECRET, FLUX_NAMESPACE } from "../../templates/install/index.js";
import { Failure } from "../common/failure.js";
import {
  type Config,
  type ExplicitSetting,
  explicitSettings,
  type LoadedConfig,
  type SecretReference,
} from "../config/index.js";
import { CANARY_NAME } from "../render/index.js";
import { egressPorts, syncURL } from "./addresses.js";
import { type AgentFile, agentFile, EXAMPLE } from "./agent-file.js";
import { type CronSchedule, cronSchedule } from "./schedule.js";

export type GitOpsTool = "flux" | "argocd" | "none";

export interface InstallOptions {
  readonly as: "cronjob" | "deployment";
  /** Whose wiring is written; null for none. Never by `gitops.kind`, which says whom the agent asks, and whose wiring that is nobody says. */
  readonly gitops: GitOpsTool | null;
  /** In the place of the Go agent, which has been here before. */
  readonly takeOver: boolean;
  readonly image: string;
}

export interface InstallSettings extends Omit<InstallOptions, "gitops"> {
  /** Whose wiring is written. */
  readonly gitops: GitOpsTool;
  /** Who applies what is committed, as the agent asks them; also where their wiring is somebody else's. Null: nobody known. */
  readonly applies: Applies | null;
  readonly namespace: string;
  readonly istioNamespace: string;
  readonly applicationsNamespace: string;
  readonly mode: Config["secrets"]["mode"];
  /** The key of the transit engine that alone opens what is sealed for SOPS; null where an age key does, or none is known. */
  readonly transitKey: string | null;
  /** Changes are tried by the API server first, as that account or the agent's own; null: they are not. */
  readonly admission: { readonly as: Config["applications"]["admissionAs"] } | null;
  /** Names of the Secrets in `applicationsNamespace` that the agent stores for itself. */
  readonly ownSecrets: readonly string[];
  /** A Secret that is read to see that sealing works. */
  readonly canary: boolean;
  readonly agentFile: AgentFile;
  /** With the time between two cycles that was wished for, in milliseconds. */
  readonly schedule: CronSchedule & { readonly wished: number };
  /** Of /healthz and /metrics; null for none. */
  readonly ports: { readonly health: number | null; readonly metrics: number | null };
  readonly egressPorts: readonly number[];
  /** Null without a GitOps tool. */
  readonly repository: Repository | null;
  /** `git.path`, as far as it is known. */
  readonly gitPath: string | null;
  /** What is known here of what goes into the Secret of contract 3.5. */
  readonly runtime: Pick<Config["runtime"], "id" | "tenant"> & {
    readonly connectorURL: string | null;
    readonly tokenFile: string | null;
  };
  /** No repository is configured here: what stands in the ConfigMap is an example. */
  readonly isExample: boolean;
  /** A command here would work with a folder of this machine. */
  readonly isStateHere: boolean;
  /** What does not go with this installation as it stands, one sentence each. */
  readonly remarks: readonly string[];
}

export interface Repository {
  readonly url: string;
  readonly branch: string;
  readonly path: string;
  /** Whether it asks who reads it. */
  readonly hasCredentials: boolean;
  /** Of its host, where the system's are not enough, with the file that they are in here. */
  readonly authorities: { readonly file: string | null } | null;
}

export interface Applies {
  readonly kind: "flux" | "argocd";
  readonly namespace: string;
  readonly name: string;
}

/** Where the Go agent is, and what it is configured by (contract 8). */
const GO_AGENT_NAMESPACE = "kyma-system";

const CERTIFICATE = "cluster-client-certificates";
const AUTHORITY = "kyma-gateway-certs-cacert";
const STATE = "runtime-agent-state";

/** Throws a Failure for what would not work: SOPS with Argo CD, a repository that only this machine has. */
export function installSettings(loaded: LoadedConfig, given: InstallOptions): InstallSettings {
  const { config } = loaded;
  const { secrets, state, certificate, applications, server, schedule } = config;
  const namespace = "kubernetes" in state ? state.kubernetes.namespace : GO_AGENT_NAMESPACE;
  const explicit = explicitSettings(loaded);
  const options = { ...given, gitops: toolOf(config, explicit, given.gitops) };
  if (options.takeOver && namespace !== GO_AGENT_NAMESPACE) throw elsewhere(namespace);
  if (options.gitops === "argocd" && secrets.mode === "sops") throw undecryptable();

  const isExample = config.git === null;
  const said = [
    ...(isExample ? withExample(explicit, secrets.mode) : explicit),
    ...ownCertificate(explicit, namespace),
    ...observed(explicit, options.gitops),
  ];
  const file = agentFile({ settings: said, namespace });
  const git = config.git ?? EXAMPLE_GIT;
  return {
    ...options,
    namespace,
    istioNamespace: certificate.caSecret.namespace,
    applicationsNamespace: applications.namespace,
    mode: secrets.mode,
    transitKey: secrets.sops.age.length === 0 ? (secrets.sops.vault?.keyName ?? null) : null,
    admission: applications.admission === "dry-run" ? { as: applications.admissionAs } : null,
    ownSecrets: ownSecrets(config, explicit, namespace),
    canary: applications.canary,
    agentFile: file,
    schedule: { ...cronSchedule(schedule.every), wished: schedule.every },
    ports: { health: listening(server.health), metrics: listening(server.metrics) },
    egressPorts: egressPorts([git.url, ...addressesOf(config)]),
    repository: options.gitops === "none" ? null : repositoryOf(git, options.gitops),
    applies: appliesOf(config, options.gitops),
    gitPath: config.git?.path ?? null,
    runtime: {
      id: config.runtime.id,
      tenant: config.runtime.tenant,
      connectorURL: config.compass.connectorURL,
      tokenFile: fileOf(config.compass.token),
    },
    isExample,
    isStateHere: "directory" in state,
    remarks: remarksOn(config, {
      ...options,
      namespace,
      isExample,
      isMoved: ownCertificate(explicit, namespace).length > 0,
      local: file.local,
    }),
  };
}

const EXAMPLE_GIT = {
  url: String(EXAMPLE.find(({ path }) => path.join(".") === "git.url")?.value),
  path: String(EXAMPLE.find(({ path }) => path.join(".") === "git.path")?.value),
  branch: "main",
  auth: {},
  ca: null,
};

/** The option alone; throws where the configuration contradicts it, or names wiring that is not the agent's own. */
function toolOf(
  { gitops: { kind, name } }: Config,
  explicit: readonly ExplicitSetting[],
  given: GitOpsTool | null,
): GitOpsTool {
  // The wiring is somebody else's then, whoever it is that the agent asks.
  if (given === null || given === "none") return "none";
  const isSaid = explicit.some(({ path }) => path.join(".") === "gitops.kind");
  if (isSaid && given !== kind) throw contradicted(given, kind);
  // Applied, it would overwrite what others made; named for removal, it would take that away.
  if (name !== AGENT) throw foreign(given, name);
  return given;
}

function appliesOf({ gitops }: Config, tool: GitOpsTool): Applies | null {
  const kind = tool === "none" ? gitops.kind : tool;
  if (kind === "none") return null;
  return {
    kind,
    name: gitops.name,
    namespace: gitops.namespace ?? (kind === "flux" ? FLUX_NAMESPACE : ARGOCD_NAMESPACE),
  };
}

/** What the agent stores beside the credentials, where it stands among them. */
function ownSecrets(
  { certificate: { secret, caSecret }, applications }: Config,
  explicit: readonly ExplicitSetting[],
  namespace: string,
): string[] {
  const isMoved = ownCertificate(explicit, namespace).length > 0;
  const all = [
    isMoved ? { namespace, name: CERTIFICATE } : secret,
    caSecret,
    { namespace, name: STATE },
    { namespace, name: CONFIGURATION_SECRET },
    ...(applications.canary ? [{ namespace: applications.namespace, name: CANARY_NAME }] : []),
  ];
  return [...new Set(all.filter((each) => each.namespace === applications.namespace).map(({ name }) => name))];
}

/** Whom the agent asks beside the repository and the API server. */
function addressesOf({ git, compass, proxy, pullRequest, metrics, secrets }: Config): (string | null)[] {
  const certificate = secrets.sealedSecrets.certificate;
  return [
    git?.push?.url ?? null,
    compass.connectorURL,
    proxy.https,
    pullRequest.api,
    metrics.push,
    secrets.sops.vault?.address ?? null,
    certificate !== null && "url" in certificate ? certificate.url : null,
  ];
}

const fileOf = (reference: SecretReference | null) => (reference?.kind === "file" ? reference.path : null);

/** What is said of Git without an address stays; of a recipient nothing can be made up. */
function withExample(explicit: readonly ExplicitSetting[], mode: Config["secrets"]["mode"]): ExplicitSetting[] {
  const age = ["secrets", "sops", "age"];
  const isSaid = explicit.some(({ path }) => path.join() === age.join());
  const recipients = mode === "sops" && !isSaid ? [{ path: age, value: [], isReference: false }] : [];
  const names = new Set(EXAMPLE.map(({ path }) => path.join()));
  return [...EXAMPLE, ...explicit.filter(({ path }) => !names.has(path.join())), ...recipients];
}

/** By default it is in the Go agent's namespace, where an agent of another namespace has no right. */
function ownCertificate(explicit: readonly ExplicitSetting[], namespace: string): ExplicitSetting[] {
  const path = ["certificate", "secret"];
  if (namespace === GO_AGENT_NAMESPACE || explicit.some((each) => each.path.join() === path.join())) return [];
  return [{ path, value: `${namespace}/${CERTIFICATE}`, isReference: false }];
}

/** Who applies is asked what was applied, by the names that the charts give. */
function observed(explicit: readonly ExplicitSetting[], gitops: GitOpsTool): ExplicitSetting[] {
  const path = ["gitops", "kind"];
  if (gitops === "none" || explicit.some((each) => each.path.join() === path.join())) return [];
  return [{ path, value: gitops, isReference: false }];
}

/** A port that nobody knows before the agent runs cannot be probed. */
const listening = (port: number | null) => (port === 0 ? null : port);

function repositoryOf(
  {
    url,
    branch,
    path,
    auth,
    ca,
  }: Pick<NonNullable<Config["git"]>, "url" | "branch" | "path" | "ca"> & { readonly auth: unknown },
  gitops: "flux" | "argocd",
): Repository {
  const address = syncURL(url);
  if (address !== null) {
    const authorities = ca === null || !address.startsWith("https:") ? null : { file: fileOf(ca) };
    return { url: address, branch, path: path.replace(/\/+$/, ""), hasCredentials: auth !== null, authorities };
  }
  const tool = gitops === "flux" ? "Flux" : "Argo CD";
  throw new Failure(`git.url is a path of this machine: ${tool} cannot read it`, {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Give git.url as https or ssh, or use --gitops none.",
  });
}

interface RemarkInput extends Pick<InstallSettings, "as" | "gitops"> {
  readonly namespace: string;
  readonly isExample: boolean;
  /** The certificate goes where the agent is, since nothing was said of its place. */
  readonly isMoved: boolean;
  readonly local: readonly string[];
}

function remarksOn(
  { certificate, schedule, applications, git, gitops: { kind, name }, secrets }: Config,
  { as, gitops, namespace, isExample, isMoved, local }: RemarkInput,
): string[] {
  const { every } = cronSchedule(schedule.every);
  const { secret, caSecret } = certificate;
  const isCovered = isMoved || (secret.namespace === namespace && secret.name === CERTIFICATE);
  const others = applications.allowedKinds.filter((kind) => !["Application", "Secret", "ConfigMap"].includes(kind));
  const tried = applications.allowedKinds.filter((kind) => !["Application", "Secret"].includes(kind));
  const allowed = gitops === "flux" ? "the Role runtime-agent-applier" : `the AppProject ${name}`;
  return [
    ...(isExample
      ? [
          "git.url is not set here: the ConfigMap has an example. Set git.url, git.path and secrets.sops.age in agent.yaml, and run install again",
        ]
      : []),
    ...(as === "cronjob" && every !== schedule.every
      ? [`a CronJob cannot start as schedule.every says; it starts every ${every / 60_000} minutes`]
      : []),
    ...(!isExample && git !== null && syncURL(git.url) === null
      ? ["git.url is a path of this machine: a pod has no such folder, unless you mount it there"]
      : []),
    ...(git?.push != null && syncURL(git.push.url) === null
      ? ["git.push.url is a path of this machine: a pod has no such folder, unless you mount it there"]
      : []),
    ...(gitops !== "none" && git !== null && git.auth === null && syncURL(git.url)?.startsWith("ssh:") === true
      ? [withoutKey(gitops)]
      : []),
    ...(gitops === "flux" && secrets.mode === "sops" && secrets.sops.age.length === 0 && secrets.sops.vault?.ca != null
      ? ["secrets.sops.vault.ca is the agent's alone: let Flux's kustomize-controller trust that authority, too"]
      : []),
    ...(gitops === "none" && kind !== "none" ? unwired(kind, name, secrets.mode) : []),
    ...(isCovered
      ? []
      : [
          // With the certificate there the agent looks there, too, for the Go agent, which would take it away.
          `certificate.secret is not ${namespace}/${CERTIFICATE}: allow the agent get and update on it${secret.namespace === namespace ? "" : `, and get on the Deployment compass-runtime-agent in ${secret.namespace},`} in a Role of your own`,
        ]),
    ...(caSecret.name === AUTHORITY
      ? []
      : [`certificate.caSecret is not named ${AUTHORITY}: allow the agent get and update on it in a Role of your own`]),
    ...local.map((setting) => `${setting} is a path of this machine: put it into the image at the same place`),
    ...(applications.admission === "dry-run" && applications.templates !== null && tried.length > 0
      ? [
          `applications.admission is dry-run: what templates write of other kinds (${tried.join(", ")}) is tried by no right that is written here; give ${applications.admissionAs === null ? "the agent's account" : "the account of applications.admissionAs"} create and patch on what they do write`,
        ]
      : []),
    ...(others.length > 0 && gitops !== "none"
      ? [`applications.allowedKinds has further kinds (${others.join(", ")}): allow them in ${allowed}`]
      : []),
  ];
}

/** Without a word of who reads, as where an agent of ssh knows the keys here. */
const withoutKey = (gitops: "flux" | "argocd") =>
  `git.url is ssh, and git.auth names no key: ${gitops === "flux" ? "the GitRepository that is written has no secretRef" : "no repository Secret for Argo CD is written"}, so nobody can read there; set git.auth.ssh, which the pod needs, too`;

/** Where the agent asks a tool that is not wired by this installation. */
const unwired = (kind: "flux" | "argocd", name: string, mode: Config["secrets"]["mode"]) => [
  `gitops.kind is ${kind}, and no wiring is written: that is somebody else's${name === AGENT ? `, unless --gitops ${kind} asks for it` : ""}`,
  ...(kind === "argocd" && mode === "sops"
    ? ["Argo CD does not decrypt SOPS: without a plugin for it use secrets.mode sealed-secrets or cluster"]
    : []),
];

const contradicted = (given: GitOpsTool, kind: GitOpsTool) =>
  new Failure(
    `--gitops ${given} is given, and gitops.kind is ${kind}: the agent would ask another tool than the one that is wired`,
    {
      code: "ConfigurationInvalid",
      stage: "config",
      hint: `Set gitops.kind to ${given} or leave it out; or give --gitops ${kind}.`,
    },
  );

const foreign = (given: GitOpsTool, name: string) =>
  new Failure(
    `--gitops ${given} is given, and gitops.name is ${name}: the wiring that install writes is named ${AGENT}, and any other is somebody else's`,
    {
      code: "ConfigurationInvalid",
      stage: "config",
      hint: `Leave out --gitops, and ${name} stays as it is; or leave out gitops.name for wiring of the agent's own.`,
    },
  );

const elsewhere = (namespace: string) =>
  new Failure(
    `--take-over reads the Go agent's Secret in ${GO_AGENT_NAMESPACE}, and the agent would be in ${namespace}`,
    {
      code: "Usage",
      stage: "config",
      hint: `Install it in ${GO_AGENT_NAMESPACE}, or leave out --take-over and pair it with a token of its own.`,
    },
  );

const undecryptable = () =>
  new Failure("Argo CD does not decrypt SOPS: it would refuse each Secret, or apply the encrypted text as its value", {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Set secrets.mode to sealed-secrets or cluster, or use --gitops flux. With a decryption plugin in Argo CD use --gitops none, and write its Application yourself.",
  });
