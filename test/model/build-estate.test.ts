import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import type { Application, Auth } from "../../src/fetch/index.js";
import { buildEstate, type SetAsideReason } from "../../src/model/index.js";
import { createFingerprinter } from "../../src/seal/index.js";
import {
  aBundle,
  aModel,
  anAPI,
  anApplication,
  anApplicationNamed,
  anAuth,
  anEstate,
  anEvent,
  aSnapshot,
  basic,
  NAMESPACE,
  oauth,
  sealKey,
  uuid,
} from "../builders.js";

/** The reference and the Secrets of an Application whose one bundle has this auth. */
function modelled(defaultInstanceAuth: Auth | null, changes: Parameters<typeof aBundle>[0] = {}) {
  const estate = anEstate([anApplication({ bundles: [aBundle({ defaultInstanceAuth, ...changes })] })]);
  const [application] = estate.applications;
  return {
    entry: application?.services[0]?.entries[0],
    secrets: application?.secrets.map(({ name, bundle, keys }) => ({ name, bundle, keys: keys.map(({ key }) => key) })),
    degraded: estate.degraded.map(({ reason, bundle }) => [reason, bundle]),
  };
}

const parameters = Secret.of('{"X-Tenant":["tenant of shop"]}');
const credentialsName = `mp-shop-${uuid(101)}`;
const parametersName = `params-mp-shop-${uuid(101)}`;

describe("two Secrets of one Application that would have one name", () => {
  const name = "params-params-params-params-x";
  const bundles = [
    aBundle({ id: uuid(101), defaultInstanceAuth: anAuth({ credential: basic(), headers: parameters }) }),
  ];

  it("set it aside, and the name is told as what it is: not the template's fault", () => {
    const { applications, setAside, degraded } = anEstate([
      anApplication({ name, bundles }),
      anApplication({ id: uuid(2) }),
    ]);

    expect(applications.map((each) => each.name)).toEqual(["mp-shop"]);
    expect(setAside).toMatchObject([
      { name, reason: "InvalidName", message: expect.stringContaining("one name; mend it in Compass") },
    ]);
    expect(degraded.filter((each) => each.name === name)).toEqual([]);
  });

  it.each([
    ["only credentials", anAuth({ credential: basic() })],
    ["only parameters", anAuth({ headers: parameters })],
  ])("are none where there are %s", (_, defaultInstanceAuth) => {
    const { setAside } = anEstate([anApplication({ name, bundles: [aBundle({ defaultInstanceAuth })] })]);

    expect(setAside).toEqual([]);
  });
});

describe("Secrets of two Applications that would have one name", () => {
  // Cut to 26 characters they are the same, and so is the bundle's id.
  const alike = (number: number, name: string, targetURL: string) =>
    anApplication({
      id: uuid(number),
      name,
      bundles: [
        aBundle({
          id: uuid(101),
          apiDefinitions: [anAPI({ targetURL })],
          defaultInstanceAuth: anAuth({ credential: basic() }),
        }),
      ],
    });
  const one = alike(1, "mp-sap-commerce-cloud-production-eu", "");
  const other = alike(2, "mp-sap-commerce-cloud-production-us", "https://shop.example.com/orders");

  it("set both aside, and nothing is told of what they lack beside that", () => {
    const { applications, setAside, degraded } = anEstate([one, other, anApplicationNamed("mp-good", 9)]);

    expect(applications.map(({ name }) => name)).toEqual(["mp-good"]);
    const message = expect.stringContaining("the name of one of another Application");
    expect(setAside).toEqual([one, other].map(({ id, name }) => ({ id, name, reason: "InvalidName", message })));
    expect(degraded).toEqual([]);
  });

  it("are none where one of the two is there alone", () => {
    expect(anEstate([one]).degraded.map(({ reason }) => reason)).toEqual(["NoTarget"]);
    expect(anEstate([other]).setAside).toEqual([]);
  });
});

