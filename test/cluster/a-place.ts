/** An empty place for a state on the real API server, in namespaces of its own. */

import { randomBytes } from "node:crypto";
import { openCluster } from "../../src/adapters/kubernetes/index.js";
import type { KubernetesPlace } from "../state/secrets-behaviour.js";
import { type Access, call, createNamespace, writeKubeconfig } from "./api-server.js";

const CONNECTIONS = "/apis/compass.kyma-project.io/v1alpha1/compassconnections";

/** As the admin, until its options are given another KUBECONFIG. */
export async function aPlace(server: Access, namespaces = newNamespaces()): Promise<KubernetesPlace> {
  const [namespace, istio] = namespaces;
  await createNamespace(server, namespace);
  await createNamespace(server, istio);
  const env = { KUBECONFIG: await writeKubeconfig(server) };
  const setCompassConnection = async (object: object | null) => {
    await call(server, "DELETE", `${CONNECTIONS}/compass-connection`);
    if (object === null) return;
    const { status } = await call(server, "POST", CONNECTIONS, { body: object });
    if (status !== 201) throw new Error(`POST ${CONNECTIONS}: HTTP ${status}`);
  };
  // There is one in a cluster.
  await setCompassConnection(null);
  return {
    options: {
      env,
      namespace,
      certificate: { namespace, name: "cluster-client-certificates" },
      authority: { namespace: istio, name: "kyma-gateway-certs-cacert" },
      connectorURL: null,
    },
    cluster: openCluster({ env, stage: "connect" }),
    setCompassConnection,
  };
}

function newNamespaces(): readonly [own: string, istio: string] {
  const word = randomBytes(4).toString("hex");
  return [`kyma-${word}`, `istio-${word}`];
}

/** The configuration of an agent whose state is there. */
export const settingsOf = ({ options: { namespace, certificate, authority } }: KubernetesPlace) => ({
  state: { kubernetes: { namespace } },
  certificate: {
    keySize: 2048,
    secret: `${certificate.namespace}/${certificate.name}`,
    caSecret: `${authority.namespace}/${authority.name}`,
  },
});
