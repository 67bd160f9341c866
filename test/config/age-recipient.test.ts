import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { parseRecipient } from "../../src/config/age-recipient.js";

describe("a recipient of age", () => {
  it.each([
    ["X25519", generateX25519Identity],
    ["the hybrid kind", generateHybridIdentity],
  ])("is taken as it was made, of %s, and refused with any character changed", async (_, generate) => {
    const recipient = await identityToRecipient(await generate());

    const changed = [...recipient].flatMap((character, index) => {
      if (index < 8) return [];
      return [`${recipient.slice(0, index)}${character === "q" ? "p" : "q"}${recipient.slice(index + 1)}`];
    });

    expect(parseRecipient(recipient)).toEqual({ value: recipient });
    expect(changed.filter((each) => !("wrong" in parseRecipient(each)))).toEqual([]);
  });

  it.each(["age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "age1name1qqqq"])(
    "is none of a plugin, for which nothing could be sealed: %s",
    (recipient) => {
      expect(parseRecipient(recipient)).toEqual({ wrong: expect.stringMatching(/of a plugin of age/) });
    },
  );
});
