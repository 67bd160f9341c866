/** The renewal by the configuration: at once by hand, or when it is due. */

import { changeCertificateMemory, noteFailedRenewal, noteProof, noteRejection } from "./certificate-memory.js";
import { asFailure } from "./common/failure.js";
import type { Config } from "./config/index.js";
import {
  type CertificateDates,
  checkConnection,
  complete,
  findIdentity,
  type Issued,
  renew,
  renewalTime,
  tokenNeeded,
  type Usable,
  unprovenRenewal,
} from "./connect/index.js";
import { type IdentityOptions, proofOf, withClient } from "./identity-client.js";

/** When a certificate is due by the configuration; the client's id stands in for a runtime that is not configured. */
export const renewalDue = (
  { certificate, runtime, schedule }: Config,
  dates: CertificateDates,
  clientID: string,
): Date => renewalTime(dates, { renewAt: certificate.renewAt, every: schedule.every }, runtime.id ?? clientID);

export interface RenewedCertificate extends CertificateDates {
  readonly host: string;
}

/** Renews at once, by hand: no waiting after failures. Throws `TokenNeeded` when there is nothing to renew with. */
export async function renewIdentity(options: IdentityOptions): Promise<RenewedCertificate> {
  const { state, clock } = options;
  const usable = await findIdentity(state, clock.now());
  if (typeof usable === "string") {
    const renewed = unprovenRenewal(await state.pending(), clock.now());
    if (renewed === null) throw tokenNeeded(usable);
    return { ...(await completePending(renewed, options)), host: new URL(renewed.urls.secureConnectorURL).host };
  }
  const dates = await renewBy(usable, options, false);
  return { ...dates, host: new URL(usable.connection.secureConnectorURL).host };
}

/** `isAutomatic`: the time of the signing request is stored, so that there are not too many. */
export async function renewBy(
  usable: Usable,
  options: IdentityOptions,
  isAutomatic: boolean,
): Promise<CertificateDates> {
  const { config, state, clock } = options;
  const { identity, connection } = usable;
  const { renewal, lastIssuance } = (await state.memory()).certificate;
  const prove = await proofOf(options);
  try {
    checkConnection(connection, config.compass.hosts);
    const dates = await withClient(options, usable, ({ fetch }) =>
      renew({
        state,
        fetch,
        identity,
        connection,
        hosts: config.compass.hosts,
        keySize: config.certificate.keySize,
        runtimeID: config.runtime.id,
        tenant: config.runtime.tenant,
        clock,
        prove,
        failures: renewal?.times ?? 0,
        until: usable.dates.notAfter,
        onSubject: async (subject) => {
          if (subject !== connection.subject) await changeCertificateMemory(state, { subject });
        },
        beforeIssuance: async () => {
          if (isAutomatic) await changeCertificateMemory(state, { lastIssuance: clock.now().toISOString() });
        },
        onNothingIssued: async () => {
          await changeCertificateMemory(state, { lastIssuance });
        },
      }),
    );
    await noteProof(state, clock.now());
    return dates;
  } catch (thrown) {
    const { code } = asFailure(thrown, "connect");
    await noteFailedRenewal(state, code, clock.now());
    if (code !== "Aborted") {
      // Before there is another one, it is the one in use that was refused.
      if ((await state.pending())?.issued == null) await noteRejection(state, code, clock.now());
    }
    throw thrown;
  }
}

/** Proves and uses a renewed certificate whose predecessor cannot be used any more. */
export async function completePending(pending: Issued, options: IdentityOptions): Promise<CertificateDates> {
  const { state, clock, config } = options;
  const { hosts } = config.compass;
  try {
    const dates = await complete(pending, { state, clock, prove: await proofOf(options), hosts, former: null });
    await noteProof(state, clock.now());
    return dates;
  } catch (thrown) {
    // Whoever rests until the next try knows by it how long.
    await noteFailedRenewal(state, asFailure(thrown, "connect").code, clock.now());
    throw thrown;
  }
}
