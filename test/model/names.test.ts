import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  credentialsSecretName,
  isName,
  isUUID,
  normalizeApplicationName,
  parametersSecretName,
  pathPart,
  serviceName,
} from "../../src/model/names.js";

const anyText = fc.string({ unit: "binary", maxLength: 120 });
/** Texts that come close to the borders of the rules more often than chance would. */
const nearName = fc.string({
  unit: fc.constantFrom("m", "p", "-", "A", "z", "0", "_", " ", "é", "İ", "😀"),
  maxLength: 70,
});
const text = fc.oneof(
  anyText,
  nearName,
  nearName.map((tail) => `mp-${tail}`),
);

const B = "c687e68a-9038-4f38-845b-9c61592e59e6";

describe("an Application's name", () => {
  it.each([
    ["test-application", "mp-test-application"],
    ["tEsT-ApPlIcAtIoN", "mp-test-application"],
    ["SAP Commerce Cloud", "mp-sap-commerce-cloud"],
    ["mp-test-application", "mp-test-application"],
    ["mp-Foo", "mp-mp-foo"],
    ["MP-foo", "mp-mp-foo"],
    ["mp-foo-", "mp-mp-foo"],
    ["mp-foo--bar", "mp-mp-foo-bar"],
    ["mp-foo_bar", "mp-mp-foo-bar"],
    ["mp-", "mp-mp"],
    ["mp", "mp-mp"],
    ["123", "mp-123"],
    ["a", "mp-a"],
    ["mp-my-app-0003000123", "mp-my-app-0003000123"],
    ["foo_bar", "mp-foo-bar"],
    ["foo.bar", "mp-foo-bar"],
    ["[test@application]", "mp-test-application"],
    ["test%.-&application", "mp-test-application"],
    ["test-application---", "mp-test-application"],
    ["  spaced  name  ", "mp-spaced-name"],
    ["Café Zürich", "mp-caf-z-rich"],
    ["emoji 😀 app", "mp-emoji-app"],
    ["日本語", "mp"],
    ["!!!", "mp"],
    ["---", "mp"],
    ["", "mp"],
    ["İstanbul", "mp-istanbul"],
    ["x".repeat(100), `mp-${"x".repeat(100)}`],
    // As Director hands them out with a system number (contract 4.2, the first table).
    ["mp-sap-commerce-0003ABC", "mp-mp-sap-commerce-0003abc"],
    ["mp-sap-commerce-0003000123", "mp-sap-commerce-0003000123"],
    ["SAP Commerce", "mp-sap-commerce"],
    ["SAP Commerce-0003000123", "mp-sap-commerce-0003000123"],
    ["SAP Commerce-0003ABC", "mp-sap-commerce-0003abc"],
  ])("made of %j is %s", (name, expected) => {
    expect(normalizeApplicationName(name)).toBe(expected);
  });

  it("is lower-case letters, digits and single dashes behind its prefix, whatever it is made of", () => {
    fc.assert(
      fc.property(text, (name) => {
        expect(normalizeApplicationName(name)).toMatch(/^mp(-[a-z0-9]+)*$/);
      }),
    );
  });

  it("stays when it is made of itself, but for the bare prefix", () => {
    fc.assert(
      fc.property(text, (name) => {
        const once = normalizeApplicationName(name);

        expect(normalizeApplicationName(once)).toBe(once === "mp" ? "mp-mp" : once);
      }),
    );
  });
});

