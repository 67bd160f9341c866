import { App, Chart } from "cdk8s";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import type { ApplicationModel } from "../../src/model/index.js";
import { placeholder, readPlaceholder, template } from "../../templates/index.js";
import {
  aBundle,
  aModel,
  anAPI,
  anApplication,
  anAuth,
  anEvent,
  basic,
  GATEWAY,
  NAMESPACE,
  oauth,
  uuid,
} from "../builders.js";

const settings = { namespace: NAMESPACE, gatewayURL: GATEWAY, skipVerify: false };

function charted(application: ApplicationModel, changes: Partial<typeof settings> = {}): { kind: string }[] {
  const chart = new Chart(new App(), "application");
  template(chart, { application, settings: { ...settings, ...changes } });
  return chart.toJson();
}

const applicationOf = (objects: { kind: string }[]) => objects.find(({ kind }) => kind === "Application");
const secretsOf = (objects: { kind: string }[]) => objects.filter(({ kind }) => kind === "Secret");

const parameters = Secret.of('{"X-Tenant":["eu-1"]}');
const B = "c687e68a-9038-4f38-845b-9c61592e59e6";

/** The example of contract 4.1. */
const shop = anApplication({
  id: "2f6c6a0e-0f6f-4a6c-9a53-1d0a4f8d9b11",
  auths: ["5b1e9d7c-6d0e-4f2b-8a77-3c2f5e0d4a90"],
  bundles: [
    aBundle({
      id: B,
      name: "Orders",
      defaultInstanceAuth: anAuth({ credential: oauth(), headers: parameters }),
      apiDefinitions: [
        anAPI({ id: "30747de1-4a87-4b67-a75d-9fe84af6e6f9", targetURL: "https://shop.example.com/orders" }),
      ],
      eventDefinitions: [anEvent({ id: "7d9b0c55-3c8e-4e1a-b6a5-0a4a3b6f2e77" })],
    }),
  ],
});

