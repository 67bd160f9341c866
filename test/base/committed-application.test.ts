import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isOurs, RECONCILE_ANNOTATION, readApplication } from "../../src/base/committed-application.js";
import { DIGEST_ANNOTATION, hostsOf } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import {
  aBundle,
  anAPI,
  anApplication,
  anApplicationNamed,
  anAuth,
  anEvent,
  aSnapshot,
  basic,
  cycle,
  oauth,
  textOf,
  uuid,
} from "../builders.js";

const path = "applications/mp-shop/application.yaml";
const bytes = (text: string) => Buffer.from(text);
const headers = Secret.of('{"X-Tenant":["tenant of shop"]}');

const shop = anApplication({
  bundles: [
    aBundle({
      defaultInstanceAuth: anAuth({ credential: basic(), headers }),
      apiDefinitions: [
        anAPI({ targetURL: "https://shop.example.com/orders" }),
        anAPI({ id: uuid(1002), name: "Stock API", targetURL: "http://stock.example.com:8080/" }),
      ],
      eventDefinitions: [anEvent()],
    }),
    aBundle({ id: uuid(102), name: "Returns", defaultInstanceAuth: anAuth({ credential: oauth() }) }),
    aBundle({ id: uuid(103), name: "Open" }),
  ],
});

const written = async () => textOf((await cycle(new Map(), aSnapshot([shop]))).tree, path);

