import { describe, expect, it } from "vitest";
import { type ApprovableUnit, type ApprovalInput, approvalOf } from "../../src/plan/approval.js";
import { later, minutes, noon, RUNTIME } from "../builders.js";

const a: ApprovableUnit = { name: "mp-a", id: "1", secret: null, detail: "" };
const b: ApprovableUnit = { name: "mp-b", id: "2", secret: "applications/mp-b/secrets/s.yaml", detail: "" };

const nothing: ApprovalInput["memory"] = { hold: null, approvals: [] };

const approval = (changes: Partial<ApprovalInput> = {}) =>
  approvalOf({ runtimeID: RUNTIME, units: [a, b], memory: nothing, given: [], nonce: "nonce", now: noon, ...changes });

/** The hash of a set that is held for the first time. */
const hashOf = (changes: Partial<ApprovalInput> = {}) => approval(changes)?.hold.hash;

describe("an approval", () => {
  it("is for nothing where nothing is held", () => {
    expect(approval({ units: [] })).toBeNull();
    expect(approval({ units: [], memory: { hold: approval()?.hold ?? null, approvals: [] } })).toBeNull();
  });

  it("names a new set by its hash, and says since when and what", () => {
    expect(approval()).toEqual({
      hold: {
        set: expect.stringMatching(/^[0-9a-f]{32}$/),
        nonce: "nonce",
        hash: expect.stringMatching(/^[0-9a-f]{32}$/),
        since: noon.toISOString(),
        units: [
          { name: "mp-a", id: "1", secret: null },
          { name: "mp-b", id: "2", secret: "applications/mp-b/secrets/s.yaml" },
        ],
      },
      isApproved: false,
      expires: null,
    });
  });

  it("stands without an end while a request rests on it", () => {
    const held = approval()?.hold ?? null;
    const memory = { hold: held, approvals: [], proposedApproval: held?.hash ?? null };

    expect(approval({ memory })).toMatchObject({ isApproved: true, expires: null });
    expect(approval({ memory, units: [a] })).toMatchObject({ isApproved: false });
  });

  it("is for a set, in whatever order", () => {
    expect(hashOf({ units: [b, a] })).toBe(hashOf());
    expect(hashOf({ now: later(1) })).toBe(hashOf());
  });

  it.each<[string, Partial<ApprovalInput>]>([
    ["another runtime", { runtimeID: "other" }],
    ["another nonce", { nonce: "other" }],
    ["one less", { units: [a] }],
    ["one more", { units: [a, b, { ...a, id: "3" }] }],
    ["the same twice", { units: [a, a, b] }],
    ["another name", { units: [{ ...a, name: "mp-z" }, b] }],
    ["another id", { units: [{ ...a, id: "9" }, b] }],
    ["a Secret in place of the whole", { units: [{ ...a, secret: "applications/mp-a/secrets/s.yaml" }, b] }],
    ["another detail", { units: [{ ...a, detail: "evil.example.com" }, b] }],
    ["details that changed places", { units: [a, { ...b, detail: "x" }] }],
  ])("is bound to what it is for: %s has another hash", (_, changes) => {
    expect(hashOf(changes)).not.toBe(hashOf());
  });

  it("keeps its hash and its age while the same set is held", () => {
    const first = approval();

    const again = approval({
      units: [b, a],
      memory: { hold: first?.hold ?? null, approvals: [] },
      nonce: "another",
      now: later(minutes(60)),
    });

    expect(again?.hold).toMatchObject({ nonce: "nonce", hash: first?.hold.hash, since: noon.toISOString() });
  });

  it("begins anew for another set, and for the same one that is held again later", () => {
    const first = approval();
    const then = { nonce: "another", now: later(minutes(60)) };

    const other = approval({ ...then, units: [a], memory: { hold: first?.hold ?? null, approvals: [] } });
    const back = approval({ ...then, nonce: "third", memory: { hold: other?.hold ?? null, approvals: [] } });

    expect(other?.hold).toMatchObject({ nonce: "another", since: then.now.toISOString() });
    expect(back?.hold).toMatchObject({ set: first?.hold.set, nonce: "third" });
    expect(back?.hold.hash).not.toBe(first?.hold.hash);
  });

  it.each([
    ["before it ends", 1, true],
    ["at its end", 0, false],
    ["after its end", -1, false],
  ])("counts until it expires: %s", (_, remaining, expected) => {
    const expires = later(remaining).toISOString();

    const found = approval({ memory: { hold: null, approvals: [{ hash: hashOf() ?? "", expires }] } });

    expect(found).toMatchObject({ isApproved: expected, expires: expected ? expires : null });
  });

  it("may be given by a file, without an end", () => {
    expect(approval({ given: ["other", hashOf() ?? ""] })).toMatchObject({ isApproved: true, expires: null });
  });

  it("is not given by another hash, by the digest of the set or by part of the hash", () => {
    const { hash = "", set = "" } = approval()?.hold ?? {};
    const expires = later(minutes(60)).toISOString();

    for (const wrong of ["", "other", set, hash.slice(0, 8), hash.toUpperCase()].filter((each) => each !== hash)) {
      expect(approval({ given: [wrong] })?.isApproved, wrong).toBe(false);
      expect(approval({ memory: { hold: null, approvals: [{ hash: wrong, expires }] } })?.isApproved, wrong).toBe(
        false,
      );
    }
  });

  it("of a former set does not count for the one that is held now", () => {
    const { hash = "" } = approval()?.hold ?? {};
    const expires = later(minutes(60)).toISOString();

    expect(
      approval({ units: [a], memory: { hold: null, approvals: [{ hash, expires }] }, given: [hash] }),
    ).toMatchObject({
      isApproved: false,
    });
  });
});