describe("names in an estate", () => {
  it("stand as Director gave them when the label isNormalized is the text true", () => {
    const { applications, setAside } = anEstate([anApplication({ name: "sap-commerce" })], { isNormalized: "true" });

    expect(applications.map(({ name }) => name)).toEqual(["sap-commerce"]);
    expect(setAside).toEqual([]);
  });

  it.each([
    ["missing", {}],
    ["false", { isNormalized: "false" }],
    ["a boolean", { isNormalized: true }],
    ["a list", { isNormalized: ["true"] }],
    ["in capitals", { isNormalized: "True" }],
    ["null", { isNormalized: null }],
  ])("are normalised when the label is %s", (_, labels) => {
    const { applications } = anEstate([anApplication({ name: "SAP Commerce-0003ABC" })], labels);

    expect(applications.map(({ name }) => name)).toEqual(["mp-sap-commerce-0003abc"]);
  });

  it("sort the Applications by code unit, whatever the order received", () => {
    const names = ["mp-b", "mp-a", "mp-a-1", "mp-10", "mp-2", "mp-a0"];
    const applications = names.map((name, index) => anApplication({ id: uuid(index), name }));

    const sorted = anEstate(applications).applications.map(({ name }) => name);

    expect(sorted).toEqual(["mp-10", "mp-2", "mp-a", "mp-a-1", "mp-a0", "mp-b"]);
  });

  it("do not depend on the order received", () => {
    const applications = ["mp-b", "mp-a", "BAD", "WORSE", "mp-c"].map((name, index) =>
      anApplicationNamed(name, index + 1),
    );

    expect(anEstate(applications.toReversed())).toEqual(anEstate(applications));
  });
});

