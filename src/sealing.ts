/** From the configuration to a way of sealing: the sealing certificate is fetched where it is, and looked at. */

import { createHTTPClient } from "./adapters/http/index.js";
import { openCluster } from "./adapters/kubernetes/index.js";
import type { Clock } from "./common/clock.js";
import { asFailure, Failure, inOtherWords } from "./common/failure.js";
import { type Config, readSecret, type SecretReference } from "./config/index.js";
import { SOPS_CONFIG_PATH } from "./render/index.js";
import { expiryNote, readSealingCertificate, type SealMode } from "./seal/index.js";
import { type Environment, proxyOf } from "./setup.js";
import { sopsConfigText } from "./sops-config.js";
import { vaultRecipient } from "./vault-recipient.js";

export interface SealingOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Sealing {
  readonly mode: SealMode;
  /** What the user should know of it. */
  readonly notes: readonly string[];
  /** Files beside the inventory that go with it: text by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Ends the connections to who wraps keys. */
  readonly close: () => Promise<void>;
}

const PLAINLY = { notes: [], files: new Map<string, string>(), close: async () => undefined };

type CertificateSource = NonNullable<Config["secrets"]["sealedSecrets"]["certificate"]>;

/** Throws `SealingImpossible` for a certificate that nothing may be sealed with, and what the way to it throws. */
export async function openSealing(config: Config, options: SealingOptions): Promise<Sealing> {
  const { mode, sops, sealedSecrets } = config.secrets;
  switch (mode) {
    case "plain":
      return {
        ...PLAINLY,
        mode: { mode },
        notes: ["secrets.mode is plain: everybody who can read the repository can read the credentials"],
      };
    case "sops": {
      const files = sops.configFile ? new Map([[SOPS_CONFIG_PATH, sopsConfigText(sops)]]) : PLAINLY.files;
      if (sops.vault === null) return { ...PLAINLY, mode: { mode, recipients: sops.age }, files };
      const { recipient, close } = await openVault(sops.vault, config, options);
      return { ...PLAINLY, mode: { mode, recipients: sops.age, others: [recipient] }, files, close };
    }
    case "sealed-secrets": {
      const { scope, managed, resealAfter, certificate: source } = sealedSecrets;
      if (source === null) throw new TypeError("a missing certificate got past the check of the configuration");
      const now = options.clock.now();
      const { pem, place } = await fetchCertificate(source, config, options);
      const certificate = readSealingCertificate(pem, place, now);
      const note = expiryNote(certificate, now);
      return {
        ...PLAINLY,
        mode: { mode, certificate, scope, managed, resealAfter },
        notes: note === null ? [] : [note],
      };
    }
    case "cluster":
      return { ...PLAINLY, mode: { mode } };
  }
}

type VaultConfig = NonNullable<Config["secrets"]["sops"]["vault"]>;

async function openVault(
  { address, engine, keyName, token, ca }: VaultConfig,
  config: Config,
  options: SealingOptions,
) {
  const { env, signal, clock } = options;
  const read = (reference: SecretReference, purpose: string) =>
    readSecret(reference, { env, stage: "seal", purpose, signal });
  const client = createHTTPClient({
    stage: "seal",
    peer: "the transit engine",
    ca: ca === null ? undefined : (await read(ca, "authorities of the transit engine")).reveal(),
    proxy: proxyOf(config.proxy, env),
    timeout: TIMEOUT,
    maxBytes: LARGEST,
    signal,
    now: () => clock.now(),
  });
  const recipient = vaultRecipient({
    address: address.replace(/\/+$/, ""),
    engine,
    key: keyName,
    token: await read(token, "token of the transit engine"),
    client,
  });
  return { recipient, close: () => client.close() };
}

interface Fetched {
  readonly pem: string;
  /** As messages name it. */
  readonly place: string;
}

/** Of one call, in milliseconds. */
const TIMEOUT = 30_000;

/** A certificate with its chain is some kilobytes. */
const LARGEST = 1024 * 1024;

async function fetchCertificate(source: CertificateSource, config: Config, options: SealingOptions): Promise<Fetched> {
  const { env, signal, clock } = options;
  if ("file" in source) {
    const reference = { kind: "file", path: source.file } as const;
    const read = await readSecret(reference, { env, stage: "seal", purpose: "sealing certificate", signal });
    return { pem: read.reveal(), place: "secrets.sealedSecrets.certificate.file" };
  }
  if ("controller" in source) {
    const { namespace, name } = source.controller;
    const cluster = openCluster({ env, stage: "seal", clock, signal, timeout: TIMEOUT });
    const pem = await cluster.serviceText({ namespace, name, path: "v1/cert.pem" });
    return { pem, place: `the controller ${namespace}/${name}` };
  }
  return { pem: await download(source.url, config, options), place: new URL(source.url).host };
}

async function download(url: string, { proxy }: Config, { env, signal, clock }: SealingOptions): Promise<string> {
  const peer = "the server of the sealing certificate";
  const client = createHTTPClient({
    stage: "seal",
    peer,
    proxy: proxyOf(proxy, env),
    timeout: TIMEOUT,
    maxBytes: LARGEST,
    signal,
    now: () => clock.now(),
  });
  try {
    const answer = await client.fetch(url).catch((thrown: unknown) => {
      const failure = asFailure(thrown, "seal");
      if (failure.code !== "TlsUntrusted") throw failure;
      throw inOtherWords(
        failure,
        failure.message,
        "Add its authority by NODE_EXTRA_CA_CERTS; or fetch the certificate and give it as secrets.sealedSecrets.certificate.file.",
      );
    });
    if (!answer.ok) {
      throw new Failure(`${peer} at ${new URL(url).host} answered with HTTP ${answer.status}`, {
        code: answer.status >= 500 ? "ServerError" : "SealingImpossible",
        stage: "seal",
        retryable: answer.status >= 500,
        hint: "Check secrets.sealedSecrets.certificate.url; the controller serves it at /v1/cert.pem.",
      });
    }
    return await answer.text();
  } finally {
    await client.close();
  }
}
