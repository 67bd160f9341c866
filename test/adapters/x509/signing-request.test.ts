import { spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSigningRequest, readSigningRequest } from "../../../src/adapters/x509/index.js";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const subject = {
  commonName: "4a5d8e4e-6f3c-4d0a-9f0e-0a6b7c8d9e0f",
  country: "DE",
  organization: "Org",
  organizationalUnit: "OrgUnit",
  locality: "locality",
  province: "province",
};

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\n/g, ""), "base64");

const openssl = (input: string, ...args: string[]) =>
  spawnSync("openssl", ["req", "-noout", ...args], { input, encoding: "utf8" });

describe("a signing request", () => {
  it("holds the attributes in the order in which Go writes them, one value each", () => {
    const request = readSigningRequest(derOf(createSigningRequest(subject, privateKey)));

    expect(request.subject).toEqual([
      { type: "2.5.4.6", value: "DE" },
      { type: "2.5.4.8", value: "province" },
      { type: "2.5.4.7", value: "locality" },
      { type: "2.5.4.10", value: "Org" },
      { type: "2.5.4.11", value: "OrgUnit" },
      { type: "2.5.4.3", value: subject.commonName },
    ]);
  });

  it("holds the public half of the key and is signed with it, by SHA-256 with RSA", () => {
    const request = readSigningRequest(derOf(createSigningRequest(subject, privateKey)));

    expect(request.publicKey.equals(createPublicKey(privateKey))).toBe(true);
    expect([request.signatureValid, request.signatureAlgorithm]).toEqual([true, "1.2.840.113549.1.1.11"]);
  });

  it("is one PEM block with line feeds", () => {
    const pem = createSigningRequest(subject, privateKey);

    expect(pem).toMatch(
      /^-----BEGIN CERTIFICATE REQUEST-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE REQUEST-----\n$/,
    );
  });

  it("keeps every character of a value", () => {
    const values = { ...subject, organization: "Ø & Søn, A=B \\ 日本 😀", locality: "São Paulo" };

    const request = readSigningRequest(derOf(createSigningRequest(values, privateKey)));

    const named = (type: string) => request.subject.find((attribute) => attribute.type === type)?.value;
    expect([named("2.5.4.10"), named("2.5.4.7")]).toEqual([values.organization, values.locality]);
  });

  it("is not valid any more when one byte of it is changed", () => {
    const der = derOf(createSigningRequest(subject, privateKey));
    const at = der.indexOf("OrgUnit");
    der.write("OrgUniT", at);

    expect([at > 0, readSigningRequest(der).signatureValid]).toEqual([true, false]);
  });

  it.skipIf(openssl("", "-help").error !== undefined)("is one for OpenSSL, too (skipped where there is none)", () => {
    const pem = createSigningRequest({ ...subject, organization: "Ø" }, privateKey);

    const { status, stdout } = openssl(pem, "-verify", "-subject", "-nameopt", "RFC2253,utf8,-esc_msb");

    expect(status).toBe(0);
    expect(stdout).toContain(`CN=${subject.commonName},OU=OrgUnit,O=Ø,L=locality,ST=province,C=DE`);
  });
});
