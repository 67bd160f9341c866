/** What is kept, as it is read back: checked at the door, wherever it was kept. */

import { z } from "zod";

/** What a text holds; null when it is not what it should be. */
export function understood<T>(text: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const urls = { connectorURL: z.string(), secureConnectorURL: z.string(), directorURL: z.string() };

/** Of a `Connection`. */
export const connectionSchema = z.object({
  ...urls,
  clientID: z.string(),
  subject: z.string().nullable().default(null),
  establishedAt: z.string(),
  renewedAt: z.string().nullable().default(null),
});

/** Of a `PendingIdentity` without what is kept apart: key, token and what was issued. */
export const pendingSchema = z.object({
  tokenDigest: z.string().nullable(),
  since: z.string().default("1970-01-01T00:00:00.000Z"),
  subject: z.string(),
  urls: z.object(urls),
  knownAs: z.string().nullable().default(null),
});

/** Of a `PendingIdentity` in one piece, with the digest of the certificate that was in use when it began. */
export const secretPendingSchema = pendingSchema.extend({
  key: z.string(),
  nextToken: z.string().nullable(),
  issued: z.object({ certificate: z.string(), chain: z.string(), ca: z.string() }).nullable(),
  replaces: z.string().nullable(),
});

/** What goes with a certificate. */
export const secretIdentitySchema = z.object({ connection: connectionSchema, ca: z.string() });

const attemptsSchema = z.object({ since: z.string(), last: z.string(), times: z.number(), failure: z.string() });
const missingSchema = z.object({ observations: z.number(), waited: z.number(), lastSeenMissing: z.string() });
const suspensionSchema = z.object({ since: z.string(), reason: z.string().nullable() });

/** Of a `DeletionRecord`. */
const deletionSchema = z.object({
  serial: z.number().default(0),
  at: z.string(),
  applications: z.number(),
  secrets: z.number(),
  ofApplications: z.number(),
  ofSecrets: z.number(),
});

/** Of a `PublishedApplication`. */
const publishedSchema = z.object({ id: z.string(), intent: z.string(), tree: z.string(), manifest: z.string() });

const writtenSchema = z.object({
  commit: z.string(),
  base: z.string().nullable(),
  intent: z.string(),
  target: z.string().nullable().default(null),
  seen: z.string().nullable().default(null),
});

const requestSchema = z.object({
  number: z.int(),
  url: z.string(),
  state: z.enum(["open", "closed", "merged"]),
  openedAt: z.string(),
});

/** Of the `Proposal`. */
const proposalSchema = z.object({
  place: z.string(),
  written: writtenSchema.nullable(),
  // One at most, before there could be several.
  pending: z.union([
    z.array(writtenSchema),
    writtenSchema.nullable().transform((each) => (each === null ? [] : [each])),
  ]),
  unremoved: z.object({ tip: z.string(), at: z.string() }).nullable().default(null),
  request: requestSchema.nullable(),
  withdrawn: z.array(z.int()).default([]),
  undone: z
    .object({ wishes: z.array(z.enum(["labels", "reviewers", "autoMerge"])), attempts: z.number() })
    .nullable()
    .default(null),
  blocked: z.object({ tip: z.string(), isLabelled: z.boolean(), isDone: z.boolean().default(true) }).nullable(),
  notBefore: z.string().nullable(),
  saying: z.string().nullable().default(null),
  former: z
    .object({ request: requestSchema, commits: z.array(z.string()) })
    .nullable()
    .default(null),
  earlier: z.array(writtenSchema).default([]),
  formerTarget: z.string().nullable().default(null),
});

/** Of the `Memory`; each part that is not there begins empty. */
export const memorySchema = z.object({
  spentTokens: z.array(z.string()).default([]),
  missing: z.record(z.string(), missingSchema).default({}),
  hold: z
    .object({
      set: z.string(),
      nonce: z.string(),
      hash: z.string(),
      since: z.string(),
      units: z.array(z.object({ name: z.string(), id: z.string(), secret: z.string().nullable() })),
    })
    .nullable()
    .default(null),
  approvals: z.array(z.object({ hash: z.string(), expires: z.string() })).default([]),
  proposedApproval: z.string().nullable().default(null),
  suspended: z
    .object({ everything: suspensionSchema.nullable(), applications: z.record(z.string(), suspensionSchema) })
    .default({ everything: null, applications: {} }),
  published: z
    .object({
      target: z.string(),
      serial: z.number(),
      deletions: z.array(deletionSchema),
      applications: z.record(z.string(), publishedSchema),
      others: z.record(z.string(), z.string()).default({}),
    })
    .default({ target: "", serial: 0, deletions: [], applications: {}, others: {} }),
  seen: z.object({ within: z.string(), tip: z.string() }).nullable().default(null),
  underway: z
    .object({
      commit: z.string().nullable(),
      serial: z.number(),
      deletions: z.array(deletionSchema).default([]),
      applications: z.record(z.string(), publishedSchema),
      absentAt: z.string().nullable().default(null),
    })
    .nullable()
    .default(null),
  reverted: z
    .record(z.string(), z.object({ tree: z.string(), intent: z.string(), since: z.string(), resumed: z.boolean() }))
    .default({}),
  labels: z.record(z.string(), z.string()).default({}),
  counters: z
    .array(z.object({ name: z.string(), labels: z.record(z.string(), z.string()), value: z.number() }))
    .default([]),
  lastCycle: z
    .object({
      finishedAt: z.string(),
      result: z.string(),
      commit: z.string().nullable(),
      digest: z.string().nullable(),
      failure: z.string().nullable(),
      applications: z.object({ total: z.number(), held: z.number(), setAside: z.number(), degraded: z.number() }),
    })
    .nullable()
    .default(null),
  applied: z
    .object({
      at: z.string(),
      since: z.string().nullable(),
      revision: z.string().nullable(),
      missing: z.array(z.string()),
      obstacle: z.string().nullable(),
    })
    .nullable()
    .default(null),
  certificate: z
    .object({
      renewal: attemptsSchema.nullable(),
      lastIssuance: z.string().nullable(),
      rejected: attemptsSchema.nullable(),
      refused: z.object({ certificate: z.string(), times: z.number() }).nullable().default(null),
      pairing: attemptsSchema.nullable().default(null),
      subject: z.string().nullable().default(null),
      triedTokens: z.record(z.string(), attemptsSchema),
      isPairingWanted: z.boolean().default(false),
      unreached: attemptsSchema.nullable().default(null),
      lastContact: z.string().nullable(),
      clockSkew: z.number().nullable(),
    })
    .default({
      renewal: null,
      lastIssuance: null,
      rejected: null,
      refused: null,
      pairing: null,
      subject: null,
      triedTokens: {},
      isPairingWanted: false,
      unreached: null,
      lastContact: null,
      clockSkew: null,
    }),
  proposal: proposalSchema.nullable().default(null),
  marked: z.array(z.string()).default([]),
});
