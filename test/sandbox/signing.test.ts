import { describe, expect, it } from "vitest";
import { aSandbox, configure, decode, sign, subjectIn, tokenIn } from "./compass-client.js";
import { type Attribute, attributesOf, base64, ecKey, requestPEM, rsaKey } from "./signing-request.js";

const keys = rsaKey();
const SIGNING = "Error while signing Certificate Signing Request: ";

type Maker = (subject: readonly Attribute[]) => string;

const signed: (change: (subject: readonly Attribute[]) => readonly Attribute[]) => Maker = (change) => (subject) =>
  base64(requestPEM({ subject: change(subject), keys }));

const without = (type: string) => signed((subject) => subject.filter(([name]) => name !== type));
const withWrong = (type: string) =>
  signed((subject) => subject.map(([name, value]) => [name, name === type ? "wrong" : value]));

const block = (content: string) =>
  base64(`-----BEGIN CERTIFICATE REQUEST-----\n${content}\n-----END CERTIFICATE REQUEST-----\n`);

const refusals: readonly (readonly [what: string, make: Maker, message: string])[] = [
  [
    "no base64",
    () => "-----BEGIN",
    "Error while decoding Certificate Signing Request: Error while parsing base64 content. Incorrect value provided.",
  ],
  ["no PEM block", () => base64("hello"), `${SIGNING}Error while decoding pem block.`],
  [
    "DER instead of PEM",
    (subject) => base64(decode(block(String(subject)))).slice(40),
    `${SIGNING}Error while decoding pem block.`,
  ],
  ["no PKCS#10", () => block(base64("hello")), `${SIGNING}Error while parsing CSR: asn1: structure error`],
  [
    "the signature of another key",
    (subject) => base64(requestPEM({ subject, keys, signer: rsaKey().privateKey })),
    `${SIGNING}CSR signature invalid: crypto/rsa: verification error`,
  ],
  ["no common name", without("CN"), `${SIGNING}CSR: Invalid common name provided.`],
  ["a wrong common name", withWrong("CN"), `${SIGNING}CSR: Invalid common name provided.`],
  [
    "the right common name first and another last",
    signed((subject) => [...subject, ["CN", "last"]]),
    `${SIGNING}CSR: Invalid common name provided.`,
  ],
  ["no country", without("C"), `${SIGNING}CSR: No country provided.`],
  ["a wrong country", withWrong("C"), `${SIGNING}CSR: Invalid country provided.`],
  ["no organization", without("O"), `${SIGNING}CSR: No organization provided.`],
  ["a wrong organization", withWrong("O"), `${SIGNING}CSR: Invalid organization provided.`],
  ["no organizational unit", without("OU"), `${SIGNING}CSR: No organizational unit provided.`],
  ["a wrong organizational unit", withWrong("OU"), `${SIGNING}CSR: Invalid organizational unit provided.`],
  ["no locality", without("L"), `${SIGNING}CSR: No locality provided.`],
  ["a wrong locality", withWrong("L"), `${SIGNING}CSR: Invalid locality provided.`],
  ["no province", without("ST"), `${SIGNING}CSR: No province provided.`],
  ["a wrong province", withWrong("ST"), `${SIGNING}CSR: Invalid province provided.`],
  [
    "the right value of an attribute second",
    signed((subject) => [["OU", "first"], ...subject]),
    `${SIGNING}CSR: Invalid organizational unit provided.`,
  ],
  [
    "an elliptic curve",
    (subject) => base64(requestPEM({ subject, keys: ecKey() })),
    `${SIGNING}Error while creating certificate: x509: requested SignatureAlgorithm does not match private key type`,
  ],
  [
    "several faults: the first check stands",
    signed((subject) => subject.map(([name]) => [name, "wrong"])),
    `${SIGNING}CSR: Invalid common name provided.`,
  ],
];

async function request(make: Maker) {
  const sandbox = await aSandbox();
  const configuration = await configure(sandbox, sandbox.token);
  const csr = make(attributesOf(subjectIn(configuration)));
  return sign(sandbox, tokenIn(configuration), csr);
}

describe("a signing request", () => {
  it.each(refusals)("is refused with %s", async (_, make, message) => {
    const reply = await request(make);

    expect(reply.status).toBe(200);
    expect(reply.text).toBe(
      JSON.stringify({ errors: [{ message, path: ["signCertificateSigningRequest"] }], data: null }),
    );
  });

  it.each([
    ["RSA of 1024 bits", (subject: readonly Attribute[]) => base64(requestPEM({ subject, keys: rsaKey(1024) }))],
    ["RSA of 4096 bits", (subject: readonly Attribute[]) => base64(requestPEM({ subject, keys: rsaKey(4096) }))],
    ["attributes in another order", signed((subject) => subject.toReversed())],
    ["a second value of an attribute", signed((subject) => [...subject, ["OU", "second"]])],
    [
      "line ends within the base64",
      (subject: readonly Attribute[]) => signed((all) => all)(subject).replace(/(.{76})/g, "$1\r\n"),
    ],
  ])("is accepted with %s", async (_, make) => {
    const reply = await request(make);

    expect(reply.errors).toEqual([]);
    expect(decode(reply.data.signCertificateSigningRequest.clientCertificate)).toContain("BEGIN CERTIFICATE");
  });
});
