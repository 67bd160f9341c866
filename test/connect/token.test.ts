import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import { readToken } from "../../src/connect/token.js";
import { failureOf, told } from "../common/failure-of.js";

const RAW = `${"AAcOFR-_".repeat(10)}KyuyuQ==`;
const URL = "https://compass-gateway.example.com/connector/graphql";
const document = {
  token: RAW,
  connectorURL: URL,
  used: false,
  expiresAt: "2024-07-04T11:00:00.123456789Z",
  usedAt: "0001-01-01T00:00:00Z",
  type: "Runtime",
  scenario_groups: null,
};
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");

const read = (text: string) => {
  const { token, connectorURL, digest } = readToken(Secret.of(text));
  return { token: token.reveal(), connectorURL, digest };
};

describe("a one-time token", () => {
  it.each([
    ["raw", RAW, null],
    ["raw, with white space around", `\n ${RAW}\r\n`, null],
    ["rawEncoded", base64(document), URL],
    ["rawEncoded, with a line end", `${base64(document)}\n`, URL],
    ["as JSON", JSON.stringify(document), URL],
    ["as indented JSON", ` ${JSON.stringify(document, null, 2)}\n`, URL],
    ["rawEncoded without an address", base64({ token: RAW }), null],
  ])("is read: %s", (_, text, connectorURL) => {
    expect(read(text)).toMatchObject({ token: RAW, connectorURL });
  });

  it("has one digest, however it was given", () => {
    const digest = createHash("sha256").update(RAW).digest("hex");

    expect([RAW, base64(document), JSON.stringify(document)].map((text) => read(text).digest)).toEqual([
      digest,
      digest,
      digest,
    ]);
  });

  it.each([
    ["nothing", ""],
    ["white space", " \n\t "],
    ["two tokens", `${RAW}\n${RAW}`],
    ["words", "please ask your administrator"],
    ["a header within", `${RAW}\r\nX-Evil: 1`],
    ["characters beyond ASCII", "tökén"],
    ["JSON without a token", JSON.stringify({ connectorURL: URL })],
    ["JSON with an empty token", JSON.stringify({ token: "" })],
    ["JSON whose token is a number", JSON.stringify({ token: 5 })],
    ["JSON that ends too early", JSON.stringify(document).slice(0, -5)],
    ["JSON with a header in its token", JSON.stringify({ token: `${RAW}\r\nX-Evil: 1` })],
    ["rawEncoded with a header in its token", base64({ token: "a\nb" })],
    ["an address with credentials", base64({ token: RAW, connectorURL: "https://user:pw@compass.example.com/" })],
    ["a text without end", "A".repeat(2000)],
  ])("is refused without being repeated: %s", async (_, text) => {
    const failure = await failureOf((async () => readToken(Secret.of(text)))());

    expect(failure).toMatchObject({ code: "TokenMalformed", stage: "connect", retryable: false });
    expect(failure.message).toBe("the one-time token is empty or has characters that no token has");
    expect(failure.hint).toContain("rawEncoded");
    expect(told(failure)).not.toContain(RAW);
  });
});