describe("an Application's model", () => {
  it("has every field of contract 4.1 from Director, in the order received", () => {
    const model = aModel(
      anApplication({
        description: "A shop\nwith two lines",
        auths: ["b", "c", "a"],
        bundles: [
          aBundle({
            id: uuid(102),
            name: "Zebra",
            description: "Striped",
            instanceAuthRequestInputSchema: '{"type":"object"}',
            apiDefinitions: [anAPI({ id: uuid(2), name: "Second" }), anAPI({ id: uuid(1), name: "First" })],
            eventDefinitions: [anEvent({ id: uuid(4), name: "E2" }), anEvent({ id: uuid(3), name: "E1" })],
          }),
          aBundle({ id: uuid(101), name: "Ape", apiDefinitions: [] }),
        ],
      }),
    );

    const api = { type: "API", targetURL: "https://shop.example.com/orders", credentials: null };
    expect(model).toEqual({
      id: uuid(1),
      name: "mp-shop",
      description: "A shop\nwith two lines",
      clientIDs: ["a", "b", "c"],
      services: [
        {
          id: uuid(102),
          name: expect.stringMatching(/^zebra-[0-9a-f]{5}$/),
          displayName: "Zebra",
          description: "Striped",
          authCreateParameterSchema: '{"type":"object"}',
          path: "zebra",
          entries: [
            { ...api, id: uuid(2), name: "Second", path: "second", requestParametersSecretName: null },
            { ...api, id: uuid(1), name: "First", path: "first", requestParametersSecretName: null },
            { type: "Events", id: uuid(4), name: "E2" },
            { type: "Events", id: uuid(3), name: "E1" },
          ],
        },
        {
          id: uuid(101),
          name: expect.stringMatching(/^ape-[0-9a-f]{5}$/),
          displayName: "Ape",
          description: "Description not provided",
          authCreateParameterSchema: null,
          path: "ape",
          entries: [],
        },
      ],
      secrets: [],
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      intent: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it.each([[null], [""]])("says that a description is not provided for %j", (description) => {
    const model = aModel(anApplication({ description, bundles: [aBundle({ description })] }));

    expect(model.description).toBe("Description not provided");
    expect(model.services[0]?.description).toBe("Description not provided");
  });

  it("leaves the list of client ids as it came to it", () => {
    const auths = ["b", "a"];

    const model = aModel(anApplication({ auths }));

    expect(model.clientIDs).toEqual(["a", "b"]);
    expect(auths).toEqual(["b", "a"]);
  });
});

describe("credentials in an estate", () => {
  it("of kind Basic are referred to by each API of the bundle, and by no event", () => {
    const { entry, secrets, degraded } = modelled(anAuth({ credential: basic() }));

    expect(entry).toMatchObject({
      credentials: {
        type: "Basic",
        secretName: credentialsName,
        authenticationURL: null,
        csrfTokenEndpointURL: null,
      },
      requestParametersSecretName: null,
    });
    expect(secrets).toEqual([{ name: credentialsName, bundle: uuid(101), keys: ["username", "password"] }]);
    expect(degraded).toEqual([]);
  });

  it("of kind OAuth name the token endpoint, and the one for CSRF where there is one", () => {
    const { entry, secrets } = modelled(
      anAuth({ credential: oauth(), csrfTokenEndpointURL: "https://shop.example.com/csrf" }),
    );

    expect(entry).toMatchObject({
      credentials: {
        type: "OAuth",
        secretName: credentialsName,
        authenticationURL: "https://auth.example.com/token",
        csrfTokenEndpointURL: "https://shop.example.com/csrf",
      },
    });
    expect(secrets).toEqual([{ name: credentialsName, bundle: uuid(101), keys: ["clientId", "clientSecret"] }]);
  });

  it("stand beside headers and query parameters in a Secret of their own", () => {
    const auth = anAuth({ credential: basic(), headers: parameters, queryParameters: parameters });

    const { entry, secrets } = modelled(auth);

    expect(entry).toMatchObject({ requestParametersSecretName: parametersName });
    expect(secrets).toEqual([
      { name: credentialsName, bundle: uuid(101), keys: ["username", "password"] },
      { name: parametersName, bundle: uuid(101), keys: ["headers", "queryParameters"] },
    ]);
  });

  it.each([
    ["headers", anAuth({ headers: parameters })],
    ["queryParameters", anAuth({ queryParameters: parameters })],
  ])("may be absent while there are %s alone", (key, auth) => {
    const { entry, secrets, degraded } = modelled(auth);

    expect(entry).toMatchObject({ credentials: null, requestParametersSecretName: parametersName });
    expect(secrets).toEqual([{ name: parametersName, bundle: uuid(101), keys: [key] }]);
    expect(degraded).toEqual([]);
  });

  it.each([
    ["no auth", null],
    ["an auth with nothing in it", anAuth()],
  ])("are none for %s, which is nothing to report", (_, auth) => {
    expect(modelled(auth)).toMatchObject({ entry: { credentials: null }, secrets: [], degraded: [] });
  });

  it.each([
    ["of kind CertificateOAuth", anAuth({ credential: { kind: "CertificateOAuth" } })],
    ["of a kind to come", anAuth({ credential: { kind: "Unknown", type: "APIKeyCredentialData" } })],
    ["that are a CSRF endpoint alone", anAuth({ csrfTokenEndpointURL: "https://shop.example.com/csrf" })],
  ])("%s cannot be used, and are reported", (_, auth) => {
    expect(modelled(auth)).toMatchObject({
      entry: { credentials: null },
      secrets: [],
      degraded: [["UnsupportedCredentials", uuid(101)]],
    });
  });

  it.each([
    ["user name", basic("", "password of basic")],
    ["password", basic("user", "")],
    ["client id", oauth("", "secret of oauth")],
    ["client secret", oauth("client", "")],
  ])("without a %s are left out and reported, while headers stay", (_, credential) => {
    expect(modelled(anAuth({ credential, headers: parameters }))).toMatchObject({
      entry: { credentials: null, requestParametersSecretName: parametersName },
      secrets: [{ name: parametersName }],
      degraded: [["IncompleteCredentials", uuid(101)]],
    });
  });

  it("of a bundle with events alone are not written, nor reported", () => {
    const auth = anAuth({ credential: basic(), headers: parameters });

    const { secrets, entry, degraded } = modelled(auth, { apiDefinitions: [], eventDefinitions: [anEvent()] });

    expect({ secrets, entry, degraded }).toEqual({
      secrets: [],
      entry: { type: "Events", id: uuid(2001), name: "Order events" },
      degraded: [],
    });
  });

  it("of a redacted recording have no fingerprint, but their place", () => {
    const credential = { kind: "Basic", username: Secret.of("user"), password: Secret.redacted() } as const;
    const fingerprints = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer: "plain" });
    const application = anApplication({ bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] });

    const { applications } = buildEstate(aSnapshot([application]), { fingerprint: fingerprints.value });

    expect(applications[0]?.secrets[0]?.keys).toEqual([
      { key: "username", fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/) },
      { key: "password", fingerprint: null },
    ]);
  });

  it("never show a value, however the estate is printed", () => {
    const values = ["user-canary", "password-canary", "client-canary", "secret-canary", "tenant-canary"];
    const [user, password, client, secret, tenant] = values as [string, string, string, string, string];
    const auths = [
      anAuth({ credential: basic(user, password), headers: Secret.of(`{"X":["${tenant}"]}`) }),
      anAuth({ credential: oauth(client, secret), queryParameters: Secret.of(`{"q":["${tenant}"]}`) }),
      anAuth({ credential: basic(user, "") }),
    ];
    const bundles = auths.map((defaultInstanceAuth, index) => aBundle({ id: uuid(index), defaultInstanceAuth }));
    const fingerprints = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer: "plain" });
    const snapshot = aSnapshot([anApplication({ bundles })]);

    const estate = buildEstate(snapshot, { fingerprint: fingerprints.value });

    const printed = `${JSON.stringify(estate)} ${inspect(estate, { depth: null, showHidden: true })}`;
    expect(printed).toContain("mp-shop");
    expect(values.filter((value) => printed.includes(value))).toEqual([]);
    expect(JSON.stringify(snapshot)).not.toContain("canary");
  });
});

