import { describe, expect, it } from "vitest";
import { nameForRuntime } from "../../src/sandbox/application-names.js";
import { generateLandscape } from "../../src/sandbox/landscape.js";

const finalNames = (applications: number, seed = 1) =>
  generateLandscape({ applications, seed }).applications.map((application) => nameForRuntime(application, "true"));

describe("the generated landscape", () => {
  it("is the same for the same seed, and another for another", () => {
    const [one, same, other] = [1, 1, 2].map((seed) => JSON.stringify(generateLandscape({ applications: 40, seed })));

    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  it("keeps what it has when it grows", () => {
    const [small, large] = [5, 50].map((applications) => generateLandscape({ applications, seed: 1 }).applications);

    expect(large?.slice(0, 5)).toEqual(small);
  });

  it("has ten thousand distinct names, all of which Kubernetes takes", () => {
    const names = finalNames(10_000);

    expect(new Set(names).size).toBe(10_000);
    expect(names.filter((name) => name.length > 63 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name))).toEqual([]);
  });

  it("has names that Director rewrites", () => {
    expect(finalNames(16)).toContain("mp-m-ller-s-hne-webshop");
    expect(finalNames(16)).toContain("mp-inventory-gateway");
    expect(finalNames(16)).toContain("mp-legacy-billing-as-400");
  });

  it("has distinct ids of version 4 everywhere", () => {
    const text = JSON.stringify(generateLandscape({ applications: 200, seed: 1 }));

    const ids = [...text.matchAll(/"id":"([^"]*)"/g)].map(([, id]) => id ?? "");

    expect(new Set(ids).size).toBe(ids.length);
    expect(
      ids.filter((id) => !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
    ).toEqual([]);
  });

  it("has long passwords, none twice", () => {
    const text = JSON.stringify(generateLandscape({ applications: 200, seed: 1 }));

    const secrets = [...text.matchAll(/"(?:password|clientSecret)":"([^"]*)"/g)].map(([, secret]) => secret ?? "");

    expect(secrets.length).toBeGreaterThan(100);
    expect(new Set(secrets).size).toBe(secrets.length);
    expect(Math.min(...secrets.map(({ length }) => length))).toBeGreaterThanOrEqual(20);
  });

  it("shows every kind of access with five Applications", () => {
    const { applications } = generateLandscape({ applications: 5, seed: 1 });

    const bundles = applications.flatMap((application) => application.bundles ?? []);
    const credentials = bundles.map(({ defaultInstanceAuth: auth }) => [
      (auth?.credential as { __typename?: string } | null | undefined)?.__typename,
      Boolean(auth?.additionalHeaders),
      Boolean(auth?.requestAuth),
    ]);
    expect(credentials).toContainEqual(["OAuthCredentialData", false, false]);
    expect(credentials).toContainEqual(["OAuthCredentialData", false, true]);
    expect(credentials).toContainEqual(["BasicCredentialData", true, false]);
    expect(credentials).toContainEqual([undefined, false, false]);
    expect(applications.map((application) => application.bundles?.length)).toEqual([1, 1, 1, 3, 0]);
    expect(
      bundles.some(({ apiDefinitions, eventDefinitions }) => apiDefinitions?.length === 0 && eventDefinitions?.length),
    ).toBe(true);
  });

  it("never has CSRF without credentials, nor two paths alike within an Application", () => {
    const path = (...parts: string[]) =>
      parts.map((part) => part.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")).join("/");

    for (const { bundles } of generateLandscape({ applications: 100, seed: 1 }).applications) {
      const paths = (bundles ?? []).flatMap(({ name, apiDefinitions }) =>
        (apiDefinitions ?? []).map((api) => path(name, api.name)),
      );
      expect(new Set(paths).size).toBe(paths.length);
      expect(bundles?.filter(({ defaultInstanceAuth: auth }) => auth?.requestAuth?.csrf && !auth.credential)).toEqual(
        [],
      );
    }
  });
});
