import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Plan } from "../../src/plan/index.js";
import { count, describeFailure, diffText, failureText, outcomeText } from "../../src/report/index.js";
import { later, minutes, noon } from "../builders.js";
import { aFailure, anOutcome, aPlan, type OutcomeOptions } from "./an-outcome.js";

const textOf = (changes: Partial<Plan>, options: Partial<OutcomeOptions> = {}) =>
  outcomeText(anOutcome(aPlan(changes), options), { color: false });

const full: Partial<Plan> = {
  created: ["mp-a"],
  updated: ["mp-b", "mp-c"],
  deleted: ["mp-d"],
  unchanged: ["mp-e", "mp-f"],
  held: [{ name: "mp-h", id: "8", secret: null, reason: "MissingTooBriefly", until: later(minutes(30)) }],
  setAside: [{ name: "mp-j", id: "10", reason: "DuplicateName", message: "two have it" }],
  degraded: [{ name: "mp-a", id: "1", reason: "NoTarget", bundle: "7", message: "an API has none" }],
};

describe("an outcome on the terminal", () => {
  it("tells of a published cycle what changed, what did not and why", () => {
    expect(textOf(full, { notes: ["a note"] })).toBe(`Published 4 changed Applications of 8 (0.121 s)
  + mp-a
  ~ mp-b, mp-c
  - mp-d
  = 2 Applications unchanged
Set aside (their committed files stay as they are):
  mp-j  DuplicateName  two have it
Held:
  mp-h  MissingTooBriefly  until 2026-11-22T12:30:00.000Z at the earliest
Degraded (published as far as they are sound):
  mp-a  NoTarget  an API has none
Note: a note
Commit aaaaaaaaaaaa on main, sha256:111111111111…
`);
  });

  it("tells first where credentials go to another host, then who has a name now", () => {
    const destinationChanges = [
      {
        name: "mp-b",
        id: "2",
        bundle: "7",
        from: ["a.example.com", "b.example.com"],
        to: ["c.example.com"],
        isHeld: false,
      },
      { name: "mp-c", id: "3", bundle: "8", from: [], to: ["d.example.com"], isHeld: true },
    ];
    const replaced = [{ name: "mp-b", id: "2", formerID: "9" }];

    expect(textOf({ ...full, destinationChanges, replaced })).toContain(`
  Destination changed: the credentials of mp-b, sent to a.example.com, b.example.com so far, go to c.example.com
  Destination changed: the credentials of mp-c, sent to nobody so far, would go to d.example.com
  + mp-a
  ~ mp-b, mp-c
  - mp-d
  → (another Application has the name now) mp-b
`);
  });

  it("names the Secret that is held, and until when", () => {
    const hold = { name: "mp-h", id: "8", reason: "CredentialsVanished" } as const;
    const held = [
      { ...hold, secret: "applications/mp-h/secrets/s.yaml", until: null },
      { ...hold, secret: "applications/mp-h/secrets/t.yaml", until: later(minutes(30)) },
    ];

    expect(textOf({ held })).toContain(`Held:
  mp-h  CredentialsVanished  Secret s
  mp-h  CredentialsVanished  Secret t, until 2026-11-22T12:30:00.000Z at the earliest
`);
  });

  it("says how what is held may pass, or that it was allowed to", () => {
    const units = [{ name: "mp-h", id: "8", secret: null }];
    const hold = { set: "s", nonce: "n", hash: "0123abcd", since: noon.toISOString(), units };
    const approval = { hold, isApproved: false, expires: null };

    expect(textOf(full, { approval })).toContain(
      "  mp-h  MissingTooBriefly  until 2026-11-22T12:30:00.000Z at the earliest\n" +
        "1 of these, held since 2026-11-22T12:00:00.000Z, pass at once by: runtime-agent approve 0123abcd\n",
    );
    expect(
      textOf(full, { approval: { ...approval, isApproved: true, expires: later(minutes(60)).toISOString() } }),
    ).toContain("\nAn approval was given, and ends 2026-11-22T13:00:00.000Z\n");
  });

  it.each<[Partial<Plan>, OutcomeOptions["result"], string]>([
    [{ unchanged: ["mp-a"] }, "unchanged", "Nothing to commit (0.121 s)"],
    [{ unchanged: ["mp-a", "mp-b"] }, "planned", "No changes for 2 Applications (0.121 s)"],
    [{ created: ["mp-a"] }, "planned", "Planned 1 changed Application of 1 (0.121 s); nothing was written"],
    [{ committedDigest: null }, "planned", "Planned 0 changed Applications of 0 (0.121 s); nothing was written"],
  ])("of %j that is %s begins with: %s", (changes, result, headline) => {
    expect(textOf(changes, { result, commit: null }).split("\n")[0]).toBe(headline);
  });

  it("names eight and counts the rest", () => {
    const created = Array.from({ length: 10 }, (_, index) => `mp-${index}`);

    expect(textOf({ created })).toContain("  + mp-0, mp-1, mp-2, mp-3, mp-4, mp-5, mp-6, mp-7 and 2 more\n");
  });

  it("tells of a failure what it is and the mend", () => {
    const failure = aFailure("ServerError", true);

    expect(outcomeText(anOutcome(null, { result: "failed", commit: null, failure }), { color: false })).toBe(
      "Error [ServerError]: Director is not available (may pass by itself)\nMend: Wait.\n",
    );
    expect(failureText(describeFailure(aFailure()), { color: false })).toBe(
      "Error [ServerError]: Director is not available\nMend: Wait.\n",
    );
  });

  it("says the same in colour", () => {
    const outcome = anOutcome(aPlan(full), { notes: ["a note"] });

    const coloured = outcomeText(outcome, { color: true });

    expect(coloured).not.toBe(outcomeText(outcome, { color: false }));
    expect(stripVTControlCharacters(coloured)).toBe(outcomeText(outcome, { color: false }));
  });

  it("lets no hostile text steer the terminal, nor begin a line", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 100 }),
      fc
        .array(fc.constantFrom("\n", "\r", "\u001b[2J", "\u009b2J", "\u202e", "\u2028", "Published", " "), {
          maxLength: 8,
        })
        .map((parts) => parts.join("")),
    );
    const plain = textOf(full).split("\n").length;

    fc.assert(
      fc.property(hostile, hostile, (name, message) => {
        const destinationChanges = [{ name, id: "1", bundle: "1", from: [name], to: [message], isHeld: false }];
        const text = textOf(
          {
            ...full,
            created: [name],
            replaced: [{ name, id: "2", formerID: "3" }],
            destinationChanges,
            held: [{ name, id: "8", secret: null, reason: "OverLimit", until: null }],
            setAside: [{ name, id: "10", reason: "InvalidName", message }],
            degraded: [{ name, id: "1", reason: "NoTarget", bundle: name, message }],
          },
          { commit: { id: "a".repeat(40), branch: name } },
        );

        expect(text.split("\n")).toHaveLength(plain + 2);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]|\p{Bidi_Control}/u);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a diff on the terminal", () => {
  const diff = {
    path: "applications/a/application.yaml",
    change: "changed",
    lines: ["@@ -1,1 +1,1 @@", "-a", "+b", " c"],
  } as const;

  it("has each file with its lines", () => {
    expect(diffText([diff, { ...diff, path: "b", lines: [] }], { color: false })).toBe(
      "applications/a/application.yaml (changed)\n@@ -1,1 +1,1 @@\n-a\n+b\n c\n\nb (changed)\n",
    );
    expect(stripVTControlCharacters(diffText([diff], { color: true }))).toBe(diffText([diff], { color: false }));
  });

  it("quotes what stands in the lines", () => {
    const lines = ["+  description: \u001b[2J\u202eevil"];

    expect(diffText([{ ...diff, lines }], { color: false })).toContain("+  description: \\u001b[2J\\u202eevil\n");
  });
});

describe("a number of things", () => {
  it("is one or several", () => {
    expect([0, 1, 2].map((number) => count(number, "Application"))).toEqual([
      "0 Applications",
      "1 Application",
      "2 Applications",
    ]);
  });
});
