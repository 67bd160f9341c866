import { beforeAll, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../../src/adapters/x509/index.js";
import { Secret } from "../../src/common/secret.js";
import { checkIssued, readCertificate, readIdentity } from "../../src/connect/certificate.js";
import type { Identity } from "../../src/state/index.js";
import { told } from "../common/failure-of.js";
import { aKey, type IssueOptions, issue, keyText } from "./setup.js";

const NOW = new Date("2026-03-01T12:00:00Z");
const MINUTE = 60_000;
const at = (minutes: number) => new Date(NOW.getTime() + minutes * MINUTE);

const key = aKey();
let authority: Authority;
let stranger: Authority;
/** Of the same name as `authority`. */
let impostor: Authority;

beforeAll(async () => {
  [authority, stranger, impostor] = await Promise.all([
    createAuthority({ commonName: "Compass CA", now: NOW }),
    createAuthority({ commonName: "Stranger CA", now: NOW }),
    createAuthority({ commonName: "Compass CA", now: NOW }),
  ]);
});

function issued(options: IssueOptions & { by?: Authority } = {}): Identity {
  const { by = authority, ...rest } = options;
  const certificate = issue(by, NOW, { key, ...rest });
  return { key: keyText(key), certificate, chain: certificate + by.certificate, ca: by.certificate };
}

/** "fine", or the reason. */
function verdict(identity: Identity, commonName = "client-1"): string {
  try {
    checkIssued(identity, commonName, NOW);
    return "fine";
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: "Failure", code: "CertificateUnusable", stage: "connect", retryable: false });
    expect(told(thrown as never)).not.toMatch(/PRIVATE|BEGIN|asn1|OSSL/);
    return (thrown as Error).message.replace("the client certificate cannot be used: ", "");
  }
}

describe("what was issued", () => {
  it("is fine when it fits key and name, is in its time, and its chain holds together", () => {
    const dates = checkIssued(issued(), "client-1", NOW);

    expect(dates).toEqual({ commonName: "client-1", notBefore: NOW, notAfter: new Date("2026-05-30T12:00:00Z") });
  });

  it.each<[string, (identity: Identity) => Partial<Identity>]>([
    ["with the root after the issuer", ({ ca }) => ({ ca: ca + stranger.certificate })],
    ["with the root before the issuer", ({ ca, chain }) => ({ ca: stranger.certificate + ca, chain })],
    [
      "with text between the certificates",
      ({ certificate, ca }) => ({ chain: `Subject: x\n${certificate}\nmore\n${ca}` }),
    ],
    ["with a chain of the certificate alone", ({ certificate }) => ({ chain: certificate })],
  ])("is fine %s", (_, change) => {
    const identity = issued();

    expect(verdict({ ...identity, ...change(identity) })).toBe("fine");
  });

  it.each<[string, () => Identity, string]>([
    ["is for another key", () => issued({ key: aKey() }), "it belongs to another key"],
    [
      "comes with a damaged key",
      () => ({ ...issued(), key: Secret.of("-----BEGIN RSA PRIVATE KEY-----\nAA\n") }),
      "its key cannot be read",
    ],
    [
      "is made out to somebody else",
      () => issued({ commonName: "client-2" }),
      "it is made out to another client than the one that was asked for",
    ],
    ["expired", () => issued({ notBefore: at(-60), notAfter: at(-1) }), "it expired on 2026-03-01T11:59:00.000Z"],
    ["expires now", () => issued({ notBefore: at(-60), notAfter: NOW }), "it expired on 2026-03-01T12:00:00.000Z"],
    [
      "has a chain of another certificate",
      () => ({ ...issued(), chain: issued({ notBefore: at(-1) }).chain }),
      "its chain begins with another certificate",
    ],
    ["has no chain", () => ({ ...issued(), chain: "" }), "its chain begins with another certificate"],
    ["comes without an authority", () => ({ ...issued(), ca: "" }), "no issuing authority came with it"],
    [
      "was issued by another authority",
      () => ({ ...issued({ by: stranger }), ca: authority.certificate }),
      "it was not issued by the authority that came with it",
    ],
    [
      "was issued by another authority of the same name",
      () => ({ ...issued({ by: impostor }), ca: authority.certificate }),
      "it was not issued by the authority that came with it",
    ],
    ["is text", () => ({ ...issued(), certificate: "certificate" }), "it cannot be read"],
    ["is empty", () => ({ ...issued(), certificate: "" }), "it cannot be read"],
    [
      "has an authority that cannot be read",
      () => ({ ...issued(), ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }),
      "it cannot be read",
    ],
  ])("cannot be used when it %s", (_, make, reason) => {
    expect(verdict(make())).toBe(reason);
  });

  it.each<[string, () => Authority]>([
    ["another authority", () => stranger],
    ["another authority of the same name", () => impostor],
  ])("cannot be used when its chain goes on with %s", (_, other) => {
    const identity = issued();

    expect(verdict({ ...identity, chain: identity.certificate + other().certificate })).toBe(
      "its chain does not hold together",
    );
  });

  it("is told to be of the future as what passes, so that it is not thrown away", () => {
    const check = () => checkIssued(issued({ notBefore: at(6) }), "client-1", at(0));

    expect(check).toThrow(
      expect.objectContaining({
        code: "CertificateUnusable",
        retryable: true,
        message: "the client certificate is valid only from 2026-03-01T12:06:00.000Z on",
      }),
    );
  });

  it("is fine for five minutes before its time, since Compass does not date back", () => {
    expect([verdict(issued({ notBefore: at(4) })), verdict(issued({ notBefore: at(5) }))]).toEqual(["fine", "fine"]);
  });
});

describe("the identity in use", () => {
  it("tells name and dates", () => {
    expect(readIdentity(issued())).toEqual(readCertificate(issued().certificate));
    expect(readIdentity(issued()).commonName).toBe("client-1");
  });

  it.each<[string, () => Identity]>([
    ["its key is damaged", () => ({ ...issued(), key: Secret.of("junk") })],
    ["its key is another's", () => ({ ...issued(), key: keyText(aKey()) })],
    ["its certificate is damaged", () => ({ ...issued(), certificate: "junk" })],
  ])("cannot be used when %s", (_, make) => {
    expect(() => readIdentity(make())).toThrow(expect.objectContaining({ code: "CertificateUnusable" }));
  });
});
