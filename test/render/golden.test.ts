/** The pure half of test/e2e/golden.test.ts: model and render over the recorded answer (test/golden/README.md). */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSnapshot } from "../../src/fetch/index.js";
import type { KubernetesObject } from "../../src/render/index.js";
import { cycle } from "../builders.js";

const GOLDEN = join(import.meta.dirname, "..", "golden");

interface Entry {
  name?: string;
  credentials?: unknown;
  requestParametersSecretName?: string;
}
interface RecordedApplication {
  metadata: { name: string };
  spec: { compassMetadata: { authentication: { clientIds: string[] } }; services: { entries: Entry[] }[] };
  status?: unknown;
}
interface RecordedSecret {
  metadata: { name: string; labels: { app: string }; ownerReferences?: unknown };
  data: Record<string, string>;
}

const recorded = async <T>(name: string) => JSON.parse(await readFile(join(GOLDEN, "expected", name), "utf8")) as T[];

/** As recorded, without what is not written here, and with the differences on purpose. */
function expectedApplication({ status: _status, ...application }: RecordedApplication): RecordedApplication {
  const { spec, metadata } = structuredClone(application);
  spec.compassMetadata.authentication.clientIds.sort();
  for (const entry of metadata.name === "mp-empty-credentials" ? spec.services.flatMap(({ entries }) => entries) : []) {
    if (entry.name === "E1") entry.credentials = { type: "", secretName: "" };
    if (entry.name === "E2") delete entry.requestParametersSecretName;
  }
  return { ...application, spec };
}

function expectedSecret(secret: RecordedSecret): RecordedSecret {
  const { ownerReferences: _owners, ...metadata } = secret.metadata;
  const empty = Buffer.from("{}").toString("base64");
  const data = Object.fromEntries(Object.entries(secret.data).filter(([, value]) => value !== empty));
  return { ...secret, metadata, data };
}

const withoutAnnotations = ({ metadata: { annotations: _annotations, ...metadata }, ...object }: KubernetesObject) => ({
  ...object,
  metadata,
});

const nameOf = ({ metadata }: { metadata: { name: string } }) => metadata.name;
const byName = (a: { metadata: { name: string } }, b: { metadata: { name: string } }) =>
  nameOf(a) < nameOf(b) ? -1 : 1;

async function rendered() {
  const snapshot = parseSnapshot(await readFile(join(GOLDEN, "snapshot.json"), "utf8"), "snapshot.json");
  const result = await cycle(new Map(), snapshot);
  const objects = result.rendering.applications
    .flatMap(({ manifests }) => manifests ?? [])
    .map(({ object }) => withoutAnnotations(object));
  return { ...result, objects: objects.sort(byName) };
}

describe("the golden landscape, rendered", () => {
  it("has the Applications that the Go agent wrote, but for the differences on purpose", async () => {
    const { objects } = await rendered();

    const applications = (await recorded<RecordedApplication>("applications.json")).map(expectedApplication);
    expect(objects.filter(({ kind }) => kind === "Application")).toEqual(
      applications.filter((application) => nameOf(application).length <= 63).sort(byName),
    );
  });

  it("has the Secrets that the Go agent wrote, with their keys, but for the differences on purpose", async () => {
    const { objects } = await rendered();

    const withKeys = (secret: { metadata: unknown; data?: unknown }) => ({
      ...secret,
      data: Object.keys(secret.data as object).sort(),
    });
    const secrets = (await recorded<RecordedSecret>("secrets.json"))
      .filter(({ metadata }) => metadata.labels.app !== "mp-events-only")
      .map(expectedSecret)
      .filter(({ data }) => Object.keys(data).length > 0);
    expect(secrets.length).toBeGreaterThan(8);
    expect(objects.filter(({ kind }) => kind === "Secret").map(withKeys)).toEqual(secrets.sort(byName).map(withKeys));
  });

  it("has their values, base64 by base64", async () => {
    const { sealing } = await rendered();

    const written = new Map(
      sealing.applications
        .flatMap(({ files }) => files)
        .filter(({ row }) => row.path.includes("/secrets/"))
        .map(({ row, content }) => [row.path.split("/").at(-1), content?.toString("utf8") ?? ""]),
    );
    const secrets = (await recorded<RecordedSecret>("secrets.json"))
      .filter(({ metadata }) => metadata.labels.app !== "mp-events-only")
      .map(expectedSecret)
      .filter(({ data }) => Object.keys(data).length > 0);
    expect(written.size).toBe(secrets.length);
    for (const { metadata, data } of secrets) {
      for (const [key, value] of Object.entries(data)) {
        const line = written
          .get(`${metadata.name}.yaml`)
          ?.split("\n")
          .find((each) => each.startsWith(`  ${key}: `));
        expect(line?.slice(`  ${key}: `.length).replaceAll('"', ""), `${metadata.name} ${key}`).toBe(value);
      }
    }
  });

  it("is set aside and degraded as documented, and in nothing else", async () => {
    const { plan } = await rendered();

    const reasons = (list: readonly { name: string; reason: string }[]) => [
      ...new Set(list.map(({ name, reason }) => `${name.slice(0, 30)} ${reason}`)),
    ];
    expect(reasons(plan.setAside)).toEqual(["mp-system-upper-0003ABC InvalidName", `mp-${"x".repeat(27)} InvalidName`]);
    expect(reasons(plan.degraded)).toEqual([
      "mp-cert-oauth UnsupportedCredentials",
      "mp-empty-credentials IncompleteCredentials",
      "mp-headers-only UnsupportedCredentials",
      "mp-nil-descriptions NoTarget",
      "mp-same-paths PathCollision",
      // A bundle whose name is made of dashes alone.
      "mp-t-st-application-istanbul-a EmptyPathPart",
    ]);
  });
});
