/** The two operations of the Connector that pairing needs, and what its refusals mean (contract 1.1, 1.7, 12.1). */

import { randomUUID } from "node:crypto";
import { z } from "zod";
import { callGraphQL, type GraphQLAnswer } from "../adapters/graphql/index.js";
import type { HTTPFetch } from "../adapters/http/index.js";
import { Failure, type FailureOptions } from "../common/failure.js";
import { Secret } from "../common/secret.js";

const CONFIGURATION = `query Configuration {
  configuration {
    token { token }
    certificateSigningRequestInfo { subject keyAlgorithm }
    managementPlaneInfo { directorURL certificateSecuredConnectorURL }
  }
}`;

const SIGN = `mutation SignCertificateSigningRequest($csr: String!) {
  signCertificateSigningRequest(csr: $csr) { certificateChain caCertificate clientCertificate }
}`;

const configurationAnswer = z.object({
  configuration: z.object({
    token: z.object({ token: z.string().min(1) }),
    certificateSigningRequestInfo: z.object({ subject: z.string().min(1) }),
    managementPlaneInfo: z.object({
      directorURL: z.string().min(1),
      certificateSecuredConnectorURL: z.string().min(1),
    }),
  }),
});

const certificateAnswer = z.object({
  signCertificateSigningRequest: z.object({
    certificateChain: z.string().min(1),
    caCertificate: z.string().min(1),
    clientCertificate: z.string().min(1),
  }),
});

export interface PairingConfiguration {
  readonly nextToken: Secret;
  readonly subject: string;
  readonly directorURL: string;
  readonly secureConnectorURL: string;
}

/** PEM texts. */
export interface IssuedCertificate {
  readonly certificate: string;
  readonly chain: string;
  readonly ca: string;
}

export interface TokenCall {
  readonly url: string;
  readonly fetch: HTTPFetch;
  readonly token: Secret;
}

/**
 * A refusal by the Connector itself: the token of the call is spent. Anything else (network, 5xx, an empty 400) leaves
 * that open, since a passing outage looks the same (contract 12.2).
 */
export class AnsweredByConnector extends Failure {}

/** First token call. The token is spent by it. */
export async function askConfiguration(call: TokenCall): Promise<PairingConfiguration> {
  const { configuration } = await ask(call, "configuration", CONFIGURATION, {}, configurationAnswer);
  return {
    nextToken: Secret.of(configuration.token.token),
    subject: configuration.certificateSigningRequestInfo.subject,
    directorURL: configuration.managementPlaneInfo.directorURL,
    secureConnectorURL: configuration.managementPlaneInfo.certificateSecuredConnectorURL,
  };
}

/** Second token call. Never repeated blindly: its token is spent as soon as it arrives. */
export async function askCertificate(call: TokenCall, csr: string): Promise<IssuedCertificate> {
  const variables = { csr: Buffer.from(csr).toString("base64") };
  const answer = await ask(call, "signCertificateSigningRequest", SIGN, variables, certificateAnswer);
  const { clientCertificate, certificateChain, caCertificate } = answer.signCertificateSigningRequest;
  const pem = (base64: string) => Buffer.from(base64, "base64").toString("utf8");
  return { certificate: pem(clientCertificate), chain: pem(certificateChain), ca: pem(caCertificate) };
}

async function ask<T>(
  { url, fetch, token }: TokenCall,
  operation: string,
  document: string,
  variables: Record<string, unknown>,
  schema: z.ZodType<T>,
): Promise<T> {
  const headers = { "Connector-Token": token.reveal(), "x-request-id": randomUUID() };
  const answer = await callGraphQL({ url, fetch, document, variables, headers });
  if (answer.kind !== "data") throw refusal(operation, answer);
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  throw new AnsweredByConnector(`the Connector's answer to ${operation} has not the agreed shape`, {
    code: "AnswerMalformed",
    stage: "connect",
    hint: "The Connector is of an unknown version, or something else answers in its place. A new token is needed.",
  });
}

function refusal(operation: string, answer: Exclude<GraphQLAnswer, { kind: "data" }>): Failure {
  const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
    new Failure(message, { ...options, stage: "connect" });
  if (answer.kind === "errors") {
    const reason = answer.errors.map(({ message }) => knownReason(message)).find((known) => known !== null);
    return new AnsweredByConnector(
      `the Connector refused ${operation}${reason ? `: ${reason}` : ""} (HTTP ${answer.status})`,
      {
        code: "ConnectorRejected",
        stage: "connect",
        hint: "The token is spent by this. Ask for a new one; when it is refused again, ask the owner of Compass.",
      },
    );
  }
  if (answer.kind === "malformed") {
    return fail(`something other than a Connector answered ${operation}`, {
      code: "AnswerMalformed",
      hint: "Check compass.connectorURL: it ends in /connector/graphql.",
    });
  }
  if (answer.status === 429 || answer.status >= 500) {
    return fail(`the Connector is not available (HTTP ${answer.status} for ${operation})`, {
      code: answer.status === 429 ? "RateLimited" : "ServerError",
      retryable: true,
      hint: "Try again with the same token; if it is then refused, it was spent by this call and a new one is needed.",
    });
  }
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    return fail(`the Connector did not accept the token (HTTP ${answer.status})`, {
      code: "TokenRejected",
      hint: "It is wrong, used, or older than 60 minutes: ask for a new one. Only if Compass has an outage, try this one again.",
    });
  }
  return fail(`no Connector answers at this address (HTTP ${answer.status})`, {
    code: "ConnectorRejected",
    hint: "Check compass.connectorURL: it ends in /connector/graphql.",
  });
}

// The Connector's words are shown only as far as they are known (contract 1.5): nothing that was sent can come back in them.
const KNOWN =
  /CSR: (?:No|Invalid) (?:country|organization|organizational unit|locality|province|common name) provided|CSR signature invalid|requested SignatureAlgorithm does not match private key type/;

const knownReason = (message: string) => KNOWN.exec(message)?.[0] ?? null;
