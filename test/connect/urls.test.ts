import { describe, expect, it } from "vitest";
import { checkAnsweredURL, checkConnection } from "../../src/connect/urls.js";

const CONNECTOR = "https://compass-gateway.kyma.example.com/connector/graphql";

const verdict = (url: string, hosts: readonly string[] = [], connector = CONNECTOR): string => {
  try {
    checkAnsweredURL(url, connector, hosts);
    return "allowed";
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: "Failure", code: "UrlNotAllowed", stage: "connect", retryable: false });
    return (thrown as Error).message.replace("an address of Compass is not allowed: ", "");
  }
};

describe("the addresses of a connection", () => {
  const directorURL = "https://compass-mtls.example.com/director/graphql";
  const connection = { connectorURL: CONNECTOR, secureConnectorURL: directorURL, directorURL };

  it("are held against the hosts but for the Connector's own, which a person named", () => {
    expect(() => checkConnection(connection, ["compass-mtls.example.com"])).not.toThrow();
    expect(() => checkConnection(connection, ["compass-gateway.kyma.example.com"])).toThrow(/not among/);
  });

  it("are all https", () => {
    const plain = { ...connection, connectorURL: CONNECTOR.replace("https", "http") };

    expect(() => checkConnection(plain, ["compass-mtls.example.com"])).toThrow(/not https/);
  });
});

describe("an address that Compass answers", () => {
  it.each([
    "https://compass-gateway-mtls.kyma.example.com/director/graphql",
    "https://compass-gateway.kyma.example.com/",
    "https://kyma.example.com/",
    "https://deeper.below.kyma.example.com:8443/x?y",
    "https://COMPASS.KYMA.EXAMPLE.COM/",
  ])("is allowed below the Connector's parent domain: %s", (url) => {
    expect(verdict(url)).toBe("allowed");
  });

  it.each([
    "https://example.com/",
    "https://evil.com/",
    "https://kyma.example.com.evil.com/",
    "https://notkyma.example.com/",
    "https://evilkyma.example.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://kyma.example.com@evil.com/",
    "https://evil.com#.kyma.example.com",
    "https://evil.com\\.kyma.example.com",
    "https://evil.com/.kyma.example.com",
    "https://kyma.example。com.evil.com/",
  ])("is not allowed elsewhere: %s", (url) => {
    expect(verdict(url)).not.toBe("allowed");
  });

  it.each([
    ["http://compass.kyma.example.com/", "it is not https"],
    ["ftp://compass.kyma.example.com/", "it is not https"],
    ["javascript:alert(1)", "it is not https"],
    ["https://user:password@compass.kyma.example.com/", "it holds credentials"],
    ["https://user@compass.kyma.example.com/", "it holds credentials"],
    ["compass.kyma.example.com/director", "it is no URL"],
    ["//compass.kyma.example.com", "it is no URL"],
    ["", "it is no URL"],
    ["https://evil.com/path?query", "its host evil.com is not among kyma.example.com, *.kyma.example.com"],
  ])("is refused with the reason: %s", (url, reason) => {
    expect(verdict(url)).toBe(reason);
  });

  it.each([
    ["https://localhost:3000/", "https://localhost:4000/", "allowed"],
    ["https://localhost:3000/", "https://other/", "refused"],
    ["https://127.0.0.1:3000/", "https://127.0.0.1:4000/", "allowed"],
    ["https://127.0.0.1:3000/", "https://0.0.1/", "refused"],
    ["https://127.0.0.1:3000/", "https://10.0.0.1/", "refused"],
    ["https://[::1]:3000/", "https://[::1]:4000/", "allowed"],
    ["https://[::1]:3000/", "https://[::2]:4000/", "refused"],
    ["https://example.com/", "https://example.com/", "allowed"],
    ["https://example.com/", "https://other.com/", "refused"],
    ["https://example.com/", "https://mtls.example.com/", "refused"],
  ])("is allowed only at the Connector's host where there is no domain above: %s, %s", (connector, url, expected) => {
    expect(verdict(url, [], connector) === "allowed" ? "allowed" : "refused").toBe(expected);
  });

  it.each([
    ["https://a.example.org/", ["a.example.org"], "allowed"],
    ["https://b.a.example.org/", ["a.example.org"], "refused"],
    ["https://a.example.org/", ["*.example.org"], "allowed"],
    ["https://b.a.example.org/", ["*.example.org"], "allowed"],
    ["https://example.org/", ["*.example.org"], "refused"],
    ["https://evilexample.org/", ["*.example.org"], "refused"],
    ["https://a.example.org/", ["x.example.net", "A.EXAMPLE.ORG"], "allowed"],
    ["https://compass-gateway-mtls.kyma.example.com/", ["a.example.org"], "refused"],
  ])("goes by the hosts that are configured, and by nothing else then: %s, %j", (url, hosts, expected) => {
    expect(verdict(url, hosts) === "allowed" ? "allowed" : "refused").toBe(expected);
  });
});
