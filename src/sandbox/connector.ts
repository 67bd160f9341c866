/** The Connector: hands out configuration and certificates (contract 1). */

import { generateKeyPair, type X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import type { Authority } from "../adapters/x509/index.js";
import type { Clock } from "../common/clock.js";
import type { Faults } from "./faults.js";
import { createEndpoint, executableSchema } from "./graphql-endpoint.js";
import type { Registry } from "./registry.js";
import { connectorSchema } from "./schema-connector.js";
import { acceptRequest, signRequest, subjectFor } from "./signing.js";

export interface ConnectorOptions {
  readonly authority: Authority;
  readonly registry: Registry;
  readonly faults: Faults;
  readonly clock: Clock;
  /** Of the certificates, in milliseconds. */
  readonly life: number;
  readonly directorURL: string;
  readonly secureConnectorURL: string;
}

/** Who asks: a system auth behind a token or a certificate. */
export type ConnectorContext = {
  readonly clientID: string;
  /** Null when a token was used. */
  readonly certificate: X509Certificate | null;
  /** The header `Tenant` names a tenant that is not the runtime's. */
  readonly foreignTenant: boolean;
  /** The root fields asked for. */
  readonly operations: readonly string[];
};

const generate = promisify(generateKeyPair);

const HOUR = 3600 * 1000;

export function createConnector({ authority, registry, faults, clock, life, ...urls }: ConnectorOptions) {
  const interfere = (operation: string) => {
    if (faults.take("graphql-error", [operation])) throw new Error("Internal Server Error");
  };

  const sign = async (csr: string, clientID: string) => {
    const operation = ["signCertificateSigningRequest"];
    const request = acceptRequest(csr, clientID);
    const later = faults.take("future-certificate", operation) ? HOUR : 0;
    const foreign = faults.take("wrong-certificate", operation) && (await generate("rsa", { modulusLength: 2048 }));
    const { publicKey } = foreign ?? request;
    const signed = signRequest(authority, { ...request, publicKey }, new Date(clock.now().getTime() + later), life);
    registry.recordCertificate(signed.certificate);
    return signed;
  };

  const schema = executableSchema<ConnectorContext>(connectorSchema, {
    Query: {
      configuration: (_, __, { clientID, foreignTenant }) => {
        interfere("configuration");
        if (foreignTenant) {
          throw new Error(
            "Failed to get one-time token during fetching configuration process: could not get one time token: " +
              "tenant not found: cannot read TenantKey key from context",
          );
        }
        // Written whatever is selected (contract 1.6).
        const { raw } = registry.issueToken(clock.now(), clientID);
        return {
          token: { token: raw },
          certificateSigningRequestInfo: { subject: subjectFor(clientID), keyAlgorithm: "rsa2048" },
          managementPlaneInfo: {
            directorURL: urls.directorURL,
            certificateSecuredConnectorURL: urls.secureConnectorURL,
          },
        };
      },
    },
    Mutation: {
      signCertificateSigningRequest: (_, { csr }: { csr: string }, { clientID }) => {
        interfere("signCertificateSigningRequest");
        return sign(csr, clientID);
      },
      revokeCertificate: (_, __, { certificate }) => {
        interfere("revokeCertificate");
        if (certificate === null) {
          throw new Error(
            "Failed to authenticate with certificate: Failed to authenticate with Certificate. Invalid subject.",
          );
        }
        registry.revoke(certificate);
        return true;
      },
    },
  });

  return createEndpoint<ConnectorContext>({
    schema,
    present: ({ message, path }) => ({ message, path }),
    refuse: ({ message, locations }, code) => ({ message, locations, extensions: { code } }),
    finish: (result, { operations }) => {
      if (!faults.take("partial-error", operations)) return result;
      return { errors: [{ message: "Internal Server Error", path: operations.slice(0, 1) }], data: result.data };
    },
  });
}
