/** What people do after an installation was written, in this order. Pure. */

import {
  AGENT,
  ARGOCD_GIT_SECRET,
  ARGOCD_NAMESPACE,
  CONFIGURATION_SECRET,
  CREDENTIALS_SECRET,
  FLUX_GIT_SECRET,
  FLUX_NAMESPACE,
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

function fillWiring({ gitops, mode, repository }: InstallSettings): string[] {
  if (repository === null) return [];
  const isSSH = repository.url.startsWith("ssh:");
  if (gitops === "argocd") {
    const values = isSSH
      ? [fromFile("sshPrivateKey", "ssh-key")]
      : [literal("username", "git"), fromFile("password", "git-read-token")];
    return repository.hasCredentials
      ? [`fill Argo CD's credentials, which need only read: ${fill(ARGOCD_NAMESPACE, ARGOCD_GIT_SECRET, values)}`]
      : [];
  }
  const values = isSSH
    ? [fromFile("identity", "ssh-key"), fromFile("known_hosts", "known_hosts")]
    : [literal("username", "git"), fromFile("password", "git-read-token")];
  const key = fill(FLUX_NAMESPACE, FLUX_SOPS_SECRET, [fromFile("age.agekey", "age.agekey")]);
  return [
    ...(repository.hasCredentials
      ? [`fill Flux's credentials, which need only read: ${fill(FLUX_NAMESPACE, FLUX_GIT_SECRET, values)}`]
      : []),
    ...(mode === "sops" ? [`give Flux the private half of the age key: ${key}`] : []),
  ];
}

const takeOverSteps = () => [
  `wait until the agent has copied the Go agent's configuration: kubectl -n kyma-system wait secret/${CONFIGURATION_SECRET} --for=jsonpath='{.data.RUNTIME_ID}' --timeout=10m`,
  "then delete it, since the module's operator starts the Go agent as long as it exists: kubectl -n kyma-system delete secret compass-agent-configuration",
  "and stop the Go agent, until which this one only waits: kubectl -n kyma-system scale deployment compass-runtime-agent --replicas=0",
  "once `status` shows what is applied, delete what is left of it: kubectl -n kyma-system delete deployment/compass-runtime-agent serviceaccount/compass-runtime-agent --ignore-not-found",
  "keep the module itself: its removal deletes the definitions, and with them every Application",
];

function check({ as, namespace, gitops }: InstallSettings): string[] {
  const look = `kubectl get compassconnection compass-connection -o jsonpath='{.status.connectionState}'`;
  const first = `${AGENT}-first`;
  return [
    as === "cronjob"
      ? `run the first cycle: kubectl -n ${namespace} create job ${first} --from=cronjob/${AGENT} && kubectl -n ${namespace} wait job/${first} --for=condition=complete --timeout=15m`
      : `wait until a cycle is complete: kubectl -n ${namespace} rollout status deployment/${AGENT}`,
    `check the connection, which is to be Synchronized: ${look}`,
    ...(gitops === "flux"
      ? [`check Flux: kubectl -n ${FLUX_NAMESPACE} wait kustomization/${AGENT} --for=condition=Ready`]
      : []),
    ...(gitops === "argocd"
      ? [
          `check Argo CD: kubectl -n ${ARGOCD_NAMESPACE} wait applications.argoproj.io/${AGENT} --for=jsonpath='{.status.sync.status}'=Synced`,
        ]
      : []),
  ];
}

const stateThere = ({ namespace }: InstallSettings) =>
  `commands here go on with the state of this machine; those about the agent in the cluster (status, approve, suspend, uninstall --purge) need: export RUNTIME_AGENT_STATE_KUBERNETES_NAMESPACE=${namespace}`;

/** For a shell: as it is where that is plain. */
const quoted = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