describe("an Application set aside", () => {
  const setAside = (applications: readonly Application[]) => {
    const estate = anEstate(applications);
    return {
      aside: estate.setAside.map(({ id, reason }) => [id, reason]),
      proceeding: estate.applications.map(({ name }) => name),
    };
  };
  const good = anApplicationNamed("mp-good", 9);

  const text = "a\u0007b";
  it.each<[string, SetAsideReason, Partial<Application>]>([
    ["upper-case letters in its name", "InvalidName", { name: "mp-system-upper-0003ABC" }],
    ["64 characters in its name", "InvalidName", { name: "x".repeat(64) }],
    ["an empty name", "InvalidName", { name: "" }],
    ["a dash at the end of its name", "InvalidName", { name: "mp-" }],
    ["a way out of its folder as its name", "InvalidName", { name: "../../.." }],
    ["an id that is none", "InvalidName", { id: "../../.." }],
    ["a bundle whose id leads elsewhere", "InvalidName", { bundles: [aBundle({ id: "../../../x" })] }],
    ["a bundle whose id no Secret can be named by", "InvalidName", { bundles: [aBundle({ id: "ORDERS" })] }],
    ["a control character in a client id", "UnprintableName", { auths: [text] }],
    ["one in a bundle's name", "UnprintableName", { bundles: [aBundle({ name: text })] }],
    ["one in an API's name", "UnprintableName", { bundles: [aBundle({ apiDefinitions: [anAPI({ name: text })] })] }],
    ["one in an API's id", "UnprintableName", { bundles: [aBundle({ apiDefinitions: [anAPI({ id: text })] })] }],
    [
      "one in a target URL",
      "UnprintableName",
      { bundles: [aBundle({ apiDefinitions: [anAPI({ targetURL: `https://${text}` })] })] },
    ],
    [
      "one in an event's name",
      "UnprintableName",
      { bundles: [aBundle({ eventDefinitions: [anEvent({ name: text })] })] },
    ],
    ["one in an event's id", "UnprintableName", { bundles: [aBundle({ eventDefinitions: [anEvent({ id: text })] })] }],
    [
      "one in the token endpoint",
      "UnprintableName",
      { bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: { ...oauth(), url: text } }) })] },
    ],
    [
      "one in the token endpoint for CSRF",
      "UnprintableName",
      { bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: basic(), csrfTokenEndpointURL: text }) })] },
    ],
  ])("is one with %s, and the others proceed", (_, reason, changes) => {
    const bad = anApplication(changes);

    expect(setAside([bad, good])).toEqual({ aside: [[bad.id, reason]], proceeding: ["mp-good"] });
  });

  it.each<[string, Partial<Application>]>([
    ["a system auth's id", { auths: [text] }],
    ["a bundle's name", { bundles: [aBundle({ name: text })] }],
    ["an API's name", { bundles: [aBundle({ apiDefinitions: [anAPI({ name: text })] })] }],
    ["an API's id", { bundles: [aBundle({ apiDefinitions: [anAPI({ id: text })] })] }],
    ["a target URL", { bundles: [aBundle({ apiDefinitions: [anAPI({ targetURL: text })] })] }],
    ["an event's name", { bundles: [aBundle({ eventDefinitions: [anEvent({ name: text })] })] }],
    ["an event's id", { bundles: [aBundle({ eventDefinitions: [anEvent({ id: text })] })] }],
    [
      "a token endpoint",
      { bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: { ...oauth(), url: text } }) })] },
    ],
    ["a token endpoint", { bundles: [aBundle({ defaultInstanceAuth: anAuth({ csrfTokenEndpointURL: text }) })] }],
  ])("is told where its control character stands: in %s", (place, changes) => {
    const [{ message } = { message: "" }] = anEstate([anApplication(changes)]).setAside;

    expect(message).toBe(`a control character stands in ${place}, which would stop every consumer; mend it in Compass`);
  });

  it("is each of those that share a name, after it was normalised", () => {
    const sharing = ["Shop", "shop", "SHOP!"].map((name, index) => anApplication({ id: uuid(index + 1), name }));
    const other = anApplication({ id: uuid(9), name: "other" });

    const estate = anEstate([...sharing, other], {});

    expect(estate.setAside).toEqual(
      sharing.map(({ id }) => ({
        id,
        name: "mp-shop",
        reason: "DuplicateName",
        message: "3 Applications have this name; rename all but one in Compass",
      })),
    );
    expect(estate.applications.map(({ name }) => name)).toEqual(["mp-other"]);
  });

  it("is not the one that owns the name in Git, but all the others that share it", () => {
    const sharing = [1, 2, 3].map((number) => anApplication({ id: uuid(number), name: "mp-shop" }));
    const owners = new Map([["mp-shop", uuid(2)]]);

    const estate = buildEstate(aSnapshot(sharing), { fingerprint: () => "fingerprint", owners });

    expect(estate.applications.map(({ id }) => id)).toEqual([uuid(2)]);
    expect(estate.setAside.map(({ id, reason }) => [id, reason])).toEqual([
      [uuid(1), "DuplicateName"],
      [uuid(3), "DuplicateName"],
    ]);
  });

  it.each([
    ["somebody else's", new Map([["mp-shop", uuid(9)]])],
    ["of an owner who is not known", new Map([["mp-shop", ""]])],
    ["another's of the same owner", new Map([["mp-other", uuid(2)]])],
  ])("is each that shares a name where the folder is %s", (_, owners) => {
    const sharing = [1, 2].map((number) => anApplication({ id: uuid(number), name: "mp-shop" }));

    const estate = buildEstate(aSnapshot(sharing), { fingerprint: () => "fingerprint", owners });

    expect(estate.applications).toEqual([]);
    expect(estate.setAside).toHaveLength(2);
  });

  it("is one that Director cannot write its answer about, with its name as it would be", () => {
    const unreadable = [{ id: uuid(7), name: "Shop" }];
    const snapshot = { ...aSnapshot([anApplicationNamed("mp-a", 1)], {}), unreadable };

    const { applications, setAside } = buildEstate(snapshot, { fingerprint: () => "fingerprint" });

    expect(applications.map(({ name }) => name)).toEqual(["mp-a"]);
    expect(setAside).toEqual([
      { id: uuid(7), name: "mp-shop", reason: "Unreadable", message: expect.stringContaining("HTTP 422") },
    ]);
  });

  it("is one whose name a thing that cannot be read has, too, unless Git has it under this name", () => {
    const snapshot = {
      ...aSnapshot([anApplicationNamed("mp-a", 1)]),
      unreadable: [{ id: uuid(7), name: "mp-a" }],
    };
    const reasonsWith = (owners: ReadonlyMap<string, string>) =>
      buildEstate(snapshot, { fingerprint: () => "fingerprint", owners }).setAside.map(({ id, reason }) => [
        id,
        reason,
      ]);

    expect(reasonsWith(new Map())).toEqual([
      [uuid(1), "DuplicateName"],
      [uuid(7), "Unreadable"],
    ]);
    expect(reasonsWith(new Map([["mp-a", uuid(7)]]))).toHaveLength(2);
    expect(reasonsWith(new Map([["mp-a", uuid(1)]]))).toEqual([[uuid(7), "Unreadable"]]);
  });

  it("repeats nothing of what stands in the refused field", () => {
    const bad = anApplication({ bundles: [aBundle({ name: "canary\u0007" })] });

    expect(anEstate([bad]).setAside[0]?.message).not.toContain("canary");
  });
});