describe("the template of an Application", () => {
  it("gives the example of contract 4.1, field by field", () => {
    expect(applicationOf(charted(aModel(shop)))).toEqual({
      apiVersion: "applicationconnector.kyma-project.io/v1alpha1",
      kind: "Application",
      metadata: {
        name: "mp-shop",
        labels: { "applicationconnector.kyma-project.io/managed-by": "compass-runtime-agent" },
      },
      spec: {
        description: "Description not provided",
        displayName: "",
        providerDisplayName: "",
        longDescription: "",
        skipVerify: false,
        encodeUrl: false,
        labels: { "connected-app": "mp-shop" },
        compassMetadata: {
          applicationId: "2f6c6a0e-0f6f-4a6c-9a53-1d0a4f8d9b11",
          authentication: { clientIds: ["5b1e9d7c-6d0e-4f2b-8a77-3c2f5e0d4a90"] },
        },
        services: [
          {
            id: B,
            identifier: "",
            name: "orders-8d2c6",
            displayName: "Orders",
            description: "Description not provided",
            providerDisplayName: "",
            entries: [
              {
                id: "30747de1-4a87-4b67-a75d-9fe84af6e6f9",
                name: "Orders API",
                type: "API",
                targetUrl: "https://shop.example.com/orders",
                centralGatewayUrl: `${GATEWAY}/mp-shop/orders/orders-api`,
                gatewayUrl: "",
                credentials: {
                  type: "OAuth",
                  secretName: `mp-shop-${B}`,
                  authenticationUrl: "https://auth.example.com/token",
                },
                requestParametersSecretName: `params-mp-shop-${B}`,
              },
              {
                id: "7d9b0c55-3c8e-4e1a-b6a5-0a4a3b6f2e77",
                name: "Order events",
                type: "Events",
                targetUrl: "",
                centralGatewayUrl: "",
                gatewayUrl: "",
                credentials: { type: "", secretName: "" },
              },
            ],
          },
        ],
      },
    });
  });

  it("writes empty lists rather than none", () => {
    const object = applicationOf(
      charted(aModel(anApplication({ auths: [], bundles: [aBundle({ apiDefinitions: [] })] }))),
    );

    expect(object).toMatchObject({
      spec: { compassMetadata: { authentication: { clientIds: [] } }, services: [{ entries: [] }] },
    });
    expect(applicationOf(charted(aModel(anApplication())))).toMatchObject({ spec: { services: [] } });
  });

  it("names the token endpoint for CSRF as the CRD does, with either kind of credentials", () => {
    const auths = [basic(), oauth()].map((credential) =>
      anAuth({ credential, csrfTokenEndpointURL: "https://shop.example.com/csrf" }),
    );
    const bundles = auths.map((defaultInstanceAuth, index) =>
      aBundle({ id: uuid(index), name: `Bundle ${index}`, defaultInstanceAuth }),
    );

    const object = applicationOf(charted(aModel(anApplication({ bundles }))));

    const csrfInfo = { tokenEndpointURL: "https://shop.example.com/csrf" };
    expect(object).toMatchObject({
      spec: {
        services: [
          { entries: [{ credentials: { type: "Basic", csrfInfo } }] },
          { entries: [{ credentials: { type: "OAuth", csrfInfo } }] },
        ],
      },
    });
    expect(JSON.stringify(object).match(/authenticationUrl/g)).toHaveLength(1);
  });

  it("leaves the CSRF endpoint out where there are no credentials", () => {
    const defaultInstanceAuth = anAuth({ csrfTokenEndpointURL: "https://shop.example.com/csrf" });

    const object = applicationOf(charted(aModel(anApplication({ bundles: [aBundle({ defaultInstanceAuth })] }))));

    expect(object).toMatchObject({
      spec: { services: [{ entries: [{ credentials: { type: "", secretName: "" } }] }] },
    });
    expect(JSON.stringify(object)).not.toContain("csrf");
  });

  it("has the schema of a bundle's input where there is one", () => {
    const bundles = [aBundle({ instanceAuthRequestInputSchema: "{}" }), aBundle({ id: uuid(102), name: "Other" })];

    const object = JSON.stringify(applicationOf(charted(aModel(anApplication({ bundles })))));

    expect(object.match(/"authCreateParameterSchema":"{}"/g)).toHaveLength(1);
    expect(object.match(/authCreateParameterSchema/g)).toHaveLength(1);
  });

  it("follows the settings", () => {
    const objects = charted(aModel(shop), { namespace: "other", gatewayURL: "http://gateway", skipVerify: true });

    expect(applicationOf(objects)).toMatchObject({
      spec: {
        skipVerify: true,
        services: [{ entries: [{ centralGatewayUrl: "http://gateway/mp-shop/orders/orders-api" }, {}] }],
      },
    });
    expect(secretsOf(objects)).toMatchObject([
      { metadata: { namespace: "other" } },
      { metadata: { namespace: "other" } },
    ]);
  });
});

describe("the template of Secrets", () => {
  it("gives one for the credentials and one for the parameters, with placeholders for the values", () => {
    const secrets = secretsOf(charted(aModel(shop)));

    const secret = { apiVersion: "v1", kind: "Secret", type: "Opaque" };
    const metadata = { namespace: NAMESPACE, labels: { app: "mp-shop", bundleId: B } };
    expect(secrets).toEqual([
      {
        ...secret,
        metadata: { ...metadata, name: `mp-shop-${B}` },
        data: { clientId: placeholder(B, "clientId"), clientSecret: placeholder(B, "clientSecret") },
      },
      {
        ...secret,
        metadata: { ...metadata, name: `params-mp-shop-${B}` },
        data: { headers: placeholder(B, "headers") },
      },
    ]);
  });

  it("gives none for an Application without credentials", () => {
    expect(charted(aModel(anApplication({ bundles: [aBundle()] }))).map(({ kind }) => kind)).toEqual(["Application"]);
  });
});

describe("a placeholder", () => {
  it("is read as it was written", () => {
    expect(readPlaceholder(placeholder(B, "password"))).toEqual({ bundle: B, key: "password" });
  });

  it.each([
    "",
    "text",
    "runtime-agent:secret/",
    `runtime-agent:secret/${B}`,
    `runtime-agent:secret/${B}/a/b`,
    " runtime-agent:secret/a/b",
  ])("is not %j", (text) => {
    expect(readPlaceholder(text)).toBeNull();
  });
});
