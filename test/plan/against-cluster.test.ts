import { describe, expect, it } from "vitest";
import type { ListedApplication, ListedSecret } from "../../src/adapters/kubernetes/index.js";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import { Secret } from "../../src/common/secret.js";
import { compareWithCluster } from "../../src/plan/index.js";
import type { KubernetesObject } from "../../src/render/index.js";
import { aBundle, anAPI, anApplication, anAuth, aSnapshot, basic, cycle, textOf, uuid } from "../builders.js";

const SECRET = `mp-shop-${uuid(101)}`;

async function wantedObjects(): Promise<[application: KubernetesObject, secret: KubernetesObject]> {
  const bundle = aBundle({
    apiDefinitions: [anAPI(), anAPI({ id: uuid(1002), name: "Returns" })],
    defaultInstanceAuth: anAuth({ credential: basic("user", "pass word") }),
  });
  const { tree } = await cycle(new Map(), aSnapshot([anApplication({ auths: [uuid(7), uuid(6)], bundles: [bundle] })]));
  const read = (path: string) =>
    parseYaml(textOf(tree, path), { file: path, stage: "base", code: "Internal" }) as KubernetesObject;
  return [read("applications/mp-shop/application.yaml"), read(`applications/mp-shop/secrets/${SECRET}.yaml`)];
}

interface Changes {
  readonly application?: (spec: Spec) => void;
  readonly secret?: (data: Record<string, string>) => unknown;
  readonly more?: Partial<ListedSecret>;
  readonly setAside?: ReadonlyMap<string, string>;
  readonly others?: readonly ListedSecret[];
  readonly isThere?: boolean;
}

interface Spec {
  description: string;
  services: { entries: { id: string; [field: string]: unknown }[] }[];
  compassMetadata: { authentication: { clientIds: string[] } };
  [field: string]: unknown;
}

/** What both kinds would be, as the Go agent has them in the cluster, but for changes; all that differs, in one line each. */
async function differencesAfter(changes: Changes = {}): Promise<string[]> {
  const [application, secret] = await wantedObjects();
  const spec = structuredClone(application.spec) as Spec;
  changes.application?.(spec);
  const data = { ...(secret.data as Record<string, string>) };
  changes.secret?.(data);
  const labels = application.metadata.labels ?? {};
  const applications: ListedApplication[] = [{ name: "mp-shop", uid: "1", labels, annotations: {}, spec }];
  const stored = listed(SECRET, data, { labels: secret.metadata.labels ?? {}, ...changes.more });
  const compared = compareWithCluster({
    wanted: [application, secret],
    applications: changes.isThere === false ? [] : applications,
    secrets: [...(changes.isThere === false ? [] : [stored]), ...(changes.others ?? [])],
    setAside: changes.setAside ?? new Map(),
  });
  return compared.flatMap(({ kind, name, change, differences }) =>
    differences
      .filter(({ reason }) => reason !== "OwnAnnotation")
      .map(({ path, reason, documented, before, after }) => {
        expect(documented).toBe(reason !== null);
        return `${kind} ${name} ${change} ${path} ${reason} ${JSON.stringify(before)} ${JSON.stringify(after)}`;
      }),
  );
}

const listed = (
  name: string,
  data: Readonly<Record<string, string>>,
  more: Partial<ListedSecret> = {},
): ListedSecret => ({
  name,
  namespace: "kyma-system",
  uid: name,
  labels: { app: "mp-shop", bundleId: "b" },
  annotations: {},
  owners: [],
  type: "Opaque",
  data: new Map(Object.entries(data).map(([key, value]) => [key, Secret.of(value)])),
  ...more,
});

const base64 = (text: string) => Buffer.from(text).toString("base64");
const entry = (spec: Spec, at = 0) => {
  const found = spec.services[0]?.entries[at];
  if (found === undefined) throw new Error("it is there");
  return found;
};
const refer = (spec: Spec, name: string) => {
  entry(spec).requestParametersSecretName = name;
};
const at = (id: string, field: string) => `spec.services[${uuid(101)}].entries[${id}].${field}`;

