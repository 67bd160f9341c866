/** State in Secrets: the two that the Go agent keeps, under its names (contract 3.5), and one of our own. */

import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { z } from "zod";
import { type Cluster, openCluster, type Place } from "../adapters/kubernetes/index.js";
import { type Clock, systemClock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { equalSecrets } from "../common/same.js";
import { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";
import { clientOf, goAgentConnection } from "./go-agent.js";
import { rehearseLease, takeLease } from "./lease.js";
import { memorySchema, secretIdentitySchema, secretPendingSchema, understood } from "./schemas.js";
import { decode, encode, openSecretKeys, type SecretKeys, type WriteOptions } from "./secret-keys.js";
import type { Connection, PendingIdentity, State } from "./state.js";

export interface KubernetesStateOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the Secret `runtime-agent-state` and the Lease `runtime-agent`. */
  readonly namespace: string;
  /** Of the client certificate: keys crt, key, crtChain. */
  readonly certificate: Place;
  /** Of the authorities that issued it, for Istio: key cacert. */
  readonly authority: Place;
  /** The configured Connector; null when it is not known. */
  readonly connectorURL: string | null;
  /** Whether the addresses of a connection may be used. @default all may */
  readonly isAllowed?: (connection: Connection) => boolean;
  /** @default the one that `env` leads to */
  readonly cluster?: Cluster;
  /** Ends every operation: nobody waits any longer. @default none does */
  readonly end?: AbortSignal;
  /** @default the system's */
  readonly clock?: Clock;
  /** Seconds for which the lock holds without being renewed. @default 30 */
  readonly leaseDuration?: number;
}

const SEAL_KEY_BYTES = 32;
const PENDING = "pending.json";
const MEMORY = "memory.json.gz";
const SEAL_KEY = "seal.key";
/** Never stored. */
const REHEARSAL = "rehearsal";

/** What an identity on its way and the memory may take in addition, in bytes. */
const ROOM = 128 * 1024;

/** What goes with the certificate in use, under a name that no other certificate has. */
const identityKey = (certificate: string) => `identity.${sha256(certificate).slice(0, 16)}.json`;
const isIdentityKey = (key: string) => /^identity\.[0-9a-f]{16}\.json$/.test(key);

/** Opens nothing yet: the cluster is looked for by the first operation. None of them ends with the agent's signal, since
 * what Compass answered must be kept also by an agent that was asked to stop; `end` comes a while after that. */
export function openKubernetesState(options: KubernetesStateOptions): State {
  const { env, namespace, connectorURL, clock = systemClock, leaseDuration = 30, isAllowed = () => true } = options;
  const cluster =
    options.cluster ?? openCluster({ env, stage: "connect", clock, ...(options.end && { signal: options.end }) });
  const certificateKeys = openSecretKeys(cluster, options.certificate);
  const authorityKeys = openSecretKeys(cluster, options.authority);
  const own = openSecretKeys(cluster, { namespace, name: "runtime-agent-state" });
  const lease = { cluster, place: { namespace, name: "runtime-agent" }, clock, duration: leaseDuration };

  /** Of certificate and chain the one that can be read: one is enough. */
  const shownOf = (crt: Secret | null, crtChain: Secret | null): string | null => {
    const both = [crt, crtChain].flatMap((each) => (each === null ? [] : [text(each)]));
    return both.find((each) => clientOf(each) !== null) ?? both[0] ?? null;
  };
  /** The certificate in use, without taking it as known: what decides is what `identity` gave. */
  const peekCertificate = async () => {
    const { crt, key, crtChain } = await certificateKeys.peek("crt", "key", "crtChain");
    return key === null ? null : shownOf(crt, crtChain);
  };
  /** What was kept with it, by its digest; by its client, where somebody changed the Secret and it is the same certificate. */
  const companion = async (certificate: string) => {
    const key = identityKey(certificate);
    const client = clientOf(certificate);
    const kept = async (name: string) => {
      const value = (await own.peek(name))[name];
      return value ? parse(own, name, text(value), secretIdentitySchema) : null;
    };
    const exact = await kept(key);
    if (exact !== null || client === null) return exact;
    const others = await Promise.all((await own.names()).filter(isIdentityKey).map(kept));
    return others.find((each) => each?.connection.clientID === client) ?? null;
  };
  const readConnection = async () => {
    const certificate = await peekCertificate();
    if (certificate === null) return null;
    const kept = await companion(certificate);
    return kept === null ? goAgentConnection(cluster, certificate, connectorURL) : kept.connection;
  };
  const readPending = async () => {
    const value = (await own.read(PENDING))[PENDING];
    // Damaged it cannot go on, and does not stand in the way of the identity in use.
    return value === null ? null : understood(text(value), secretPendingSchema);
  };
  /** What was learned from the Go agent's CompassConnection is ours from now on, whatever becomes of that. */
  const adopt = async () => {
    const certificate = await peekCertificate();
    if (certificate === null || (await companion(certificate)) !== null) return;
    const connection = await goAgentConnection(cluster, certificate, connectorURL);
    // An address that is not allowed is told where it is used; taken over, a person could not mend it any more.
    if (connection === null || !isAllowed(connection)) return;
    const { cacert } = await authorityKeys.peek("cacert");
    const kept = { connection, ca: cacert === null ? "" : text(cacert) };
    // Changed meanwhile: the addresses may belong to the next one.
    if ((await peekCertificate()) !== certificate) return;
    await own.write({ [identityKey(certificate)]: json(kept) });
  };
  /** Istio's copy of the authority, which somebody lost: a renewal would bring it back, too, but months later. */
  const restoreAuthority = async () => {
    const certificate = await peekCertificate();
    const ca = certificate === null ? null : (await companion(certificate))?.ca;
    if (!ca || (await authorityKeys.peek("cacert")).cacert !== null) return;
    await overwrite(authorityKeys, { cacert: encode(ca) });
  };
  const othersThan = async (certificate: string | null) => {
    const kept = certificate === null ? null : identityKey(certificate);
    const others = (await own.names()).filter((key) => isIdentityKey(key) && key !== kept);
    return Object.fromEntries(others.map((key) => [key, null]));
  };

  return {
    description: `Kubernetes, namespace ${namespace}`,
    cache: join(env.TMPDIR || tmpdir(), `runtime-agent-${process.getuid?.() ?? "cache"}`),
    checkWritable: async () => {
      await rehearseLease(lease);
      // Room for what is on its way; and other values, since a Secret may be immutable.
      const other = encode(randomBytes(16));
      await own.rehearse({ [REHEARSAL]: encode(randomBytes(ROOM)) });
      await certificateKeys.rehearse({ crt: other, key: other, crtChain: other });
      await authorityKeys.rehearse({ cacert: other });
    },
    lock: async () => {
      const unlock = await takeLease(lease);
      try {
        await adopt();
        // Where it cannot be written the agent works all the same; the doctor says so.
        await restoreAuthority().catch(() => undefined);
      } catch (thrown) {
        await unlock();
        throw thrown;
      }
      return unlock;
    },

    identity: async () => {
      const { crt, key, crtChain } = await certificateKeys.read("crt", "key", "crtChain");
      if (key === null || (crt === null && crtChain === null)) return null;
      const ca = (await companion(shownOf(crt, crtChain) ?? ""))?.ca;
      const { cacert } = ca === undefined ? await authorityKeys.peek("cacert") : { cacert: null };
      return {
        key: Secret.of(text(key)),
        // With one of both it still serves, until it is renewed.
        certificate: crt === null ? "" : text(crt),
        chain: crtChain === null ? "" : text(crtChain),
        // Where Istio's is gone, the identity still serves to reach Compass.
        ca: ca ?? (cacert === null ? "" : text(cacert)),
      };
    },
    connection: readConnection,

    pending: async () => {
      const kept = await readPending();
      if (kept === null) return null;
      const { key, nextToken, replaces: _replaces, ...pending } = kept;
      return { ...pending, key: Secret.of(key), nextToken: nextToken === null ? null : Secret.of(nextToken) };
    },
    savePending: async (pending) => {
      const former = pending.issued === null ? null : (await own.peek(PENDING))[PENDING];
      const begun = former ? understood(text(former), secretPendingSchema) : null;
      const isContinued = begun !== null && equalSecrets(begun.key, pending.key.reveal());
      const replaces = isContinued ? begun.replaces : await digestInUse();
      await own.write({ [PENDING]: json(serialise(pending, replaces)) });
    },
    discardPending: () => own.write({ [PENDING]: null }),

    promote: async ({ key, ...issued }, connection) => {
      const pending = await readPending();
      const isRenewal = pending !== null && pending.tokenDigest === null && equalSecrets(pending.key, key.reveal());
      const wanted = { crt: encode(issued.certificate), key: encode(key.reveal()), crtChain: encode(issued.chain) };
      // What another agent renewed since is no worse than ours; a person's new token is meant to replace it.
      const when: WriteOptions["when"] = (found) => !isRenewal || digestOf(found?.data.get("crt")) === pending.replaces;
      try {
        await certificateKeys.check(wanted, { when });
        // Under the digest of its certificate, so that it is nobody's until that is in use.
        await own.write({ [identityKey(issued.certificate)]: json({ connection, ca: issued.ca }) });
        await overwrite(authorityKeys, { cacert: encode(issued.ca) });
        // The one step that puts the identity in use.
        await certificateKeys.write(wanted, { when });
      } catch (thrown) {
        if (isRenewal && isStateConflict(thrown)) {
          await own.write({ [PENDING]: null, [identityKey(issued.certificate)]: null });
        }
        throw thrown;
      }
      await own.write({ [PENDING]: null, ...(await othersThan(issued.certificate)) });
    },

    forgetIdentity: async () => {
      // First: without it none is in use, however far the removal comes. Everything else in it stays.
      await certificateKeys.write({ crt: null, key: null, crtChain: null });
      await own.write({ [PENDING]: null, ...(await othersThan(null)) });
    },

    memory: async () => {
      const value = (await own.read(MEMORY))[MEMORY];
      if (value === null) return memorySchema.parse({});
      const unpacked = await promisify(gunzip)(decode(value)).catch(() => {
        throw damaged(own, MEMORY);
      });
      return parse(own, MEMORY, unpacked.toString("utf8"), memorySchema);
    },
    // With many Applications it is larger than a Secret may be, until it is packed.
    saveMemory: async (memory) => own.write({ [MEMORY]: encode(await promisify(gzip)(JSON.stringify(memory))) }),

    sealKey: async (create) => {
      for (;;) {
        const value = (await own.read(SEAL_KEY))[SEAL_KEY];
        if (value !== null) {
          const key = Buffer.from(text(value).trim(), "base64");
          if (key.length !== SEAL_KEY_BYTES) throw damaged(own, SEAL_KEY);
          return key;
        }
        if (!create) return null;
        // In the form of the file `seal.key`, so that it can be carried from one place to the other.
        const made = `${randomBytes(SEAL_KEY_BYTES).toString("base64")}\n`;
        await own.write({ [SEAL_KEY]: encode(made) }).catch((thrown: unknown) => {
          // Another made one just now: that is the one.
          if (!isStateConflict(thrown)) throw thrown;
        });
      }
    },
  };

  /** Of the certificate that the caller knows to be in use, or else of the one that is. */
  async function digestInUse(): Promise<string | null> {
    const known = certificateKeys.known("crt");
    return known === undefined ? digestOf((await certificateKeys.peek("crt")).crt) : digestOf(known);
  }
}

/** Istio's copy has no owner to fight with: whoever issued last is right. */
async function overwrite(keys: SecretKeys, changes: Readonly<Record<string, Secret | null>>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await keys.read(...Object.keys(changes));
    try {
      return await keys.write(changes);
    } catch (thrown) {
      if (!isStateConflict(thrown) || attempt >= 3) throw thrown;
    }
  }
}

const isStateConflict = (thrown: unknown) => thrown instanceof Failure && thrown.code === "StateConflict";

const serialise = ({ key, nextToken, ...pending }: PendingIdentity, replaces: string | null) => ({
  ...pending,
  replaces,
  key: key.reveal(),
  nextToken: nextToken?.reveal() ?? null,
});

const text = (value: Secret) => decode(value).toString("utf8");
const json = (value: unknown) => encode(`${JSON.stringify(value, null, 2)}\n`);
const digestOf = (value: Secret | null | undefined) =>
  value === null || value === undefined || value.isEmpty ? null : sha256(text(value));

function parse<T>({ title }: SecretKeys, key: string, content: string, schema: z.ZodType<T>): T {
  const found = understood(content, schema);
  if (found === null) throw damaged({ title }, key);
  return found;
}

const damaged = ({ title }: Pick<SecretKeys, "title">, key: string) =>
  new Failure(`the ${title} is damaged: key ${key} cannot be read`, {
    code: "StateUnreadable",
    stage: "connect",
    hint: "Restore it from a backup, or remove this key: what is lost with it stands in docs/reference/state.md.",
  });
