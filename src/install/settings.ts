/** What an installation is made from: the options of the command over the configuration that is here. Pure. */

import { Failure } from "../common/failure.js";
import { type Config, type ExplicitSetting, explicitSettings, type LoadedConfig } from "../config/index.js";
import { egressPorts, syncURL } from "./addresses.js";
import { type AgentFile, agentFile, EXAMPLE } from "./agent-file.js";
import { type CronSchedule, cronSchedule } from "./schedule.js";

export interface InstallOptions {
  readonly as: "cronjob" | "deployment";
  readonly gitops: "flux" | "argocd" | "none";
  /** In the place of the Go agent, which has been here before. */
  readonly takeOver: boolean;
  readonly image: string;
}

export interface InstallSettings extends InstallOptions {
  readonly namespace: string;
  readonly istioNamespace: string;
  readonly applicationsNamespace: string;
  readonly mode: Config["secrets"]["mode"];
  /** Changes are tried by the API server first. */
  readonly admission: boolean;
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
  readonly hasCredentials: boolean;
}

/** Where the Go agent is, and what it is configured by (contract 8). */
const GO_AGENT_NAMESPACE = "kyma-system";

const CERTIFICATE = "cluster-client-certificates";
const AUTHORITY = "kyma-gateway-certs-cacert";

/** Throws a Failure for what would not work: SOPS with Argo CD, a repository that only this machine has. */
export function installSettings(loaded: LoadedConfig, options: InstallOptions): InstallSettings {
  const { config } = loaded;
  const { secrets, state, certificate, applications, server, schedule, compass, proxy } = config;
  const namespace = "kubernetes" in state ? state.kubernetes.namespace : GO_AGENT_NAMESPACE;
  const explicit = explicitSettings(loaded);
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
    admission: applications.admission === "dry-run",
    canary: applications.canary,
    agentFile: file,
    schedule: { ...cronSchedule(schedule.every), wished: schedule.every },
    ports: { health: listening(server.health), metrics: listening(server.metrics) },
    egressPorts: egressPorts([git.url, config.git?.push?.url ?? null, compass.connectorURL, proxy.https]),
    repository: options.gitops === "none" ? null : repositoryOf(git, options.gitops),
    runtime: {
      id: config.runtime.id,
      tenant: config.runtime.tenant,
      connectorURL: compass.connectorURL,
      tokenFile: compass.token?.kind === "file" ? compass.token.path : null,
    },
    isExample,
    isStateHere: "directory" in state,
    remarks: remarksOn(config, { ...options, namespace, isExample, local: file.local }),
  };
}

const EXAMPLE_GIT = {
  url: String(EXAMPLE.find(({ path }) => path.join(".") === "git.url")?.value),
  path: String(EXAMPLE.find(({ path }) => path.join(".") === "git.path")?.value),
  branch: "main",
  auth: {},
};

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
function observed(explicit: readonly ExplicitSetting[], gitops: InstallOptions["gitops"]): ExplicitSetting[] {
  const path = ["gitops", "kind"];
  if (gitops === "none" || explicit.some((each) => each.path.join() === path.join())) return [];
  return [{ path, value: gitops, isReference: false }];
}

/** A port that nobody knows before the agent runs cannot be probed. */
const listening = (port: number | null) => (port === 0 ? null : port);

function repositoryOf(
  { url, branch, path, auth }: Pick<NonNullable<Config["git"]>, "url" | "branch" | "path"> & { readonly auth: unknown },
  gitops: "flux" | "argocd",
): Repository {
  const address = syncURL(url);
  if (address !== null) return { url: address, branch, path: path.replace(/\/+$/, ""), hasCredentials: auth !== null };
  const tool = gitops === "flux" ? "Flux" : "Argo CD";
  throw new Failure(`git.url is a path of this machine: ${tool} cannot read it`, {
    code: "ConfigurationInvalid",
    stage: "config",
    hint: "Give git.url as https or ssh, or use --gitops none.",
  });
}

interface RemarkInput extends InstallOptions {
  readonly namespace: string;
  readonly isExample: boolean;
  readonly local: readonly string[];
}

function remarksOn(
  { certificate, schedule, applications, git }: Config,
  { as, gitops, namespace, isExample, local }: RemarkInput,
): string[] {
  const { every } = cronSchedule(schedule.every);
  const { secret, caSecret } = certificate;
  const isCovered = secret.namespace === namespace && secret.name === CERTIFICATE;
  const isDefault = secret.namespace === GO_AGENT_NAMESPACE && secret.name === CERTIFICATE;
  const others = applications.allowedKinds.filter((kind) => !["Application", "Secret", "ConfigMap"].includes(kind));
  const allowed = gitops === "flux" ? "the Role runtime-agent-applier" : "the AppProject runtime-agent";
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
    ...(isCovered || isDefault
      ? []
      : [
          `certificate.secret is not ${namespace}/${CERTIFICATE}: allow the agent get and update on it in a Role of your own`,
        ]),
    ...(caSecret.name === AUTHORITY
      ? []
      : [`certificate.caSecret is not named ${AUTHORITY}: allow the agent get and update on it in a Role of your own`]),
    ...local.map((setting) => `${setting} is a path of this machine: put it into the image at the same place`),
    ...(others.length > 0 && gitops !== "none"
      ? [`applications.allowedKinds has further kinds (${others.join(", ")}): allow them in ${allowed}`]
      : []),
  ];
}

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
