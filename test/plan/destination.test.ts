import { describe, expect, it } from "vitest";
import { bundlesOf, type Folder } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import type { Application, Auth, Bundle } from "../../src/fetch/index.js";
import { buildEstate, type Estate } from "../../src/model/index.js";
import { destinationChanges as changesOf } from "../../src/plan/destination.js";
import { createFingerprinter } from "../../src/seal/index.js";
import {
  aBundle,
  anAPI,
  anApplication,
  anAuth,
  aSnapshot,
  basic,
  NAMESPACE,
  oauth,
  sealKey,
  uuid,
} from "../builders.js";

const { value: fingerprint } = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer: "plain" });
const estateOf = (...applications: Application[]): Estate => buildEstate(aSnapshot(applications), { fingerprint });
/** Modelled with a look at what Git holds. */
const estateOver = (folders: ReadonlyMap<string, Folder>, ...applications: Application[]): Estate =>
  buildEstate(aSnapshot(applications), { fingerprint, bundles: bundlesOf(folders) });

const destinationChanges = (estate: Estate, folders: ReadonlyMap<string, Folder>, staying: readonly string[] = []) =>
  changesOf(estate, folders, new Set(staying));

/** What Git holds of an estate that was published. */
const committed = ({ applications }: Estate): ReadonlyMap<string, Folder> =>
  new Map(
    applications.map(({ name, id, secrets }) => {
      const rows = secrets.map((secret) => ({
        path: `applications/${name}/secrets/${secret.name}.yaml`,
        id,
        blob: "a".repeat(40),
        sha256: "b".repeat(64),
        reference: secret.reference,
      }));
      return [name, { id, rows }];
    }),
  );

const headers = Secret.of('{"X-Tenant":["tenant of shop"]}');
const shop = (bundle: Partial<Bundle> = {}, changes: Partial<Application> = {}) =>
  anApplication({
    bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: basic() }), ...bundle })],
    ...changes,
  });
const at = (...targets: string[]) => ({
  apiDefinitions: targets.map((targetURL, index) => anAPI({ id: uuid(1001 + index), name: `API ${index}`, targetURL })),
});
const authAt = (url: string) => anAuth({ credential: { ...oauth(), url } });

const evil = at("https://evil.example.com");
const other = anAuth({ credential: basic("u", "p") });

const change = { name: "mp-shop", id: uuid(1), bundle: uuid(101), from: ["shop.example.com"] };