describe("a committed Application", () => {
  it("is ours as the agent wrote it, byte for byte", async () => {
    const text = await written();

    expect(text).toContain(`\n    ${DIGEST_ANNOTATION}: sha256:`);
    expect(isOurs(bytes(text))).toBe(true);
  });

  it.each<[string, (text: string) => string]>([
    ["a changed value", (text) => text.replace("shop.example.com", "evil.example.com")],
    ["a line more", (text) => `${text}\n`],
    ["another digest", (text) => text.replace(/sha256:(.)/, (_, digit) => `sha256:${digit === "0" ? "1" : "0"}`)],
    ["the digest elsewhere", (text) => text.replace(/^ {4}(runtime-agent.*digest)/m, "      $1")],
    ["no digest", (text) => text.replace(/^ *runtime-agent.*digest: .*\n/m, "")],
    ["other line ends", (text) => text.replaceAll("\n", "\r\n")],
    ["nothing in it", () => ""],
  ])("is not ours with %s", async (_, change) => {
    const text = await written();

    expect(change(text)).not.toBe(text);
    expect(isOurs(bytes(change(text)))).toBe(false);
  });

  it("is ours whatever it says, as long as its digest is that of the rest", () => {
    const line = (digest: string) => `    ${DIGEST_ANNOTATION}: sha256:${digest}\n`;
    const rest = "metadata:\n  annotations:\nspec: {}\n";
    const digest = createHash("sha256").update(rest).digest("hex");

    expect(isOurs(bytes(rest.replace("spec", `${line(digest)}spec`)))).toBe(true);
    expect(isOurs(bytes(rest.replace("spec", `${line("0".repeat(64))}spec`)))).toBe(false);
  });

  it("tells its id, and what it says of each Secret, with the hosts of all entries", async () => {
    expect(readApplication(bytes(await written()))).toEqual({
      id: uuid(1),
      name: "mp-shop",
      isDisabled: false,
      references: new Map([
        [
          `mp-shop-${uuid(101)}`,
          {
            bundle: uuid(101),
            type: "Basic",
            keys: ["username", "password"],
            authenticationURL: null,
            csrfTokenEndpointURL: null,
            hosts: ["http://stock.example.com:8080", "shop.example.com"],
            values: null,
          },
        ],
        [
          `params-mp-shop-${uuid(101)}`,
          {
            bundle: uuid(101),
            type: "Parameters",
            keys: [],
            authenticationURL: null,
            csrfTokenEndpointURL: null,
            hosts: ["http://stock.example.com:8080", "shop.example.com"],
            values: null,
          },
        ],
        [
          `mp-shop-${uuid(102)}`,
          {
            bundle: uuid(102),
            type: "OAuth",
            keys: ["clientId", "clientSecret"],
            authenticationURL: "https://auth.example.com/token",
            csrfTokenEndpointURL: null,
            hosts: ["auth.example.com", "shop.example.com"],
            values: null,
          },
        ],
      ]),
      routes: [
        ["mp-shop", "orders", "orders-api"],
        ["mp-shop", "orders", "stock-api"],
        ["mp-shop", "returns", "orders-api"],
        ["mp-shop", "open", "orders-api"],
      ],
    });
  });

  it("says of its Secrets what the model said of them, but for the values", async () => {
    const { estate, tree } = await cycle(new Map(), aSnapshot([shop, anApplicationNamed("mp-other", 2)]));

    for (const { name, secrets } of estate.applications) {
      const { references } = readApplication(bytes(textOf(tree, `applications/${name}/application.yaml`)));
      // Nor does it say which parameters there are.
      const said = ({ reference }: (typeof secrets)[number]) => ({
        ...reference,
        keys: reference.type === "Parameters" ? [] : reference.keys,
        values: null,
      });
      expect(references).toEqual(new Map(secrets.map((each) => [each.name, said(each)])));
    }
  });

  it("tells the endpoint for CSRF tokens of a Secret, and counts its host", async () => {
    const auth = anAuth({ credential: basic(), csrfTokenEndpointURL: "https://csrf.example.com/t" });
    const snapshot = aSnapshot([anApplication({ bundles: [aBundle({ defaultInstanceAuth: auth })] })]);
    const { tree } = await cycle(new Map(), snapshot);

    const { references } = readApplication(bytes(textOf(tree, path)));

    expect(references.get(`mp-shop-${uuid(101)}`)).toMatchObject({
      csrfTokenEndpointURL: "https://csrf.example.com/t",
      hosts: ["csrf.example.com", "shop.example.com"],
    });
  });

  it.each<[string, string, boolean]>([
    ["disabled", `metadata: { annotations: { ${RECONCILE_ANNOTATION}: disabled } }`, true],
    ["enabled", `metadata: { annotations: { ${RECONCILE_ANNOTATION}: enabled } }`, false],
    ["marked by a label instead", `metadata: { labels: { ${RECONCILE_ANNOTATION}: disabled } }`, false],
    ["marked in capitals", `metadata: { annotations: { ${RECONCILE_ANNOTATION}: DISABLED } }`, false],
    ["not marked", "metadata: { annotations: {} }", false],
  ])("that is %s is left alone: %s", (_, text, expected) => {
    expect(readApplication(bytes(text)).isDisabled).toBe(expected);
  });

  it.each([
    ["a half-finished edit", "half: [finished"],
    ["nothing", ""],
    ["a list", "- a\n- b\n"],
    ["a text", "text"],
    ["no id", "spec: { compassMetadata: {} }"],
    ["an empty id", 'spec: { compassMetadata: { applicationId: "" } }'],
    ["an id that is a number", "spec: { compassMetadata: { applicationId: 7 } }"],
    ["fields of other kinds", "metadata: 7\nspec: { services: { a: 1 }, compassMetadata: [1] }"],
    ["services of other kinds", "spec: { services: [null, 7, { id: b, entries: 7 }, { id: b, entries: [null, a] }] }"],
    ["a service without an id", "spec: { services: [{ entries: [{ credentials: { type: Basic, secretName: s } }] }] }"],
    [
      "a credential of another type",
      "spec: { services: [{ id: b, entries: [{ credentials: { type: X, secretName: s } }] }] }",
    ],
    [
      "a Secret without a name",
      "spec: { services: [{ id: b, entries: [{ credentials: { type: Basic, secretName: '' } }] }] }",
    ],
    [
      "an address that is none",
      "spec: { services: [{ id: b, entries: [{ centralGatewayUrl: 7 }, { centralGatewayUrl: 'http://gateway/a/b' }] }] }",
    ],
    ["a document too many", "a: 1\n---\nspec: { compassMetadata: { applicationId: x } }"],
    ["a billion laughs", "a: &a [x]\nb: &b [*a, *a]\nspec: *b"],
  ])("with %s says nothing", (_, text) => {
    expect(readApplication(bytes(text))).toEqual({
      id: null,
      name: null,
      isDisabled: false,
      references: new Map(),
      routes: [],
    });
  });
});

describe("hosts", () => {
  it("stand once each, sorted, with a port where it is another than usual", () => {
    const urls = [
      "https://b.example.com/x",
      "https://a.example.com:8443",
      "https://B.example.com:443/y",
      "http://b.example.com:80",
    ];

    expect(hostsOf(urls)).toEqual(["a.example.com:8443", "b.example.com", "http://b.example.com"]);
  });

  it("leave out what is not there, and take an address that cannot be read as it stands", () => {
    expect(hostsOf([null, "", "not an address", "mailto:x@example.com"])).toEqual([
      "mailto:x@example.com",
      "not an address",
    ]);
    expect(hostsOf([])).toEqual([]);
  });

  it("are not hidden by a user, a fragment or capitals", () => {
    expect(hostsOf(["https://shop.example.com@evil.example.com/"])).toEqual(["evil.example.com"]);
    expect(hostsOf(["https://EVIL.example.com/#shop.example.com"])).toEqual(["evil.example.com"]);
  });
});