describe("an Application that is degraded", () => {
  const degraded = (applications: readonly Application[]) =>
    anEstate(applications).degraded.map(({ name, reason, bundle }) => [name, reason, bundle]);

  it("has control characters in a text, which are replaced", () => {
    const application = anApplication({
      description: "a\u0007b",
      bundles: [aBundle({ description: "c\u0085d", instanceAuthRequestInputSchema: "e\uffffd" })],
    });

    const estate = anEstate([application]);

    expect(estate.applications[0]).toMatchObject({
      description: "a\ufffdb",
      services: [{ description: "c\ufffdd", authCreateParameterSchema: "e\ufffdd" }],
    });
    expect(estate.degraded.map(({ reason, bundle }) => `${reason} ${bundle}`).sort()).toEqual([
      `UnprintableText ${uuid(101)}`,
      `UnprintableText ${uuid(101)}`,
      "UnprintableText null",
    ]);
  });

  it.each<[string, Partial<Parameters<typeof aBundle>[0]>]>([
    ["control characters in a text were replaced by U+FFFD", { description: "a\u0007b" }],
    ["an API has no target URL, so calls of it fail", { apiDefinitions: [anAPI({ targetURL: "" })] }],
    [
      "a bundle or API name has no letter or digit of A to Z and 0 to 9, so the gateway has no path for it",
      { name: "日本語" },
    ],
    [
      "a value of the Basic credentials is empty: they are not published",
      { defaultInstanceAuth: anAuth({ credential: basic("user", "") }) },
    ],
    [
      "the gateway cannot use certificate credentials: they are not published",
      { defaultInstanceAuth: anAuth({ credential: { kind: "CertificateOAuth" } }) },
    ],
    [
      "credentials of the kind APIKeyCredentialData are not known to this version: they are not published",
      { defaultInstanceAuth: anAuth({ credential: { kind: "Unknown", type: "APIKeyCredentialData" } }) },
    ],
    [
      "a CSRF token without credentials cannot be fetched: it is not published",
      { defaultInstanceAuth: anAuth({ csrfTokenEndpointURL: "https://shop.example.com/token" }) },
    ],
  ])("says what is the matter: %s", (message, changes) => {
    const { degraded: told } = anEstate([anApplication({ bundles: [aBundle(changes)] })]);

    expect(told.map((each) => each.message)).toEqual([message]);
  });

  it("has an API without a target, reported once for its bundle", () => {
    const apiDefinitions = [anAPI({ id: "1", name: "A", targetURL: "" }), anAPI({ id: "2", name: "B", targetURL: "" })];

    expect(degraded([anApplication({ bundles: [aBundle({ apiDefinitions })] })])).toEqual([
      ["mp-shop", "NoTarget", uuid(101)],
    ]);
  });

  it.each([
    ["a bundle's", aBundle({ name: "日本語" })],
    ["an API's", aBundle({ apiDefinitions: [anAPI({ name: "!!!" })] })],
  ])("has no path for %s name without letters and digits", (_, bundle) => {
    expect(degraded([anApplication({ bundles: [bundle] })])).toEqual([["mp-shop", "EmptyPathPart", uuid(101)]]);
  });

  it("has no path for events, so their names collide with nothing", () => {
    const eventDefinitions = [anEvent({ id: "1", name: "Same" }), anEvent({ id: "2", name: "same!" })];

    expect(
      degraded([
        anApplication({ bundles: [aBundle({ apiDefinitions: [anAPI({ name: "Same" })], eventDefinitions })] }),
      ]),
    ).toEqual([]);
  });

  it("has two APIs of one bundle at one path", () => {
    const apiDefinitions = [anAPI({ id: "1", name: "Orders v1" }), anAPI({ id: "2", name: "orders (V1)" })];

    const estate = anEstate([anApplication({ bundles: [aBundle({ apiDefinitions })] })]);

    expect(estate.degraded).toEqual([
      {
        name: "mp-shop",
        id: uuid(1),
        reason: "PathCollision",
        bundle: uuid(101),
        message: "2 APIs share the path /mp-shop/orders/orders-v1, so the gateway answers 400 for each",
      },
    ]);
  });

  it("has two bundles with an API at one path, both reported", () => {
    const bundles = [aBundle({ id: uuid(101), name: "Orders" }), aBundle({ id: uuid(102), name: "orders!" })];

    expect(degraded([anApplication({ bundles })])).toEqual([
      ["mp-shop", "PathCollision", uuid(101)],
      ["mp-shop", "PathCollision", uuid(102)],
    ]);
  });

  it("has a path that reads like another Application's once the slashes are gone, both reported", () => {
    const routed = (name: string, bundle: string, api: string, number: number) =>
      anApplication({
        id: uuid(number),
        name,
        bundles: [aBundle({ id: uuid(100 + number), name: bundle, apiDefinitions: [anAPI({ name: api })] })],
      });

    const estate = anEstate([routed("ab", "c", "d", 1), routed("a", "bc", "d", 2), routed("a2", "bc", "d", 3)]);

    expect(estate.applications).toHaveLength(3);
    expect(estate.degraded).toMatchObject([
      { name: "a", reason: "PathCollision", bundle: uuid(102) },
      { name: "ab", reason: "PathCollision", bundle: uuid(101) },
    ]);
    expect(estate.degraded[0]?.message).toContain("/a/bc/d and /ab/c/d for one");
    expect(estate.degraded[0]?.message).toContain("the other's credentials");
  });

  it("has such a path within itself", () => {
    const bundles = [
      aBundle({ id: uuid(101), name: "ab", apiDefinitions: [anAPI({ name: "c" })] }),
      aBundle({ id: uuid(102), name: "a", apiDefinitions: [anAPI({ name: "bc" })] }),
    ];

    expect(degraded([anApplication({ bundles })])).toEqual([
      ["mp-shop", "PathCollision", uuid(101)],
      ["mp-shop", "PathCollision", uuid(102)],
    ]);
  });
});

