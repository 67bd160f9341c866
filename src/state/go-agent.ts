/** The connection of a runtime that the Go agent paired: it keeps the addresses in its CompassConnection (contract 6.2). */

import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { Cluster } from "../adapters/kubernetes/index.js";
import type { Connection } from "./state.js";

const NAME = "compass-connection";

const schema = z.object({
  spec: z.object({ managementInfo: z.object({ connectorUrl: z.string().min(1), directorUrl: z.string().min(1) }) }),
  status: z
    .object({
      connectionStatus: z
        .object({ established: z.string().nullish(), renewed: z.string().nullish() })
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
});

/**
 * Null when there is no CompassConnection, or none with addresses. `connectorURL` is the Connector of tokens, which the
 * Go agent does not keep; null when it is not configured.
 */
export async function goAgentConnection(
  cluster: Cluster,
  certificate: string,
  connectorURL: string | null,
): Promise<Connection | null> {
  const read = schema.safeParse(await cluster.compassConnection(NAME));
  if (!read.success) return null;
  const { connectorUrl: secureConnectorURL, directorUrl: directorURL } = read.data.spec.managementInfo;
  const { established, renewed } = read.data.status?.connectionStatus ?? {};
  const { commonName, notBefore } = readSubject(certificate);
  return {
    connectorURL: connectorURL ?? secureConnectorURL,
    secureConnectorURL,
    directorURL,
    clientID: commonName,
    subject: null,
    establishedAt: time(established) ?? notBefore,
    renewedAt: time(renewed),
  };
}

/** The common name of a certificate, or of the first of a chain; null when it cannot be read. */
export const clientOf = (certificate: string): string | null => readSubject(certificate).commonName || null;

/** Of a certificate that cannot be read nothing is known: whoever uses it says so. */
function readSubject(certificate: string): { commonName: string; notBefore: string } {
  try {
    const parsed = new X509Certificate(certificate);
    const commonName: unknown = parsed.toLegacyObject().subject.CN;
    return {
      commonName: typeof commonName === "string" ? commonName : "",
      notBefore: parsed.validFromDate.toISOString(),
    };
  } catch {
    return { commonName: "", notBefore: new Date(0).toISOString() };
  }
}

function time(text: string | null | undefined): string | null {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
