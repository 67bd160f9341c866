/** The landscape that the sandbox serves: a snapshot document, read again whenever its file changes. */

import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { Failure } from "../common/failure.js";

const madeUpCertificateOAuth = {
  __typename: "CertificateOAuthCredentialData",
  clientId: "sandbox-client",
  certificate: "sandbox-certificate",
  url: "https://auth.sandbox.invalid/oauth/token",
};

/** Which member of the union a credential is; snapshots from queries without `__typename` tell by their fields. */
function withTypeName(credential: Record<string, unknown>, context: z.RefinementCtx): Record<string, unknown> {
  if (typeof credential.__typename === "string") return credential;
  if (Object.keys(credential).length === 0) return madeUpCertificateOAuth;
  if ("username" in credential) return { ...credential, __typename: "BasicCredentialData" };
  if ("clientSecret" in credential) return { ...credential, __typename: "OAuthCredentialData" };
  if ("certificate" in credential) return { ...credential, __typename: "CertificateOAuthCredentialData" };
  context.addIssue({ code: "custom", message: "is none of Basic, OAuth and CertificateOAuth" });
  return z.NEVER;
}

/** Every field of every member is a text; a recording without its secrets has something else there. */
const credential = z
  .record(z.string(), z.union([z.string(), z.null()]))
  .transform(withTypeName)
  .nullish();
const values = z.record(z.string(), z.array(z.string())).nullish();
const text = z.string().nullish();

const csrf = z.looseObject({ tokenEndpointURL: z.string(), credential, additionalHeaders: values });

const auth = z.looseObject({
  credential,
  additionalHeaders: values,
  additionalQueryParams: values,
  requestAuth: z.looseObject({ csrf: csrf.nullish() }).nullish(),
});

const definition = z.looseObject({ id: z.string(), name: z.string(), description: text });

const bundle = z.looseObject({
  id: z.string(),
  name: z.string(),
  description: text,
  instanceAuthRequestInputSchema: text,
  defaultInstanceAuth: auth.nullish(),
  apiDefinitions: z.array(definition.extend({ targetURL: z.string() })).nullish(),
  eventDefinitions: z.array(definition).nullish(),
});

const application = z.looseObject({
  id: z.string(),
  name: z.string(),
  description: text,
  systemNumber: text,
  labels: z.record(z.string(), z.json()).nullish(),
  auths: z.array(z.looseObject({ id: z.string() })).nullish(),
  bundles: z.array(bundle).nullish(),
});

const snapshotForm = z.looseObject({
  kind: z.literal("DirectorSnapshot"),
  version: z.literal(1),
  runtime: z.looseObject({
    id: z.string(),
    name: z.string(),
    labels: z.record(z.string(), z.json()).nullish(),
  }),
  applications: z.array(application),
});

export type Snapshot = z.output<typeof snapshotForm>;
/** A snapshot as it is written: before the names of the union's members are filled in. */
export type SnapshotDocument = z.input<typeof snapshotForm>;
export type Application = Snapshot["applications"][number];
export type Bundle = NonNullable<Application["bundles"]>[number];
export type Auth = NonNullable<Bundle["defaultInstanceAuth"]>;

export interface SnapshotFile {
  /** What the file says now; the last good state while it cannot be read. */
  current(): Promise<Snapshot>;
}

/** One line without any value of the file: the first thing that is wrong, and where. */
function complaint(thrown: unknown): string {
  if (thrown instanceof z.ZodError) {
    const [issue] = thrown.issues;
    return `the snapshot is not valid at ${issue?.path.join(".") || "its root"}`;
  }
  if (thrown instanceof SyntaxError) return "the snapshot is not JSON";
  return `the snapshot cannot be read (${(thrown as NodeJS.ErrnoException).code ?? "unknown reason"})`;
}

/** What tells two states of a file apart, without reading it. */
async function version(file: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join(":");
}

/**
 * Opens a snapshot. No watcher: the file is looked at with each request, so that a change is served by the very next one.
 * `prepare` is done to each state once; `report` gets a sentence when a change cannot be read. Rejects with a Failure when the
 * file is not a snapshot to begin with.
 */
export async function openSnapshot(
  file: string,
  options: { readonly prepare: (snapshot: Snapshot) => Snapshot; readonly report: (complaint: string) => void },
): Promise<SnapshotFile> {
  const load = async () => options.prepare(snapshotForm.parse(JSON.parse(await readFile(file, "utf8"))));

  const before = async () => [await version(file), await load()] as const;
  let [seen, good] = await before().catch((thrown: unknown) => {
    throw new Failure(complaint(thrown), {
      code: "ConfigurationUnreadable",
      stage: "config",
      hint: "Give a file that the command snapshot has written, with --with-secrets: without them there is nothing to serve.",
      cause: thrown,
    });
  });

  return {
    async current() {
      try {
        const now = await version(file);
        if (now === seen) return good;
        seen = now;
        good = await load();
      } catch (thrown) {
        options.report(complaint(thrown));
      }
      return good;
    },
  };
}