describe("the digest of a model", () => {
  const digestOf = (application: Application) => aModel(application).digest;

  const anyAuth = fc.record({
    credential: fc.oneof(
      fc.constant(null),
      fc.constant({ kind: "CertificateOAuth" } as const),
      fc.constant(basic()),
      fc.webUrl().map((url) => ({ ...oauth(), url })),
    ),
    headers: fc.constantFrom(null, parameters),
    queryParameters: fc.constantFrom(null, parameters),
    csrfTokenEndpointURL: fc.option(fc.webUrl()),
  });
  const word = fc.string({ minLength: 1, maxLength: 20 });
  const anyBundle = fc.record({
    id: fc.uuid(),
    name: word,
    description: fc.option(word),
    instanceAuthRequestInputSchema: fc.option(word),
    defaultInstanceAuth: fc.option(anyAuth),
    apiDefinitions: fc.array(fc.record({ id: fc.uuid(), name: word, targetURL: fc.webUrl() }), { maxLength: 3 }),
    eventDefinitions: fc.array(fc.record({ id: fc.uuid(), name: word }), { maxLength: 3 }),
  });
  const anyApplication = fc.record({
    id: fc.uuid(),
    name: fc.constantFrom("mp-a", "mp-b"),
    description: fc.option(word),
    auths: fc.array(fc.uuid(), { maxLength: 3 }),
    bundles: fc.uniqueArray(anyBundle, { selector: ({ id }) => id, maxLength: 3 }),
  });

  it("is equal exactly when all that is rendered is equal", () => {
    const open = (application: Application) => {
      const { digest: _digest, secrets, ...rest } = aModel(application);
      return JSON.stringify([rest, secrets.map(({ name, keys }) => [name, keys.map(({ key }) => key)])]);
    };

    fc.assert(
      fc.property(anyApplication, anyApplication, (left, right) => {
        expect(digestOf(left) === digestOf(right)).toBe(open(left) === open(right));
        expect(digestOf(structuredCopy(left))).toBe(digestOf(left));
      }),
    );
  });

  const api = anAPI();
  const event = anEvent();
  const auth = anAuth({ credential: oauth(), headers: parameters, csrfTokenEndpointURL: "https://csrf.example.com" });
  const bundle = aBundle({ defaultInstanceAuth: auth, eventDefinitions: [event], description: "One" });
  const full = anApplication({ description: "Full", bundles: [bundle] });
  const withBundle = (changes: Parameters<typeof aBundle>[0]) => ({ ...full, bundles: [{ ...bundle, ...changes }] });

  it.each<[string, Application]>([
    ["id", { ...full, id: uuid(2) }],
    ["name", { ...full, name: "mp-other" }],
    ["description", { ...full, description: "Other" }],
    ["client ids", { ...full, auths: [uuid(6)] }],
    ["bundle's id", withBundle({ id: uuid(102) })],
    ["bundle's name", withBundle({ name: "Other" })],
    ["bundle's name in its letters' case alone", withBundle({ name: "ORDERS" })],
    ["bundle's description", withBundle({ description: "Other" })],
    ["bundle's schema", withBundle({ instanceAuthRequestInputSchema: "{}" })],
    ["bundles' number", { ...full, bundles: [] }],
    ["API's id", withBundle({ apiDefinitions: [{ ...api, id: uuid(7) }] })],
    ["API's name", withBundle({ apiDefinitions: [{ ...api, name: "Other" }] })],
    ["API's target", withBundle({ apiDefinitions: [{ ...api, targetURL: "https://other.example.com" }] })],
    ["event's id", withBundle({ eventDefinitions: [{ ...event, id: uuid(7) }] })],
    ["event's name", withBundle({ eventDefinitions: [{ ...event, name: "Other" }] })],
    ["credentials' kind", withBundle({ defaultInstanceAuth: { ...auth, credential: basic() } })],
    ["credentials", withBundle({ defaultInstanceAuth: { ...auth, credential: null } })],
    [
      "token endpoint",
      withBundle({ defaultInstanceAuth: { ...auth, credential: { ...oauth(), url: "https://other.example.com" } } }),
    ],
    ["CSRF endpoint", withBundle({ defaultInstanceAuth: { ...auth, csrfTokenEndpointURL: null } })],
    ["headers", withBundle({ defaultInstanceAuth: { ...auth, headers: null } })],
    [
      "kind of parameters",
      withBundle({ defaultInstanceAuth: { ...auth, headers: null, queryParameters: parameters } }),
    ],
    ["further parameters", withBundle({ defaultInstanceAuth: { ...auth, queryParameters: parameters } })],
  ])("changes with the %s", (_, changed) => {
    expect(digestOf(changed)).not.toBe(digestOf(full));
  });

  it("changes with the order of bundles, and not with that of client ids", () => {
    const bundles = [aBundle({ id: uuid(101) }), aBundle({ id: uuid(102), name: "Other" })];

    expect(digestOf(anApplication({ bundles: bundles.toReversed() }))).not.toBe(digestOf(anApplication({ bundles })));
    expect(digestOf(anApplication({ auths: ["b", "a"] }))).toBe(digestOf(anApplication({ auths: ["a", "b"] })));
  });

  it("does not change with a secret value", () => {
    const value = fc.string({ minLength: 1 });
    const withValues = (user: string, password: string, header: string) => {
      const headers = Secret.of(JSON.stringify({ X: [header] }));
      const bundle = aBundle({ defaultInstanceAuth: anAuth({ credential: basic(user, password), headers }) });
      const fingerprints = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer: "plain" });
      const snapshot = aSnapshot([anApplication({ bundles: [bundle] })]);
      return buildEstate(snapshot, { fingerprint: fingerprints.value }).applications[0]?.digest;
    };

    fc.assert(
      fc.property(value, value, value, (user, password, header) => {
        expect(withValues(user, password, header)).toBe(withValues("user", "password", "header"));
      }),
    );
  });
});

