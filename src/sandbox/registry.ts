/** What Compass remembers of the runtime: system auths, one-time tokens, certificates, labels. Kept in one file. */

import { createHash, randomBytes, randomUUID, type X509Certificate } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";

/** Contract 1.3. */
const TOKEN_LIFETIME = 60 * 60 * 1000;

const stateForm = z.object({
  version: z.literal(1),
  tenant: z.string(),
  /** Of the sandbox's clock, in milliseconds. */
  clockOffset: z.number(),
  condition: z.enum(["INITIAL", "CONNECTED"]),
  /** Set by the runtime; they stand over those of the snapshot. */
  labels: z.record(z.string(), z.json()),
  systemAuths: z.array(
    z.object({
      id: z.string(),
      token: z.object({ digest: z.string(), createdAt: z.number(), used: z.boolean() }).nullable(),
    }),
  ),
  /** Fingerprints. */
  issued: z.array(z.string()),
  revoked: z.array(z.string()),
});

type State = z.infer<typeof stateForm>;
/** Any JSON. */
export type LabelValue = State["labels"][string];

export interface IssuedToken {
  readonly raw: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface Registry {
  readonly tenant: string;
  readonly condition: State["condition"];
  readonly labels: Readonly<State["labels"]>;
  readonly systemAuths: readonly string[];
  readonly clockOffset: number;
  setClockOffset(offset: number): void;
  /** A fresh one-time token: of that system auth, whose former token it replaces, or of a new one. */
  issueToken(now: Date, systemAuthID?: string): IssuedToken;
  /** Uses the token up and gives its system auth; null when it is unknown, used or expired. */
  spendToken(raw: string, now: Date): string | null;
  recordCertificate(certificate: X509Certificate): void;
  /** The system auth that a certificate stands for; null when it is unknown or the certificate is revoked. */
  identify(certificate: X509Certificate): string | null;
  revoke(certificate: X509Certificate): void;
  /** Revokes every certificate issued so far; gives their number. */
  revokeAll(): number;
  setLabel(key: string, value: LabelValue): void;
  /** Contract 2.4: the first request to Director connects the runtime. */
  connect(): void;
}

const digest = (raw: string) => createHash("sha256").update(raw).digest("hex");

const commonName = (certificate: X509Certificate) => /^CN=(.*)$/m.exec(certificate.subject)?.[1];

function read(file: string): State | null {
  try {
    return stateForm.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw thrown;
  }
}

/** Opens what is kept in `file`, or begins anew for `tenant`. Every change is written before it is answered. */
export function openRegistry(file: string, tenant: string): Registry {
  const state: State = read(file) ?? {
    version: 1,
    tenant,
    clockOffset: 0,
    condition: "INITIAL",
    labels: {},
    systemAuths: [],
    issued: [],
    revoked: [],
  };

  const save = () => {
    writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  save();

  return {
    tenant: state.tenant,
    get condition() {
      return state.condition;
    },
    get labels() {
      return state.labels;
    },
    get systemAuths() {
      return state.systemAuths.map(({ id }) => id);
    },
    get clockOffset() {
      return state.clockOffset;
    },

    setClockOffset(offset) {
      state.clockOffset = offset;
      save();
    },

    issueToken(now, systemAuthID) {
      const raw = randomBytes(64).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
      const token = { digest: digest(raw), createdAt: now.getTime(), used: false };
      const known = state.systemAuths.find(({ id }) => id === systemAuthID);
      if (known) known.token = token;
      else state.systemAuths.push({ id: systemAuthID ?? randomUUID(), token });
      save();
      return { raw, createdAt: now, expiresAt: new Date(now.getTime() + TOKEN_LIFETIME) };
    },

    spendToken(raw, now) {
      const wanted = digest(raw);
      const owner = state.systemAuths.find(({ token }) => token?.digest === wanted);
      if (!owner?.token || owner.token.used || owner.token.createdAt + TOKEN_LIFETIME < now.getTime()) return null;
      owner.token.used = true;
      save();
      return owner.id;
    },

    recordCertificate(certificate) {
      state.issued.push(certificate.fingerprint256);
      save();
    },

    identify(certificate) {
      if (state.revoked.includes(certificate.fingerprint256)) return null;
      const name = commonName(certificate);
      return state.systemAuths.find(({ id }) => id === name)?.id ?? null;
    },

    revoke(certificate) {
      state.revoked.push(certificate.fingerprint256);
      save();
    },

    revokeAll() {
      const fresh = state.issued.filter((fingerprint) => !state.revoked.includes(fingerprint));
      state.revoked.push(...fresh);
      save();
      return fresh.length;
    },

    setLabel(key, value) {
      // Every Director request upserts a label (contract 2.11): no write when nothing changes.
      if (JSON.stringify(state.labels[key]) === JSON.stringify(value)) return;
      state.labels[key] = value;
      save();
    },

    connect() {
      if (state.condition === "CONNECTED") return;
      state.condition = "CONNECTED";
      save();
    },
  };
}
