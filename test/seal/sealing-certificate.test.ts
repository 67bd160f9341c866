import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { expiryNote, readSealingCertificate } from "../../src/seal/index.js";
import { later, minutes, noon } from "../builders.js";
import { aSealingPair } from "./sealing-pair.js";

const DAY = minutes(24 * 60);
const read = (pem: string) => readSealingCertificate(pem, "the controller", noon);

describe("the sealing certificate", () => {
  it("is the first one of several: the controller's newest", async () => {
    const [newest, older] = [await aSealingPair(), await aSealingPair()];

    const { digest } = read(`${newest.certificate}${older.certificate}`);

    expect(digest).toBe(read(newest.certificate).digest);
    expect(digest).not.toBe(read(older.certificate).digest);
  });

  it("is refused once it has expired, with the mend", async () => {
    const { certificate } = await aSealingPair({ notBefore: later(-DAY), notAfter: later(0) });

    expect(() => read(certificate)).toThrow(
      expect.objectContaining({
        code: "SealingImpossible",
        stage: "seal",
        retryable: false,
        message: "the sealing certificate of the controller expired on 2026-11-22T12:00:00.000Z",
        hint: expect.stringContaining("kubeseal --fetch-cert"),
      }),
    );
  });

  it("is refused before it is valid", async () => {
    const { certificate } = await aSealingPair({ notBefore: later(minutes(1)), notAfter: later(DAY) });

    expect(() => read(certificate)).toThrow(/is valid only from 2026-11-22T12:01:00.000Z/);
  });

  it.each([
    ["nothing", ""],
    ["a page", "<html>canary</html>"],
    ["a private key", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"],
    ["what is no certificate", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"],
  ])("cannot be %s, which is not repeated", (_, text) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "SealingImpossible", message: expect.not.stringMatching(/canary|Y2FuYXJ5/) }),
    );
  });

  it.each([
    ["an RSA key of 1024 bits", generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey],
    ["a key on a curve", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey],
  ])("cannot be for %s", async (_, key) => {
    const { certificate } = await aSealingPair({ key, notBefore: later(-DAY), notAfter: later(DAY) });

    expect(() => read(certificate)).toThrow(/is not for an RSA key of 2048 bits or more/);
  });

  it("is told of when it ends within 30 days", () => {
    const noteAt = (days: number) => expiryNote({ notAfter: later(days * DAY) }, noon);

    expect(noteAt(31)).toBeNull();
    expect(noteAt(30)).toMatch(/^the sealing certificate expires on 2026-12-22T12:00:00.000Z: /);
  });
});