describe("the comparison with the cluster", () => {
  it("finds nothing but the agent's own annotations where the Go agent wrote the same", async () => {
    expect(await differencesAfter()).toEqual([]);
  });

  it("finds what is not there, and what is there alone", async () => {
    const others = [listed("mp-other", { password: "x" })];

    expect(await differencesAfter({ isThere: false, others })).toEqual([
      "Application mp-shop create  null null null",
      "Secret mp-other only-in-cluster  UnusedSecret null null",
      `Secret ${SECRET} create  null null null`,
    ]);
  });

  it.each<[string, Changes, string[]]>([
    [
      "a field that differs",
      { application: (spec) => Object.assign(spec, { description: "theirs", skipVerify: true }) },
      [
        'Application mp-shop update spec.description null "theirs" "Description not provided"',
        "Application mp-shop update spec.skipVerify null true false",
      ],
    ],
    [
      "a field of an entry, by the ids of service and entry, in whatever order",
      {
        application: (spec) => {
          entry(spec).targetUrl = "https://other.example.com";
          spec.services[0]?.entries.reverse();
        },
      },
      [
        `Application mp-shop update ${at(uuid(1001), "targetUrl")} null "https://other.example.com" "https://shop.example.com/orders"`,
      ],
    ],
    [
      "a field that others wrote: it stays, but not within a list",
      {
        application: (spec) => {
          spec.tags = ["x"];
          entry(spec).specificationUrl = "https://x";
        },
      },
      [
        `Application mp-shop update ${at(uuid(1001), "specificationUrl")} null "https://x" null`,
        'Application mp-shop update spec.tags NotOurs ["x"] null',
      ],
    ],
    [
      "client ids in another order",
      { application: ({ compassMetadata }) => void compassMetadata.authentication.clientIds.reverse() },
      [
        `Application mp-shop update spec.compassMetadata.authentication.clientIds SortedClientIDs ["${uuid(7)}","${uuid(6)}"] ["${uuid(6)}","${uuid(7)}"]`,
      ],
    ],
    [
      "another client id",
      { application: ({ compassMetadata }) => void compassMetadata.authentication.clientIds.pop() },
      [
        `Application mp-shop update spec.compassMetadata.authentication.clientIds null ["${uuid(6)}"] ["${uuid(6)}","${uuid(7)}"]`,
      ],
    ],
    [
      "parameters that are not there",
      { application: (spec) => refer(spec, "params-gone") },
      [
        `Application mp-shop update ${at(uuid(1001), "requestParametersSecretName")} EmptyParameters "params-gone" null`,
      ],
    ],
    [
      "parameters that are there",
      {
        application: (spec) => refer(spec, "params"),
        others: [listed("params", { headers: base64('{"A":["b"]}') })],
      },
      [
        `Application mp-shop update ${at(uuid(1001), "requestParametersSecretName")} null "params" null`,
        "Secret params only-in-cluster  null null null",
      ],
    ],
    [
      "parameters that are empty",
      {
        application: (spec) => refer(spec, "params"),
        others: [listed("params", { headers: base64("{}") })],
      },
      [
        `Application mp-shop update ${at(uuid(1001), "requestParametersSecretName")} EmptyParameters "params" null`,
        "Secret params only-in-cluster  EmptyParameters null null",
      ],
    ],
    [
      "a value of a Secret, by its key alone",
      { secret: (data) => Object.assign(data, { password: base64("theirs") }) },
      [`Secret ${SECRET} update data.password null "••••••••" "••••••••"`],
    ],
    [
      "a key that is not there, and ones that stay",
      {
        secret: (data) => {
          delete data.password;
          Object.assign(data, { extra: "eA==", headers: base64("{}") });
        },
      },
      [
        `Secret ${SECRET} update data.password null null "••••••••"`,
        `Secret ${SECRET} update data.extra NotOurs "••••••••" null`,
        `Secret ${SECRET} update data.headers EmptyParameters "••••••••" null`,
      ],
    ],
    [
      "owners, a type and a label",
      { more: { owners: [{ kind: "Application", name: "mp-shop" }], type: "other", labels: { app: "x" } } },
      [
        `Secret ${SECRET} update metadata.labels.app null "x" "mp-shop"`,
        `Secret ${SECRET} update metadata.labels.bundleId null null "${uuid(101)}"`,
        `Secret ${SECRET} update metadata.ownerReferences OwnerReference ["Application mp-shop"] null`,
        `Secret ${SECRET} update type null "other" "Opaque"`,
      ],
    ],
  ])("finds %s", async (_, changes, found) => {
    expect((await differencesAfter(changes)).sort()).toEqual([...found].sort());
  });

  it("knows references to Secrets that nobody wrote, and replaced characters, for what they are", async () => {
    const [application] = await wantedObjects();
    const wanted = structuredClone(application);
    const ours = wanted.spec as Spec;
    entry(ours).credentials = { type: "", secretName: "" };
    ours.description = "a\ufffdb";
    const spec = { ...(application.spec as Spec), description: "a\u0081b" };
    const { labels = {}, annotations = {} } = application.metadata;
    const found = (secrets: ListedSecret[]) =>
      compareWithCluster({
        wanted: [wanted],
        applications: [{ name: "mp-shop", uid: "1", labels, annotations, spec }],
        secrets,
        setAside: new Map(),
      }).flatMap(({ differences }) => differences.map(({ path, reason }) => `${path} ${reason}`));

    expect(found([]).sort()).toEqual([
      "spec.description ReplacedCharacters",
      `${at(uuid(1001), "credentials")} MissingSecret`,
    ]);
    expect(found([listed(SECRET, { password: "x" })])).toContain(`${at(uuid(1001), "credentials.type")} null`);
  });

  it("counts a value that a recording left out as unchanged", async () => {
    const [, secret] = await wantedObjects();
    const redacted = { ...secret, data: { username: "", password: "" } };
    const there = listed(SECRET, { username: "eA==", password: "eA==" }, { labels: secret.metadata.labels ?? {} });

    const [compared] = compareWithCluster({
      wanted: [redacted],
      applications: [],
      secrets: [there],
      setAside: new Map(),
    });

    expect(compared?.differences.filter(({ path }) => path.startsWith("data"))).toEqual([]);
  });

  it("leaves out Applications that are nobody's, and tells a name that is not written from any other set aside", async () => {
    const of = (name: string, spec: object): ListedApplication => ({
      name,
      uid: name,
      labels: {},
      annotations: {},
      spec: { ...spec },
    });
    const compassMetadata = { applicationId: "1" };

    const compared = compareWithCluster({
      wanted: [],
      applications: [of("mine", {}), of("long", { compassMetadata }), of("two", { compassMetadata })],
      secrets: [],
      setAside: new Map([
        ["long", "InvalidName"],
        ["two", "DuplicateName"],
      ]),
    });

    expect(compared.map(({ name, differences }) => [name, differences[0]?.reason])).toEqual([
      ["long", "InvalidName"],
      ["two", null],
    ]);
  });
});