/** Another object with the same content; the secrets in it are values without a copy. */
const structuredCopy = (application: Application): Application => ({
  ...application,
  bundles: application.bundles.map((bundle) => ({ ...bundle })),
});

describe("what the inventory keeps of a Secret", () => {
  const fingerprints = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer: "plain" });
  const secretsOf = (defaultInstanceAuth: Auth, changes: Parameters<typeof aBundle>[0] = {}) =>
    buildEstate(aSnapshot([anApplication({ bundles: [aBundle({ defaultInstanceAuth, ...changes })] })]), {
      fingerprint: fingerprints.value,
    }).applications[0]?.secrets;

  it("is what it is for, and each host that its values are sent to", () => {
    const auth = anAuth({
      credential: oauth(),
      headers: parameters,
      csrfTokenEndpointURL: "https://csrf.example.com/t",
    });
    const apiDefinitions = [
      anAPI(),
      anAPI({ id: uuid(1002), targetURL: "https://stock.example.com:8443/x" }),
      anAPI({ id: uuid(1003), targetURL: "" }),
    ];

    expect(secretsOf(auth, { apiDefinitions })?.map(({ reference }) => reference)).toEqual([
      {
        bundle: uuid(101),
        type: "OAuth",
        keys: ["clientId", "clientSecret"],
        authenticationURL: "https://auth.example.com/token",
        csrfTokenEndpointURL: "https://csrf.example.com/t",
        hosts: ["auth.example.com", "csrf.example.com", "shop.example.com", "stock.example.com:8443"],
        values: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
      {
        bundle: uuid(101),
        type: "Parameters",
        keys: ["headers"],
        authenticationURL: null,
        csrfTokenEndpointURL: null,
        hosts: ["shop.example.com", "stock.example.com:8443"],
        values: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    ]);
  });

  it("tells that the values are the same, wherever they are sent to, and nothing of them", () => {
    const valuesOf = (auth: Auth, changes = {}) => secretsOf(auth, changes)?.[0]?.reference.values;
    const auth = anAuth({ credential: basic() });

    expect(valuesOf(auth, { apiDefinitions: [anAPI({ targetURL: "https://evil.example.com" })] })).toBe(valuesOf(auth));
    expect(valuesOf(anAuth({ credential: basic("user of basic", "other") }))).not.toBe(valuesOf(auth));
  });

  it("knows nothing of the values of a redacted recording", () => {
    const credential = { kind: "Basic", username: Secret.of("u"), password: Secret.redacted() } as const;

    expect(secretsOf(anAuth({ credential }))?.[0]?.reference.values).toBeNull();
  });
});

describe("the intent of a model", () => {
  const intentOf = (application: Application, sealer = "plain", labels?: Readonly<Record<string, unknown>>) => {
    const { value: fingerprint } = createFingerprinter({ sealKey, namespace: NAMESPACE, sealer });
    return buildEstate(aSnapshot([application], labels), { fingerprint }).applications[0]?.intent;
  };
  const shop = anApplicationNamed("mp-shop", 1);

  it("is the same while Compass says the same, whatever it is sealed with", () => {
    expect(intentOf(shop)).toMatch(/^[0-9a-f]{32}$/);
    expect(intentOf(anApplicationNamed("mp-shop", 1))).toBe(intentOf(shop));
    expect(intentOf(shop, "sops age1")).toBe(intentOf(shop));
  });

  it("is another when a text or a secret value is", () => {
    expect(intentOf({ ...shop, description: "Other" })).not.toBe(intentOf(shop));
    expect(intentOf(anApplicationNamed("mp-shop", 1, "another password"))).not.toBe(intentOf(shop));
  });

  it("is null where a value is not known", () => {
    const credential = { kind: "Basic", username: Secret.of("u"), password: Secret.redacted() } as const;

    expect(intentOf(anApplication({ bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] }))).toBeNull();
  });
});
