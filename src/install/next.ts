/** What people do after an installation was written, in this order. Pure. */

import {
  AGENT,
  ARGOCD_GIT_SECRET,
  CONFIGURATION_SECRET,
  CREDENTIALS_SECRET,
  FLUX_GIT_SECRET,
  FLUX_SOPS_SECRET,
} from "../../templates/install/index.js";
import type { InstallSettings } from "./settings.js";

/** One step each: a sentence, or a sentence with the command behind a colon. `folder` null: they went to stdout. */
export function nextSteps(settings: InstallSettings, folder: string | null): string[] {
  const { remarks, takeOver } = settings;
  const command =
    folder === null ? "runtime-agent install … | kubectl apply -f -" : `kubectl apply -k ${quoted(folder)}`;
  return [
    ...remarks,
    `apply: ${command}`,
    ...(takeOver ? [] : [fillConfiguration(settings)]),
    ...fillCredentials(settings),
    ...fillWiring(settings),
    ...(takeOver ? takeOverSteps() : []),
    ...check(settings),
    ...(settings.isStateHere ? [stateThere(settings)] : []),
  ];
}

/**
 * By a patch, which adds keys and leaves all else: what is filled so stays when the empty Secret is applied again. A
 * server-side apply would take over what the first apply owned, and so drop the labels (observed with kubectl 1.36).
 */
const fill = (namespace: string, name: string, values: readonly string[]) =>
  `kubectl -n ${namespace} create secret generic ${name} ${values.join(" ")} --dry-run=client -o yaml | kubectl -n ${namespace} patch secret ${name} --patch-file=/dev/stdin`;

const fromFile = (key: string, file: string) => `--from-file=${key}=${quoted(file)}`;
const literal = (key: string, value: string) => `--from-literal=${key}=${quoted(value)}`;

function fillConfiguration({ namespace, runtime }: InstallSettings): string {
  const { id, tenant, connectorURL, tokenFile } = runtime;
  const values = [
    literal("RUNTIME_ID", id ?? "RUNTIME-ID"),
    ...(id !== null && tenant === null ? [] : [literal("TENANT", tenant ?? "TENANT")]),
    literal("CONNECTOR_URL", connectorURL ?? "CONNECTOR-URL"),
    fromFile("TOKEN", tokenFile ?? "token"),
  ];
  return `fill the runtime's Secret, with a one-time token in a file: ${fill(namespace, CONFIGURATION_SECRET, values)}`;
}

function fillCredentials({ namespace, agentFile: { credentials } }: InstallSettings): string[] {
  if (credentials.length === 0) return [];
  const values = credentials.map(({ key, file }) => fromFile(key, file ?? key));
  const settings = credentials.map(({ setting }) => setting).join(", ");
  return [`fill the agent's Secret (${settings}): ${fill(namespace, CREDENTIALS_SECRET, values)}`];
}

function fillWiring({ gitops, mode, repository, applies, transitKey }: InstallSettings): string[] {
  if (repository === null || applies === null) return [];
  const { namespace } = applies;
  const { hasCredentials, authorities } = repository;
  const isSSH = repository.url.startsWith("ssh:");
  if (gitops === "argocd") {
    const values = isSSH
      ? [fromFile("sshPrivateKey", "ssh-key")]
      : [literal("username", "git"), fromFile("password", "git-read-token")];
    return [
      ...(hasCredentials
        ? [`fill Argo CD's credentials, which need only read: ${fill(namespace, ARGOCD_GIT_SECRET, values)}`]
        : []),
      ...(authorities === null ? [] : [trustInArgoCD(namespace, repository.url, authorities.file)]),
    ];
  }
  const values = isSSH
    ? [fromFile("identity", "ssh-key"), fromFile("known_hosts", "known_hosts")]
    : [
        ...(hasCredentials ? [literal("username", "git"), fromFile("password", "git-read-token")] : []),
        ...(authorities === null ? [] : [fromFile("ca.crt", authorities.file ?? AUTHORITIES)]),
      ];
  return [
    ...(hasCredentials || authorities !== null
      ? [
          `fill Flux's ${hasCredentials ? "credentials, which need only read" : "authorities of the Git host"}: ${fill(namespace, FLUX_GIT_SECRET, values)}`,
        ]
      : []),
    ...(mode === "sops" ? [fillDecryption(namespace, transitKey)] : []),
  ];
}

