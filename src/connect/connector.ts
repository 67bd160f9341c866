/** The operations of the Connector, and what its refusals mean (contract 1.1, 1.7, 12.1, 12.2). */

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

const REVOKE = "mutation RevokeCertificate { revokeCertificate }";

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

/** A call of the Connector: by a one-time token, or over mTLS by the client certificate that `fetch` shows. */
export interface ConnectorCall {
  readonly url: string;
  readonly fetch: HTTPFetch;
  /** Null: the certificate speaks for us. */
  readonly token: Secret | null;
  /** External tenant, sent as the header `Tenant` over mTLS; null sends none (contract 1.2). @default null */
  readonly tenant?: string | null;
  /** @default null, when it is not known yet */
  readonly runtimeID?: string | null;
}

/**
 * A refusal by the Connector itself: the token of the call is spent. Anything else (network, 5xx, an empty 400) leaves
 * that open, since a passing outage looks the same (contract 12.2).
 */
export class AnsweredByConnector extends Failure {}

/** The same, with a part of what was asked beside it: that part was done. */
export class AnsweredInPart extends AnsweredByConnector {}

/**
 * A refusal before anybody looked at the call: nothing was done. No 503 is one: with it the Connector's server gives up
 * waiting for an operation that goes on (contract 1.7).
 */
export class NotServed extends Failure {}

/** True when no certificate came of the call, whatever was asked; false when that is open, as after a cut answer. */
export const issuedNothing = (thrown: unknown): boolean =>
  thrown instanceof NotServed ||
  (thrown instanceof AnsweredByConnector && !(thrown instanceof AnsweredInPart) && thrown.code === "ConnectorRejected");

/** First call. A token is spent by it; over mTLS it makes Director write one, so it is not asked without need (contract 1.6). */
export async function askConfiguration(call: ConnectorCall): Promise<PairingConfiguration> {
  const { configuration } = await ask(call, "configuration", CONFIGURATION, {}, configurationAnswer);
  return {
    nextToken: Secret.of(configuration.token.token),
    subject: configuration.certificateSigningRequestInfo.subject,
    directorURL: configuration.managementPlaneInfo.directorURL,
    secureConnectorURL: configuration.managementPlaneInfo.certificateSecuredConnectorURL,
  };
}

/** Second call. With a token never repeated blindly: it is spent as soon as it arrives. Over mTLS it may be. */
export async function askCertificate(call: ConnectorCall, csr: string): Promise<IssuedCertificate> {
  const variables = { csr: Buffer.from(csr).toString("base64") };
  const answer = await ask(call, "signCertificateSigningRequest", SIGN, variables, certificateAnswer);
  const { clientCertificate, certificateChain, caCertificate } = answer.signCertificateSigningRequest;
  const pem = (base64: string) => Buffer.from(base64, "base64").toString("utf8");
  return { certificate: pem(clientCertificate), chain: pem(certificateChain), ca: pem(caCertificate) };
}

/** Revokes the certificate of the call. Resolves when the Connector said `true`, and not otherwise. */
export async function askRevocation(call: ConnectorCall): Promise<void> {
  await ask(call, "revokeCertificate", REVOKE, {}, z.object({ revokeCertificate: z.literal(true) }));
}

/** Asks for nothing: an answer means that the Connector is there and accepts the certificate. */
export async function askTypename(call: ConnectorCall): Promise<void> {
  await ask(call, "__typename", "query Typename { __typename }", {}, z.object({ __typename: z.string() }));
}

async function ask<T>(
  call: ConnectorCall,
  operation: string,
  document: string,
  variables: Record<string, unknown>,
  schema: z.ZodType<T>,
): Promise<T> {
  const { url, fetch, token, tenant = null, runtimeID = null } = call;
  const headers = {
    "x-request-id": runtimeID === null ? randomUUID() : `${runtimeID}_${randomUUID()}`,
    ...(token === null ? {} : { "Connector-Token": token.reveal() }),
    ...(token !== null || tenant === null ? {} : { Tenant: tenant }),
  };
  const answer = await callGraphQL({ url, fetch, document, variables, headers });
  if (answer.kind !== "data") throw refusal(operation, answer, token === null ? "certificate" : "token");
  const parsed = schema.safeParse(answer.data);
  if (parsed.success) return parsed.data;
  throw new AnsweredByConnector(`the Connector's answer to ${operation} has not the agreed shape`, {
    code: "AnswerMalformed",
    stage: "connect",
    hint:
      token === null
        ? "The Connector is of an unknown version, or something else answers in its place."
        : "The Connector is of an unknown version, or something else answers in its place. A new token is needed.",
  });
}

function refusal(
  operation: string,
  answer: Exclude<GraphQLAnswer, { kind: "data" }>,
  by: "token" | "certificate",
): Failure {
  const fail = (message: string, options: Omit<FailureOptions, "stage">) =>
    new Failure(message, { ...options, stage: "connect" });
  if (answer.kind === "errors") {
    const reason = answer.errors.map(({ message }) => knownReason(message)).find((known) => known !== null);
    const Kind = answer.partial ? AnsweredInPart : AnsweredByConnector;
    return new Kind(`the Connector refused ${operation}${reason ? `: ${reason}` : ""} (HTTP ${answer.status})`, {
      code: "ConnectorRejected",
      stage: "connect",
      hint:
        by === "token"
          ? "The token is spent by this. Ask for a new one; when it is refused again, ask the owner of Compass."
          : "Nothing was changed. When it stays, ask the owner of Compass.",
    });
  }
  if (answer.kind === "malformed") {
    return fail(`something other than a Connector answered ${operation}`, {
      code: "AnswerMalformed",
      hint:
        by === "token"
          ? "Check compass.connectorURL: it ends in /connector/graphql."
          : "A proxy or a login page answers in its place: check the network.",
      retryable: by === "certificate",
    });
  }
  if (answer.status === 429 || answer.status >= 500) {
    const Kind = answer.status === 429 ? NotServed : Failure;
    return new Kind(`the Connector is not available (HTTP ${answer.status} for ${operation})`, {
      code: answer.status === 429 ? "RateLimited" : "ServerError",
      stage: "connect",
      retryable: true,
      hint:
        by === "token"
          ? "Try again with the same token; if it is then refused, it was spent by this call and a new one is needed."
          : "It is tried again; the certificate in use stays in use.",
    });
  }
  if (by === "certificate" && (answer.status === 400 || answer.status === 401 || answer.status === 403)) {
    return fail(`the Connector did not accept the client certificate (HTTP ${answer.status} for ${operation})`, {
      code: "CredentialsRejected",
      hint: REJECTED,
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

/** What may be behind an answer without an identity (contract 12.2), and what to do. */
const REJECTED =
  "It was revoked, or the runtime is gone: then a new token is needed. Or Compass has an outage: then it passes, and nothing has to be done.";

// The Connector's words are shown only as far as they are known (contract 1.5): nothing that was sent can come back in them.
const KNOWN =
  /CSR: (?:No|Invalid) (?:country|organization|organizational unit|locality|province|common name) provided|CSR signature invalid|requested SignatureAlgorithm does not match private key type/;

const knownReason = (message: string) => KNOWN.exec(message)?.[0] ?? null;
