import { describe, expect, it } from "vitest";
import type { InventoryFile, SecretReference } from "../../src/base/index.js";
import { Secret } from "../../src/common/secret.js";
import type { Auth } from "../../src/fetch/index.js";
import { type ApplicationModel, isVanished, withReferences } from "../../src/model/index.js";
import { aBundle, aModel, anAPI, anApplication, anAuth, anEvent, basic, oauth, uuid } from "../builders.js";

const headers = Secret.of('{"X-Tenant":["tenant of shop"]}');
const events = { eventDefinitions: [anEvent()] };

/** The Application whose one bundle has this auth. */
const modelWith = (defaultInstanceAuth: Auth | null, changes: Parameters<typeof aBundle>[0] = {}) =>
  aModel(anApplication({ bundles: [aBundle({ defaultInstanceAuth, ...events, ...changes })] }));

const aReference = (changes: Partial<SecretReference> = {}): SecretReference => ({
  bundle: uuid(101),
  type: "Basic",
  keys: ["username", "password"],
  authenticationURL: null,
  csrfTokenEndpointURL: null,
  hosts: ["shop.example.com"],
  values: "digest",
  ...changes,
});

const aRow = (name: string, reference?: SecretReference): InventoryFile => ({
  path: `applications/mp-shop/secrets/${name}.yaml`,
  id: uuid(1),
  blob: "a".repeat(40),
  sha256: "b".repeat(64),
  ...(reference === undefined ? {} : { reference }),
});

const credentialsName = `mp-shop-${uuid(101)}`;
const parametersName = `params-mp-shop-${uuid(101)}`;
const entriesOf = ({ services }: ApplicationModel) => services.flatMap(({ entries }) => entries);

describe("a Secret in Git", () => {
  const both = modelWith(anAuth({ credential: basic(), headers }));
  const credentials = modelWith(anAuth({ credential: basic() }));
  const parameters = modelWith(anAuth({ headers }));
  const neither = modelWith(null);

  it.each([
    ["credentials", aReference(), [false, false, true, true]],
    ["parameters", aReference({ type: "Parameters" }), [false, true, false, true]],
  ])("is vanished when its bundle has no such thing any more: %s", (_, reference, expected) => {
    const models = [both, credentials, parameters, neither];

    expect(models.map((model) => isVanished(aRow("any-name", reference), model))).toEqual(expected);
  });

  it("is not vanished when the credentials of its bundle are of another kind now", () => {
    const oauthNow = modelWith(anAuth({ credential: oauth() }));

    expect(isVanished(aRow(credentialsName, aReference()), oauthNow)).toBe(false);
    expect(isVanished(aRow(credentialsName, aReference({ type: "OAuth" })), credentials)).toBe(false);
  });

  it("is vanished with its bundle, whatever other bundles have", () => {
    expect(isVanished(aRow(credentialsName, aReference({ bundle: uuid(102) })), both)).toBe(true);
  });

  it("is told by its name where it is not known what it is for", () => {
    expect(isVanished(aRow(credentialsName), both)).toBe(false);
    expect(isVanished(aRow(credentialsName), parameters)).toBe(true);
    expect(isVanished(aRow(parametersName), both)).toBe(false);
    expect(isVanished(aRow(parametersName), credentials)).toBe(true);
    expect(isVanished(aRow(`x-${credentialsName}`), both)).toBe(true);
  });
});

describe("the references to Secrets that stay", () => {
  it.each([
    ["first", (one: InventoryFile, other: InventoryFile) => [one, other]],
    ["last", (one: InventoryFile, other: InventoryFile) => [other, one]],
  ])("are of credentials and of parameters, each for what it is, with the parameters %s", (_, inOrder) => {
    const rows = inOrder(aRow("kept-params", aReference({ type: "Parameters" })), aRow("kept", aReference()));

    const [entry] = entriesOf(withReferences(modelWith(null), rows)).filter(({ type }) => type === "API");

    expect(entry).toMatchObject({ credentials: { secretName: "kept" }, requestParametersSecretName: "kept-params" });
  });

  const kept = aReference({
    type: "OAuth",
    authenticationURL: "https://auth.example.com/token",
    csrfTokenEndpointURL: "https://csrf.example.com/t",
  });

  it("stand in each API of the bundle, as they were", () => {
    const apiDefinitions = [anAPI(), anAPI({ id: uuid(1002), name: "Stock API" })];

    const model = withReferences(modelWith(null, { apiDefinitions }), [
      aRow("kept", kept),
      aRow("kept-parameters", aReference({ type: "Parameters" })),
    ]);

    const credentials = {
      type: "OAuth",
      secretName: "kept",
      authenticationURL: "https://auth.example.com/token",
      csrfTokenEndpointURL: "https://csrf.example.com/t",
    };
    expect(entriesOf(model)).toEqual([
      expect.objectContaining({ type: "API", credentials, requestParametersSecretName: "kept-parameters" }),
      expect.objectContaining({ type: "API", credentials, requestParametersSecretName: "kept-parameters" }),
      { type: "Events", id: uuid(2001), name: "Order events" },
    ]);
  });

  it("do not stand where Director gives something", () => {
    const model = withReferences(modelWith(anAuth({ credential: basic(), headers })), [
      aRow("kept", kept),
      aRow("kept-parameters", aReference({ type: "Parameters" })),
    ]);

    expect(entriesOf(model)[0]).toMatchObject({
      credentials: { type: "Basic", secretName: credentialsName },
      requestParametersSecretName: parametersName,
    });
  });

  it("fill in only what is missing", () => {
    const model = withReferences(modelWith(anAuth({ headers })), [aRow("kept", kept)]);

    expect(entriesOf(model)[0]).toMatchObject({
      credentials: { secretName: "kept" },
      requestParametersSecretName: parametersName,
    });
  });

  it("do not stand in another bundle's APIs", () => {
    const bundles = [aBundle(), aBundle({ id: uuid(102), name: "Other" })];

    const model = withReferences(aModel(anApplication({ bundles })), [aRow("kept", { ...kept, bundle: uuid(102) })]);

    expect(entriesOf(model)).toMatchObject([{ credentials: null }, { credentials: { secretName: "kept" } }]);
  });

  it("change the digest, so that it is rendered anew, and never the intent: Compass said nothing of them", () => {
    const model = modelWith(null);

    const referring = withReferences(model, [aRow("kept", kept)]);

    expect(referring.digest).not.toBe(model.digest);
    expect(referring.intent).toBe(model.intent);
    expect(withReferences(model, [aRow("kept", kept)])).toEqual(referring);
    expect(model).toEqual(modelWith(null));
  });

  it("leave a model as it is where there are none, or none whose use is known", () => {
    const model = modelWith(null);

    expect(withReferences(model, [])).toBe(model);
    expect(withReferences(model, [aRow(credentialsName)])).toBe(model);
  });

  it("write no Secret: its file stays as it is", () => {
    expect(withReferences(modelWith(null), [aRow("kept", kept)]).secrets).toEqual([]);
  });
});