/** By the names of the entries Flux knows what they are. */
function fillDecryption(namespace: string, transitKey: string | null): string {
  if (transitKey === null) {
    return `give Flux the private half of the age key: ${fill(namespace, FLUX_SOPS_SECRET, [fromFile("age.agekey", "age.agekey")])}`;
  }
  const token = fill(namespace, FLUX_SOPS_SECRET, [fromFile("sops.vault-token", "vault-token")]);
  return `give Flux a token of Vault or OpenBao that may decrypt with the transit key ${transitKey}, in a file without a line's end: ${token}`;
}

/** Stands in for the file of `git.ca`, where that is no file here. */
const AUTHORITIES = "git-ca.pem";

/** Argo CD has the authorities of all Git hosts in one ConfigMap of its own, by the host's name. */
function trustInArgoCD(namespace: string, url: string, file: string | null): string {
  const host = URL.parse(url)?.hostname ?? "HOST";
  const table = "argocd-tls-certs-cm";
  return `let Argo CD trust the Git host's authorities (git.ca): kubectl -n ${namespace} create configmap ${table} ${fromFile(host, file ?? AUTHORITIES)} --dry-run=client -o yaml | kubectl -n ${namespace} patch configmap ${table} --patch-file=/dev/stdin`;
}

const takeOverSteps = () => [
  `wait until the agent has copied the Go agent's configuration: kubectl -n kyma-system wait secret/${CONFIGURATION_SECRET} --for=jsonpath='{.data.RUNTIME_ID}' --timeout=10m`,
  "then delete it, since the module's operator starts the Go agent as long as it exists: kubectl -n kyma-system delete secret compass-agent-configuration",
  "and stop the Go agent, until which this one only waits: kubectl -n kyma-system scale deployment compass-runtime-agent --replicas=0",
  "once `status` shows what is applied, delete what is left of it: kubectl -n kyma-system delete deployment/compass-runtime-agent serviceaccount/compass-runtime-agent --ignore-not-found",
  "keep the module itself: its removal deletes the definitions, and with them every Application",
];

function check({ as, namespace, gitops, applies }: InstallSettings): string[] {
  const look = `kubectl get compassconnection compass-connection -o jsonpath='{.status.connectionState}'`;
  const first = `${AGENT}-first`;
  return [
    as === "cronjob"
      ? `run the first cycle: kubectl -n ${namespace} create job ${first} --from=cronjob/${AGENT} && kubectl -n ${namespace} wait job/${first} --for=condition=complete --timeout=15m`
      : `wait until a cycle is complete: kubectl -n ${namespace} rollout status deployment/${AGENT}`,
    `check the connection, which is to be Synchronized: ${look}`,
    ...(gitops === "flux" && applies !== null
      ? [`check Flux: kubectl -n ${applies.namespace} wait kustomization/${applies.name} --for=condition=Ready`]
      : []),
    ...(gitops === "argocd" && applies !== null
      ? [
          `check Argo CD: kubectl -n ${applies.namespace} wait applications.argoproj.io/${applies.name} --for=jsonpath='{.status.sync.status}'=Synced`,
        ]
      : []),
  ];
}

const stateThere = ({ namespace }: InstallSettings) =>
  `commands here go on with the state of this machine; those about the agent in the cluster (status, approve, suspend, uninstall --purge) need: export RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=${namespace}`;

/** For a shell: as it is where that is plain. */
export const quoted = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
