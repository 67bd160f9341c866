/** An account on the real API server that may do what the state needs, and nothing else. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type KubernetesPlace, ownSecret, writeForeign } from "../state/secrets-behaviour.js";
import { type Access, call, createAccount, type Rights, tokenOf, writeKubeconfig } from "./api-server.js";

const secret = (name: string, verbs: readonly string[]) => ({
  apiGroups: [""],
  resources: ["secrets"],
  resourceNames: [name],
  verbs,
});
const lease = (verbs: readonly string[]) => ({
  apiGroups: ["coordination.k8s.io"],
  resources: ["leases"],
  resourceNames: ["runtime-agent"],
  verbs,
});
const connection = {
  apiGroups: ["compass.kyma-project.io"],
  resources: ["compassconnections"],
  resourceNames: ["compass-connection"],
  verbs: ["get"],
};

const aboutConnection = (...verbs: string[]) => ({ ...connection, verbs });

/** What a whole command needs beyond that: the CompassConnection, Events about it, and a look at the Go agent and what it owns. */
export const enoughForCommands = (place: KubernetesPlace): Pick<AccountRights, "rights" | "clusterRules"> => {
  const goAgent = {
    apiGroups: ["apps"],
    resources: ["deployments"],
    resourceNames: ["compass-runtime-agent"],
    verbs: ["get"],
  };
  const revision = {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: ["runtime-agent-revision"],
    verbs: ["get"],
  };
  const applications = {
    apiGroups: ["applicationconnector.kyma-project.io"],
    resources: ["applications"],
    verbs: ["list"],
  };
  const events = { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] };
  const { resourceNames: _any, ...creating } = aboutConnection("create");
  const [own, ...others] = enough(place);
  return {
    rights: [
      ...(own === undefined ? [] : [{ ...own, rules: [...own.rules, goAgent] }]),
      ...others,
      { namespace: "default", rules: [events] },
      { namespace: "kyma-system", rules: [revision] },
    ],
    clusterRules: [aboutConnection("get", "update"), creating, applications],
  };
};

/** What the state needs where its Secrets and its Lease are there already. */
export const enough = ({ options: { namespace, authority } }: KubernetesPlace): Rights[] => [
  {
    namespace,
    rules: [
      secret("cluster-client-certificates", ["get", "update"]),
      secret("runtime-agent-state", ["get", "update"]),
      lease(["get", "update"]),
    ],
  },
  { namespace: authority.namespace, rules: [secret(authority.name, ["get", "update"])] },
];

/** As an installation makes them: empty. */
export async function prepare(server: Access, place: KubernetesPlace): Promise<void> {
  const { namespace, certificate, authority } = place.options;
  for (const each of [certificate, authority, ownSecret(place)]) await writeForeign(place, each, {});
  const metadata = { name: "runtime-agent" };
  await call(server, "POST", `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`, { body: { metadata } });
}

interface AccountRights {
  readonly rights: readonly Rights[];
  readonly clusterRules: readonly unknown[];
}

/** The place as an account sees it that has these rights and no others. */
export async function asAccount(
  server: Access,
  place: KubernetesPlace,
  rights: readonly Rights[],
  clusterRules: readonly unknown[] = [connection],
) {
  const { namespace } = place.options;
  await createAccount(server, { namespace, name: "agent", rights, clusterRules });
  const tokenFile = join(server.folder, `token-${namespace}`);
  await writeFile(tokenFile, await tokenOf(server, namespace, "agent"));
  const env = { KUBECONFIG: await writeKubeconfig(server, { tokenFile }) };
  const user = `system:serviceaccount:${namespace}:agent`;
  return { place: { ...place, options: { ...place.options, env } }, tokenFile, user };
}
