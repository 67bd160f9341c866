import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadRenderer, type Manifest, type Renderer } from "../../src/render/index.js";
import { createSealer, identityOf, readSealingCertificate, type SealMode } from "../../src/seal/index.js";
import { anApplicationNamed, aSnapshot, cycle, noon, rendererOptions } from "../builders.js";
import { failureOf } from "../common/failure-of.js";
import { aSealingPair, openSealed, openSealedFile, parseSealed } from "./sealing-pair.js";

const pair = await aSealingPair();
const other = await aSealingPair();
const certificate = readSealingCertificate(pair.certificate, "the test", new Date());
const OPT_OUT = { "kustomize.toolkit.fluxcd.io/substitute": "disabled" };
const object = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "n", labels: { app: "shop" }, annotations: OPT_OUT },
  type: "Opaque",
};
const base64 = (values: Record<string, string>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
const sealer = (scope: "strict" | "namespace-wide" | "cluster-wide" = "strict", managed = false) =>
  createSealer({ mode: "sealed-secrets", certificate, scope, managed });

describe("a SealedSecret", () => {
  it.each([
    ["strict", "n/s", {}],
    ["namespace-wide", "n", { "sealedsecrets.bitnami.com/namespace-wide": "true" }],
    ["cluster-wide", "", { "sealedsecrets.bitnami.com/cluster-wide": "true" }],
  ] as const)("of scope %s is bound to its place, and says so on both objects", async (scope, label, annotations) => {
    const text = await sealer(scope).seal(object, base64({ username: "user", password: "word" }), noon);

    expect(openSealedFile(text, pair.key, label)).toEqual({ username: "user", password: "word" });
    expect(() => openSealedFile(text, pair.key, "n/other")).toThrow();
    expect(() => openSealedFile(text, other.key, label)).toThrow();
    const { metadata, spec, ...rest } = parseSealed(text);
    expect(rest).toEqual({ apiVersion: "bitnami.com/v1alpha1", kind: "SealedSecret" });
    expect(metadata).toEqual({ ...object.metadata, annotations: { ...OPT_OUT, ...annotations } });
    const own = Object.keys(annotations).length === 0 ? {} : { annotations };
    expect(spec.template).toEqual({
      metadata: { name: "s", namespace: "n", labels: { app: "shop" }, ...own },
      type: "Opaque",
    });
  });

  it.each([2052, 2055])("is sealed for a key of %d bits, which are no whole bytes", async (modulusLength) => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength });
    const odd = await aSealingPair({ key: privateKey });
    const certificate = readSealingCertificate(odd.certificate, "the test", new Date());

    const text = await createSealer({ mode: "sealed-secrets", certificate, scope: "strict", managed: false }).seal(
      object,
      base64({ username: "user" }),
      noon,
    );

    expect(openSealedFile(text, odd.key, "n/s")).toEqual({ username: "user" });
  });

  it.each([
    ["strict", "cluster-wide", "true", "mp-bad"],
    ["strict", "namespace-wide", "true", "mp-bad"],
    ["namespace-wide", "cluster-wide", "true", "mp-bad"],
    ["strict", "cluster-wide", "false", null],
    ["namespace-wide", "namespace-wide", "true", null],
    ["cluster-wide", "namespace-wide", "true", null],
  ] as const)(
    "of scope %s is set aside where its template says %s (%s), and others go on",
    async (scope, said, value, aside) => {
      const applications = ["mp-bad", "mp-good"].map((name, index) => anApplicationNamed(name, index + 1));
      const shipped = await loadRenderer(rendererOptions);
      const annotate = ({ object, ...rest }: Manifest): Manifest => {
        const annotations = { ...object.metadata.annotations, [`sealedsecrets.bitnami.com/${said}`]: value };
        return { ...rest, object: { ...object, metadata: { ...object.metadata, annotations } } };
      };
      const renderer: Renderer = {
        ...shipped,
        render: (application) => {
          const rendered = shipped.render(application);
          if (application.name !== "mp-bad" || rendered.manifests === null) return rendered;
          return {
            ...rendered,
            manifests: rendered.manifests.map((each) => (each.object.kind === "Secret" ? annotate(each) : each)),
          };
        },
      };
      const mode: SealMode = { mode: "sealed-secrets", certificate, scope, managed: false };

      const { sealing } = await cycle(new Map(), aSnapshot(applications), { mode, renderer });

      expect(sealing.setAside.map(({ name, reason }) => [name, reason])).toEqual(
        aside === null ? [] : [[aside, "InvalidByTemplate"]],
      );
      expect(sealing.applications.map(({ application }) => application.name)).toContain("mp-good");
    },
  );

  it("lets its Secret be taken over where that is asked for", async () => {
    const text = await sealer("strict", true).seal(object, base64({ a: "1" }), noon);

    expect(parseSealed(text).spec.template.metadata).toMatchObject({
      annotations: { "sealedsecrets.bitnami.com/managed": "true" },
    });
    expect(Object.keys(parseSealed(text).metadata.annotations)).toEqual(Object.keys(OPT_OUT));
  });

  it("keeps type and immutability of the Secret", async () => {
    const given = { ...object, type: "kubernetes.io/basic-auth", immutable: true };

    const { template } = parseSealed(await sealer().seal(given, base64({ a: "1" }), noon)).spec;

    expect([template.type, template.immutable]).toEqual(["kubernetes.io/basic-auth", true]);
  });

  it("has the form that the controller reads: the length of the RSA part, that part, then the value with its tag", async () => {
    const text = await sealer().seal(object, base64({ a: "abc" }), noon);

    const bytes = Buffer.from(parseSealed(text).spec.encryptedData.a ?? "", "base64");
    expect([bytes.readUInt16BE(0), bytes.length]).toEqual([256, 2 + 256 + 3 + 16]);
  });

  it.each([
    ["empty", ""],
    ["of one byte", "x"],
    ["a", "a"],
    ["true", "true"],
    ["null", "null"],
    ["of 900 KB", "0123456789".repeat(90_000)],
    ["of several bytes a character", "Zürich 日本語 😀"],
    ["that a template would replace", "{{ .x }} $".concat("{FOO}")],
  ])("gives back a value %s", async (_, value) => {
    const text = await sealer().seal(object, base64({ password: value, username: "user" }), noon);

    expect(openSealedFile(text, pair.key, "n/s")).toEqual({ password: value, username: "user" });
  });

  it("never looks twice the same, nor for equal values", async () => {
    const files = [0, 1].map(() => sealer().seal(object, base64({ a: "same", b: "same" }), noon));

    const values = (await Promise.all(files)).flatMap((text) => Object.values(parseSealed(text).spec.encryptedData));

    expect(new Set(values).size).toBe(4);
  });
});

