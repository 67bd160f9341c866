/** Who may reach the agent's pod, and whom it may reach. */

import type { ApiObject } from "cdk8s";
import type { Construct } from "constructs";
import { AGENT, add, LABELS } from "./manifest.js";

export interface NetworkProps {
  readonly namespace: string;
  /** TCP ports that others may open. @default none */
  readonly ingressPorts?: readonly number[];
  /** TCP ports that the agent opens elsewhere: those of the API server, Compass, Git and a proxy. */
  readonly egressPorts: readonly number[];
}

const tcp = (port: number) => ({ protocol: "TCP", port });

/**
 * Policies add up: where the module's own optional ones are there (contract 8), they allow what they always did, and this
 * one adds the Git host's port.
 */
export function networkPolicy(
  scope: Construct,
  { namespace, ingressPorts = [], egressPorts }: NetworkProps,
): ApiObject {
  return add(scope, {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: AGENT, namespace },
    spec: {
      podSelector: { matchLabels: LABELS },
      policyTypes: ["Ingress", "Egress"],
      ingress: ingressPorts.length === 0 ? [] : [{ ports: ingressPorts.map(tcp) }],
      egress: [
        // To anywhere: the node's own cache of names has a link-local address. 8053 is where Gardener's listens.
        { ports: [53, 8053].flatMap((port) => [{ protocol: "UDP", port }, tcp(port)]) },
        {
          ports: egressPorts.map(tcp),
          to: [
            // Not to the cloud's metadata service, which hands credentials of the node to whoever asks.
            { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } },
            { ipBlock: { cidr: "::/0", except: ["fe80::/10", "fd00:ec2::254/128"] } },
          ],
        },
      ],
    },
  });
}