describe("a change of destination", () => {
  it("is a new host for the same credentials", () => {
    const before = committed(estateOf(shop()));

    expect(destinationChanges(estateOf(shop(at("https://evil.example.com/orders"))), before)).toEqual([
      { ...change, to: ["evil.example.com"] },
    ]);
  });

  it("is a host more, too, and names only those that are new", () => {
    const after = estateOf(
      shop(at("https://shop.example.com/a", "https://b.example.com", "https://a.example.com:8443")),
    );

    expect(destinationChanges(after, committed(estateOf(shop())))).toEqual([
      { ...change, to: ["a.example.com:8443", "b.example.com"] },
    ]);
  });

  it.each([
    ["another port", at("https://shop.example.com:8443/orders")],
    [
      "a token endpoint",
      { defaultInstanceAuth: anAuth({ credential: basic(), csrfTokenEndpointURL: "https://x.example.com" }) },
    ],
  ])("is %s", (_, changes) => {
    expect(destinationChanges(estateOf(shop(changes)), committed(estateOf(shop())))).toHaveLength(1);
  });

  it("is another token endpoint of OAuth, which is sent the client's secret", () => {
    const before = committed(estateOf(shop({ defaultInstanceAuth: authAt("https://auth.example.com/token") })));

    expect(
      destinationChanges(estateOf(shop({ defaultInstanceAuth: authAt("https://evil.example.com") })), before),
    ).toEqual([{ ...change, from: ["auth.example.com", "shop.example.com"], to: ["evil.example.com"] }]);
  });

  it("is one of headers and query parameters, too; once for the bundle", () => {
    const both = { defaultInstanceAuth: anAuth({ credential: basic(), headers }) };
    const parameters = { defaultInstanceAuth: anAuth({ headers }) };

    expect(
      destinationChanges(estateOf(shop({ ...parameters, ...evil })), committed(estateOf(shop(parameters)))),
    ).toHaveLength(1);
    expect(destinationChanges(estateOf(shop({ ...both, ...evil })), committed(estateOf(shop(both))))).toHaveLength(1);
  });

  it("is told for each bundle", () => {
    const two = (target: string) =>
      anApplication({
        bundles: [101, 102].map((number) =>
          aBundle({
            id: uuid(number),
            name: `Bundle ${number}`,
            defaultInstanceAuth: anAuth({ credential: basic() }),
            apiDefinitions: [anAPI({ targetURL: target })],
          }),
        ),
      });

    const changes = destinationChanges(
      estateOf(two("https://b.example.com")),
      committed(estateOf(two("https://a.example.com"))),
    );

    expect(changes.map(({ bundle }) => bundle)).toEqual([uuid(101), uuid(102)]);
  });

  it.each<[string, Application]>([
    ["nothing changes", shop()],
    ["only the path changes", shop(at("https://shop.example.com/other"))],
    [
      "the values change with it",
      shop({ ...at("https://evil.example.com"), defaultInstanceAuth: anAuth({ credential: basic("u", "p") }) }),
    ],
    [
      "they are credentials of another type",
      shop({ ...at("https://evil.example.com"), defaultInstanceAuth: anAuth({ credential: oauth() }) }),
    ],
    ["there are no credentials any more", shop({ ...at("https://evil.example.com"), defaultInstanceAuth: null })],
  ])("is none where %s", (_, after) => {
    const before = committed(estateOf(shop()));

    expect(destinationChanges(estateOver(before, after), before)).toEqual([]);
  });

  it.each<[string, Partial<Bundle>, Partial<Application>]>([
    ["the bundle is made anew", { id: uuid(102) }, {}],
    ["the bundle is made anew and the Application renamed", { id: uuid(102) }, { name: "mp-other" }],
    ["the Application is registered anew under its name", { id: uuid(102) }, { id: uuid(2) }],
    ["only the Application is registered anew", {}, { id: uuid(2) }],
  ])("is told by the values where %s", (_, bundle, application) => {
    const before = committed(estateOf(shop()));
    const anew = (changes: Partial<Bundle>) => estateOver(before, shop({ ...bundle, ...changes }, application));

    expect(destinationChanges(anew(at("https://evil.example.com")), before)).toMatchObject([
      { from: ["shop.example.com"], to: ["evil.example.com"] },
    ]);
    expect(destinationChanges(anew({}), before)).toEqual([]);
    expect(destinationChanges(anew({ ...at("https://evil.example.com"), defaultInstanceAuth: other }), before)).toEqual(
      [],
    );
  });

  it.each<[string, Application[]]>([
    [
      "another Application has them, too, whatever name it has now",
      [
        shop({}, { name: "mp-other" }),
        shop({ ...at("https://b.example.com"), id: uuid(102) }, { id: uuid(2), name: "mp-shop" }),
      ],
    ],
    [
      "an Application of another name and another id has them",
      [shop({ ...at("https://b.example.com"), id: uuid(102) }, { id: uuid(2), name: "mp-other" })],
    ],
  ])("is none where %s", (_, after) => {
    const before = committed(estateOf(shop()));

    expect(destinationChanges(estateOver(before, ...after), before)).toEqual([]);
  });

  it.each<[string, Bundle[]]>([
    ["another bundle gets them, too", [...shop().bundles, ...shop({ ...evil, id: uuid(102) }).bundles]],
    [
      "another bundle gets them, and this one others",
      [...shop({ defaultInstanceAuth: other }).bundles, ...shop({ ...evil, id: uuid(102) }).bundles],
    ],
    [
      "another bundle gets them, and this one none",
      [...shop({ defaultInstanceAuth: null }).bundles, ...shop({ ...evil, id: uuid(102) }).bundles],
    ],
  ])("is told by the values where %s", (_, bundles) => {
    const before = committed(estateOf(shop()));

    expect(destinationChanges(estateOver(before, anApplication({ bundles })), before)).toMatchObject([
      { bundle: uuid(102), from: ["shop.example.com"], to: ["evil.example.com"] },
    ]);
  });

  it("is told of each where two bundles change their credentials", () => {
    const two = (first: Auth, second: Auth) =>
      anApplication({
        bundles: [
          ...shop({ defaultInstanceAuth: first }).bundles,
          ...shop({ ...evil, id: uuid(102), defaultInstanceAuth: second }).bundles,
        ],
      });
    const own = anAuth({ credential: basic() });
    const before = committed(estateOf(two(own, other)));

    expect(destinationChanges(estateOver(before, two(other, own)), before)).toMatchObject([
      { bundle: uuid(101), from: ["evil.example.com"], to: ["shop.example.com"] },
      { bundle: uuid(102), from: ["shop.example.com"], to: ["evil.example.com"] },
    ]);
  });

  it("is none where the credentials go to both hosts already", () => {
    const both = (first: string, second: string) =>
      anApplication({
        bundles: [...shop(at(first)).bundles, ...shop({ ...at(second), id: uuid(102) }).bundles],
      });
    const before = committed(estateOf(both("https://a.example.com", "https://b.example.com")));

    expect(
      destinationChanges(estateOver(before, both("https://b.example.com", "https://a.example.com")), before),
    ).toEqual([]);
  });

  it("is told under another name of the Application, too", () => {
    const after = estateOf(shop(at("https://evil.example.com"), { name: "mp-other" }));

    expect(destinationChanges(after, committed(estateOf(shop())))).toMatchObject([
      { name: "mp-other", to: ["evil.example.com"] },
    ]);
  });

  it("is one from TLS to none, on the same host", () => {
    const after = estateOf(shop(at("http://shop.example.com/orders")));

    expect(destinationChanges(after, committed(estateOf(shop())))).toMatchObject([
      { from: ["shop.example.com"], to: ["http://shop.example.com"] },
    ]);
  });

  it("is none where one of several hosts is left out", () => {
    const before = committed(estateOf(shop(at("https://shop.example.com", "https://old.example.com"))));

    expect(destinationChanges(estateOf(shop()), before)).toEqual([]);
  });

  it("is none where the values are not known now, and one where only an inventory that was rebuilt does not know them", () => {
    const redacted = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const unknown = (changes = {}) => shop({ ...changes, defaultInstanceAuth: anAuth({ credential: redacted }) });

    expect(destinationChanges(estateOf(unknown(evil)), committed(estateOf(shop())))).toEqual([]);
    expect(destinationChanges(estateOf(shop(evil)), committed(estateOf(unknown())))).toMatchObject([
      { to: ["evil.example.com"] },
    ]);
    expect(destinationChanges(estateOf(unknown(evil)), committed(estateOf(unknown())))).toEqual([]);
  });

  it("is told of credentials that Compass gives no more, as long as Git keeps them", () => {
    const bare = estateOf(shop({ ...at("https://evil.example.com"), defaultInstanceAuth: null }));
    const git = committed(estateOf(shop()));
    const paths = [...git.values()].flatMap(({ rows }) => rows.map(({ path }) => path));

    expect(destinationChanges(bare, git, paths)).toMatchObject([
      { from: ["shop.example.com"], to: ["evil.example.com"] },
    ]);
    expect(destinationChanges(bare, git)).toEqual([]);
    expect(destinationChanges(estateOf(shop({ defaultInstanceAuth: null })), git, paths)).toEqual([]);
  });

  it("is none where Git holds nothing yet, or does not say what a Secret is for", () => {
    const evil = estateOf(shop(at("https://evil.example.com")));
    const rows = [...committed(estateOf(shop())).values()].flatMap((folder) => folder.rows);
    const bare = rows.map(({ reference: _reference, ...row }) => row);

    expect(destinationChanges(evil, new Map())).toEqual([]);
    expect(destinationChanges(evil, new Map([["mp-shop", { id: uuid(1), rows: bare }]]))).toEqual([]);
  });

  it("names each new host of a bundle, whichever of its Secrets is sent there", () => {
    const both = (token: string, target: string) =>
      shop({ ...at(target), defaultInstanceAuth: anAuth({ credential: { ...oauth(), url: token }, headers }) });
    const before = committed(estateOf(both("https://auth.example.com/token", "https://shop.example.com")));

    const after = estateOf(both("https://evil.example.com/token", "https://new.example.com"));

    expect(destinationChanges(after, before)).toMatchObject([{ to: ["evil.example.com", "new.example.com"] }]);
  });
});