describe("the names of a bundle", () => {
  it.each([
    ["bundleName1", "bundle1", "bundlename1", "bundlename1-43857"],
    ["bndl-app-1", "e4148ee9-79c0-4d81-863c-311f32aeed9b", "bndl-app-1", "bndl-app-1-0d79e"],
    ["comments-v1", "30747de1-4a87-4b67-a75d-9fe84af6e6f9", "comments-v1", "comments-v1-1fd9f"],
    ["DisplayName", "id", "displayname", "displayname-87ea5"],
    ["display_!@#$%^&*()name", "id", "display-name", "display-name-87ea5"],
    ["-----displayname", "id", "displayname", "displayname-87ea5"],
    ["Orders API (v2)", "id", "orders-api-v2", "orders-api-v2-87ea5"],
    ["Ünïcode näme", "id", "n-code-n-me", "n-code-n-me-87ea5"],
    ["9 lives", "id", "9-lives", "9-lives-87ea5"],
    [`${"Very".repeat(14)}LongDescription`, "id", `${"very".repeat(14)}l`, `${"very".repeat(14)}l-87ea5`],
    [`${"a".repeat(56)} bbbb`, "id", `${"a".repeat(56)}-`, `${"a".repeat(56)}--87ea5`],
    [`-${"a".repeat(64)}`, "id", "a".repeat(56), `${"a".repeat(56)}-87ea5`],
    ["", "id", "", "87ea5"],
    ["___", "id", "", "87ea5"],
  ])("called %j with id %s are %j and %s", (displayName, id, path, service) => {
    expect(pathPart(displayName)).toBe(path);
    expect(serviceName(displayName, id)).toBe(service);
  });

  it("keep the shape and the length that the gateway knows, whatever they are made of", () => {
    fc.assert(
      fc.property(text, anyText, (displayName, id) => {
        const path = pathPart(displayName);
        const suffix = createHash("sha1").update(id).digest("hex").slice(0, 5);

        expect(path).toMatch(/^([a-z0-9]+(-[a-z0-9]+)*-?)?$/);
        expect(path.length).toBeLessThanOrEqual(57);
        expect(serviceName(displayName, id)).toBe(path === "" ? suffix : `${path}-${suffix}`);
      }),
    );
  });

  it("have a path that stays when it is made of itself, but for a dash at the cut", () => {
    fc.assert(
      fc.property(text, (displayName) => {
        const once = pathPart(displayName);

        expect(pathPart(once)).toBe(once.replace(/-$/, ""));
      }),
    );
  });
});

describe("the names of Secrets", () => {
  it.each([
    ["mp-test", `mp-test-${B}`, `params-mp-test-${B}`],
    ["mp-19-char-app-name", `mp-19-char-app-name-${B}`, `params-mp-19-char-app-name-${B}`],
    ["mp-short-application", `mp-short-application-${B}`, `params-mp-short-applicatio-${B}`],
    ["mp-sap-commerce-cloud", `mp-sap-commerce-cloud-${B}`, `params-mp-sap-commerce-clo-${B}`],
    ["mp-abcdefghijklmnopqrstuvw", `mp-abcdefghijklmnopqrstuvw-${B}`, `params-mp-abcdefghijklmnop-${B}`],
    ["mp-sap-commerce-cloud-prod-eu", `mp-sap-commerce-cloud-prod-${B}`, `params-mp-sap-commerce-clo-${B}`],
    ["mp-abcdefghijklmnopqrstuv-xyz", `mp-abcdefghijklmnopqrstuv--${B}`, `params-mp-abcdefghijklmnop-${B}`],
  ])("of %s are %s and %s", (application, credentials, parameters) => {
    expect(credentialsSecretName(application, B)).toBe(credentials);
    expect(parametersSecretName(application, B)).toBe(parameters);
  });

  it("follow the same rule for names and ids of any kind", () => {
    expect(credentialsSecretName("Appname1", "bundle1")).toBe("Appname1-bundle1");
    expect(parametersSecretName("Appname1", "bundle1")).toBe("params-Appname1-bundle1");
  });

  it("are names of at most 63 characters for every valid Application and UUID", () => {
    const label = fc
      .string({ unit: fc.constantFrom("a", "z", "0", "9", "-"), minLength: 1, maxLength: 63 })
      .filter(isName);

    fc.assert(
      fc.property(label, fc.uuid(), (application, bundle) => {
        expect(isName(credentialsSecretName(application, bundle))).toBe(true);
        expect(isName(parametersSecretName(application, bundle))).toBe(true);
      }),
    );
  });
});

describe("a name", () => {
  it.each(["a", "0", "mp-shop", "a--b", "x".repeat(63), "0a", "a.b", "mp-shop-1.2"])("may be %s", (name) => {
    expect(isName(name)).toBe(true);
  });

  it.each([
    "",
    "-",
    "-a",
    "a-",
    "A",
    "mp-Shop",
    "a..b",
    ".a",
    "a.",
    "a.-b",
    "a_b",
    "a b",
    "é",
    "a\n",
    "\na",
    "a/b",
    "..",
    "x".repeat(64),
  ])("is never %j", (name) => {
    expect(isName(name)).toBe(false);
  });
});

describe("a UUID", () => {
  it("is told from anything else", () => {
    expect(isUUID(B)).toBe(true);
    expect(isUUID(`${B}0`)).toBe(false);
    expect(isUUID(`${B}\n`)).toBe(false);
    expect(isUUID(B.replaceAll("-", ""))).toBe(false);
    expect(isUUID("../../x")).toBe(false);
  });
});
