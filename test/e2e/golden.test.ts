/** What the Go agent made of a recorded Director answer, against what this agent commits (test/golden/README.md). */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aWorld, type KubernetesObject, parseObject } from "./world.js";

const GOLDEN = join(import.meta.dirname, "..", "golden");
const plain = { secrets: { mode: "plain", acknowledgePlain: true } };

const recorded = async (name: string) =>
  JSON.parse(await readFile(join(GOLDEN, "expected", name), "utf8")) as KubernetesObject[];

interface Entry {
  id: string;
  credentials?: unknown;
  [field: string]: unknown;
}
type Spec = {
  services: { id: string; entries: Entry[] }[];
  compassMetadata: { authentication: { clientIds: string[] } };
};

/** The recorded object without what is not ours to write, and with the differences that are on purpose. */
function expectedApplication(object: KubernetesObject): KubernetesObject {
  const { status: _status, ...rest } = structuredClone(object);
  const spec = rest.spec as Spec;
  spec.compassMetadata.authentication.clientIds.sort();
  if (rest.metadata.name === "mp-empty-credentials") {
    for (const { entries } of spec.services) {
      for (const entry of entries) {
        // Only the bundle "Empty basic" refers to a Secret that was not written.
        if (entry.name === "E1") entry.credentials = { type: "", secretName: "" };
        // An empty object of parameters is no parameters.
        if (entry.name === "E2") delete entry.requestParametersSecretName;
      }
    }
  }
  return rest;
}

function expectedSecret(object: KubernetesObject): KubernetesObject {
  const { ownerReferences: _ours, ...metadata } = object.metadata;
  const data = { ...object.data };
  const empty = Buffer.from("{}").toString("base64");
  for (const key of ["headers", "queryParameters"]) if (data[key] === empty) delete data[key];
  return { ...object, metadata, data };
}

/** Ours without the annotations that are ours alone. */
function withoutAnnotations(object: KubernetesObject): KubernetesObject {
  const { annotations: _annotations, ...metadata } = object.metadata;
  return { ...object, metadata };
}

const byName = (a: KubernetesObject, b: KubernetesObject) => (a.metadata.name < b.metadata.name ? -1 : 1);

describe("the golden landscape", () => {
  it("is committed field by field as the Go agent wrote it, but for the differences on purpose", async () => {
    const world = await aWorld({ snapshot: join(GOLDEN, "snapshot.json"), settings: plain });
    expect(await world.pair()).toMatchObject({ code: 0 });

    const { code, stdout } = await world.run(["sync", "-o", "json"]);

    const outcome = JSON.parse(stdout);
    const objects = [...(await world.files())]
      .filter(([path]) => path.startsWith("applications/"))
      .map(([, text]) => withoutAnnotations(parseObject(text)));
    expect(code).toBe(0);

    const tooLong = (object: KubernetesObject) => object.metadata.name.length > 63;
    const applications = (await recorded("applications.json")).filter((object) => !tooLong(object));
    const ours = objects.filter(({ kind }) => kind === "Application").sort(byName);
    expect(ours).toEqual(applications.map(expectedApplication).sort(byName));

    const eventsOnly = (object: KubernetesObject) =>
      (object.metadata.labels as Record<string, string>).app === "mp-events-only";
    const secrets = (await recorded("secrets.json")).filter((object) => !eventsOnly(object)).map(expectedSecret);
    // A Secret with nothing in it is not written.
    const written = secrets.filter(({ data }) => Object.keys(data ?? {}).length > 0);
    expect(objects.filter(({ kind }) => kind === "Secret").sort(byName)).toEqual(written.sort(byName));

    const reasons = (list: { name: string; reason: string }[]) => list.map(({ name, reason }) => `${name} ${reason}`);
    expect(reasons(outcome.applications.setAside)).toEqual([
      "mp-system-upper-0003ABC InvalidName",
      `mp-${"x".repeat(100)} InvalidName`,
    ]);
    expect([...new Set(reasons(outcome.applications.degraded))].sort()).toEqual([
      "mp-cert-oauth UnsupportedCredentials",
      "mp-empty-credentials IncompleteCredentials",
      "mp-headers-only UnsupportedCredentials",
      "mp-nil-descriptions NoTarget",
      "mp-same-paths PathCollision",
      "mp-t-st-application-istanbul-app EmptyPathPart",
    ]);
  });
});
