import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/common/failure.js";
import { parseSubject } from "../../src/connect/subject.js";

const parsed = {
  commonName: "4a5d8e4e",
  country: "DE",
  organization: "Org",
  organizationalUnit: "OrgUnit",
  locality: "locality",
  province: "province",
};

describe("the subject", () => {
  it.each([
    ["as the Connector writes it", "O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=4a5d8e4e"],
    ["in another order", "CN=4a5d8e4e,C=DE,ST=province,L=locality,OU=OrgUnit,O=Org"],
    ["with white space", " O = Org , OU=OrgUnit, L=locality ,ST=province,C=DE,\tCN=4a5d8e4e\n"],
    ["with parts that are none", "O=Org,,junk,=x,OU=OrgUnit,L=locality,ST=province,C=DE,CN=4a5d8e4e,"],
    ["with an attribute that nobody knows", "DC=x,O=Org,OU=OrgUnit,L=locality,ST=province,C=DE,CN=4a5d8e4e"],
  ])("is read %s", (_, subject) => {
    expect(parseSubject(subject)).toEqual(parsed);
  });

  it("is split at the first equals sign", () => {
    expect(parseSubject("O=A=B,OU=U,L=L,ST=S,C=DE,CN==x=").organization).toBe("A=B");
    expect(parseSubject("O=A=B,OU=U,L=L,ST=S,C=DE,CN==x=").commonName).toBe("=x=");
  });

  it.each(["CN", "C", "O", "OU", "L", "ST"])(
    "lacks nothing: without %s it is refused, and so it is when empty",
    (name) => {
      const parts = ["O=Org", "OU=OrgUnit", "L=locality", "ST=province", "C=DE", "CN=hidden"];
      const without = parts.filter((part) => !part.startsWith(`${name}=`));

      for (const subject of [without, [...without, `${name}=`], [...without, `${name}= `], [...without, name]]) {
        expect(() => parseSubject(subject.join(","))).toThrow(
          expect.objectContaining({
            code: "ConnectorRejected",
            stage: "connect",
            message: `the subject that the Connector asks for has no ${name}`,
          }),
        );
      }
    },
  );

  it("is read or refused, whatever it is", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[CNOULST=, ]{0,40}$/));
    fc.assert(
      fc.property(text, (subject) => {
        try {
          expect(Object.values(parseSubject(subject)).every((value) => value !== "")).toBe(true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
    );
  });
});