describe("sealing one value of several anew", () => {
  const before = base64({ username: "user", password: "old" });
  const after = base64({ username: "user", password: "new" });
  const seal = async (former: string, keys: string[], changes: Parameters<typeof sealer> = []) =>
    parseSealed(await sealer(...changes).seal(object, after, noon, { text: former, keys: new Set(keys) })).spec
      .encryptedData;

  it("keeps the bytes of the others", async () => {
    const former = await sealer().seal(object, before, noon);

    const now = await seal(former, ["username"]);

    expect(now.username).toBe(parseSealed(former).spec.encryptedData.username);
    expect(openSealed(now.password ?? "", pair.key, "n/s")).toBe("new");
  });

  it.each<[string, (text: string) => string]>([
    ["bound to another name", (text) => text.replaceAll("name: s\n", "name: t\n")],
    ["bound to another namespace", (text) => text.replaceAll(/namespace: "?n"?\n/g, "namespace: m\n")],
    [
      "of another scope",
      (text) =>
        text.replace("  annotations:\n", '  annotations:\n    sealedsecrets.bitnami.com/cluster-wide: "true"\n'),
    ],
    ["of which a part was cut", (text) => text.replace(/username: .{300}/, "username: ")],
    ["that is no base64", (text) => text.replace(/username: ./, "username: !!str §")],
    ["that is no YAML", () => "{"],
  ])("keeps nothing of a file %s", async (_, change) => {
    const former = await sealer().seal(object, before, noon);

    const now = await seal(change(former), ["username"]);

    expect(now.username).not.toBe(parseSealed(former).spec.encryptedData.username);
    expect(openSealed(now.username ?? "", pair.key, "n/s")).toBe("user");
  });
});

describe("the identity of the mode", () => {
  it("is the scope and the adoption; the controller's key is none of it, and stands beside", async () => {
    const renewed = await aSealingPair({
      key: createPrivateKey(pair.key),
      notAfter: new Date(Date.now() + 86_400_000),
    });
    const of = (pem: string, scope: "strict" | "cluster-wide", managed = false) => {
      const certificate = readSealingCertificate(pem, "the test", new Date());
      return identityOf({ mode: "sealed-secrets", certificate, scope, managed }, new Date());
    };

    const all = [
      of(pair.certificate, "strict"),
      of(other.certificate, "strict"),
      of(pair.certificate, "cluster-wide"),
      of(pair.certificate, "strict", true),
    ];

    expect(new Set(all.map(({ sealer }) => sealer)).size).toBe(3);
    expect(new Set(all.map(({ certificate }) => certificate?.digest)).size).toBe(2);
    expect(renewed.certificate).not.toBe(pair.certificate);
    // The same key, whatever certificate it has.
    expect(of(renewed.certificate, "strict")).toEqual(all[0]);
  });
});

describe("what does not read back as it was to be", () => {
  /** Another each time that it is asked for. */
  const changing = <T>(...values: T[]) => {
    const left = [...values];
    return () => (left.length > 1 ? left.shift() : left[0]) as T;
  };

  it("is found out before the commit: a name that is another in the file", async () => {
    const name = changing("s", "other", "other", "s");
    const metadata = {
      ...object.metadata,
      get name() {
        return name();
      },
    };

    const failure = await failureOf(sealer().seal({ ...object, metadata }, base64({ a: "1" }), noon));

    expect(failure).toMatchObject({ code: "Internal", message: expect.stringContaining("could not be read back") });
  });

  it("is found out before the commit: a value that is another than what was sealed", async () => {
    const value = changing(Buffer.from("sealed").toString("base64"), Buffer.from("wanted").toString("base64"));
    const data = Object.defineProperty({}, "a", { enumerable: true, get: value });

    const failure = await failureOf(sealer().seal(object, data, noon));

    expect(failure).toMatchObject({ code: "Internal" });
  });

  it("is found out before the commit: a key of another length than the certificate tells", async () => {
    const lying = createPublicKey(pair.certificate);
    Object.defineProperty(lying, "asymmetricKeyDetails", { value: { modulusLength: 4096 } });
    const mode = {
      mode: "sealed-secrets",
      certificate: { ...certificate, publicKey: lying },
      scope: "strict",
      managed: false,
    } as const;

    const failure = await failureOf(createSealer(mode).seal(object, base64({ a: "1" }), noon));

    expect(failure.code).toBe("Internal");
  });
});
