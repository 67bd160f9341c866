import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Plan } from "../../src/plan/index.js";
import { commitMessage } from "../../src/report/index.js";
import { anOutcome, aPlan } from "./an-outcome.js";

const options = { runtime: "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11", digest: "sha256:0", version: "1.0.0" };
const messageOf = (changes: Partial<Plan>) => commitMessage(anOutcome(aPlan(changes)), options);
const subjectOf = (changes: Partial<Plan>) => messageOf(changes).split("\n")[0];
const names = (count: number) => Array.from({ length: count }, (_, index) => `mp-${String(index).padStart(3, "0")}`);

const trailers = ["Runtime: 0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11", "Digest: sha256:0", "Agent-Version: 1.0.0"];

/** As git reads the message, with no configuration of the tester's. */
const parseTrailers = (message: string) =>
  execFileSync("git", ["interpret-trailers", "--parse"], {
    input: message,
    encoding: "utf8",
    env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  })
    .trimEnd()
    .split("\n");

describe("a commit message", () => {
  it("tells what changed and why, section by section", () => {
    const message = messageOf({
      created: ["mp-a"],
      updated: ["mp-b", "mp-c"],
      deleted: ["mp-d"],
      held: [{ name: "mp-e", id: "5", secret: null, reason: "OverLimit", until: null }],
      replaced: [{ name: "mp-b", id: "2", formerID: "9" }],
      destinationChanges: [
        {
          name: "mp-c",
          id: "3",
          bundle: "7",
          from: ["a.example.com", "b.example.com"],
          to: ["c.example.com"],
          isHeld: false,
        },
        { name: "mp-g", id: "4", bundle: "8", from: [], to: ["d.example.com"], isHeld: false },
        // Not of this commit.
        { name: "mp-h", id: "5", bundle: "9", from: [], to: ["e.example.com"], isHeld: true },
      ],
      setAside: [{ name: "mp-f", id: "6", reason: "DuplicateName", message: "two" }],
      degraded: [
        { name: "mp-a", id: "1", reason: "NoTarget", bundle: "1", message: "none" },
        { name: "mp-a", id: "1", reason: "NoTarget", bundle: "2", message: "none" },
      ],
    });

    expect(message).toBe(`Add mp-a, update 2 Applications, delete mp-d

Destination changed, with the same credentials:
  - mp-c: a.example.com, b.example.com -> c.example.com
  - mp-g: none -> d.example.com

Added:
  - mp-a

Updated:
  - mp-b
  - mp-c

Replaced (another Application has the name now):
  - mp-b

Deleted:
  - mp-d

Held:
  - mp-e (OverLimit)

Set aside:
  - mp-f (DuplicateName)

Degraded:
  - mp-a (NoTarget)

Runtime: 0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11
Digest: sha256:0
Agent-Version: 1.0.0
`);
  });

  it("names what somebody had changed and it writes over, quoted", () => {
    const overwritten = ["applications/mp-a/application.yaml", "applications/mp-b/secrets/\u202eRuntime: x.yaml"];

    const message = commitMessage(anOutcome(aPlan({ updated: ["mp-a"] })), { ...options, overwritten });

    expect(message).toContain("Written over, since somebody changed it:\n  - applications/mp-a/application.yaml\n  - ");
    expect(message).not.toContain("\u202e");
    expect(parseTrailers(message)).toEqual(trailers);
    expect(messageOf({ updated: ["mp-a"] })).not.toContain("Written over");
  });

  it.each<[Partial<Plan>, string]>([
    [{ created: ["mp-a"] }, "Add mp-a"],
    [{ updated: ["mp-a"] }, "Update mp-a"],
    [{ deleted: ["mp-a"] }, "Delete mp-a"],
    [{ created: names(2), deleted: names(3) }, "Add 2 Applications, delete 3 Applications"],
    [{}, "Bring kustomization and inventory up to date"],
    [{ unchanged: names(3) }, "Bring kustomization and inventory up to date"],
  ])("for %j has the subject %s", (changes, subject) => {
    expect(subjectOf(changes)).toBe(subject);
  });

  it("has a subject of at most 72 characters for valid names, however many", () => {
    const long = "x".repeat(63);
    const list = fc.oneof(fc.constantFrom([], [long], ["mp-a"]), fc.integer({ min: 0, max: 5000 }).map(names));

    fc.assert(
      fc.property(list, list, list, (created, updated, deleted) => {
        expect(subjectOf({ created, updated, deleted })?.length).toBeLessThanOrEqual(72);
      }),
    );
    expect(subjectOf({ updated: [long] })).toBe(`Update ${long}`);
    expect(subjectOf({ created: [long], deleted: [long] })).toBe("Add 1, delete 1 Applications");
  });

  it("lists 50 names of a kind and counts the rest", () => {
    const message = messageOf({ created: names(53) });

    expect(message.match(/^ {2}- mp-/gm)).toHaveLength(50);
    expect(message).toContain("  - mp-049\n  - and 3 more\n\nRuntime:");
    expect(messageOf({ created: names(50) })).not.toContain("more");
  });

  it("cuts a name, and never the reason behind it", () => {
    const message = messageOf({ setAside: [{ name: "y".repeat(1000), id: "1", reason: "InvalidName", message: "" }] });

    expect(message).toMatch(/^ {2}- y{99}… \(InvalidName\)$/m);
  });

  it("says of an Application once why it is held, however many of its Secrets are", () => {
    const held = ["s", "t"].map((name) => ({
      name: "mp-a",
      id: "1",
      secret: `applications/mp-a/secrets/${name}.yaml`,
      reason: "CredentialsVanished" as const,
      until: null,
    }));

    expect(messageOf({ held }).match(/mp-a \(CredentialsVanished\)/g)).toHaveLength(1);
  });

  it("has its own trailers and no others, as git reads them", () => {
    expect(parseTrailers(messageOf({ created: ["mp-a"] }))).toEqual(trailers);
    expect(parseTrailers(messageOf({}))).toEqual(trailers);
  });

  it("gives a hostile runtime id no line of its own", () => {
    const message = commitMessage(anOutcome(aPlan()), { ...options, runtime: "x\nSigned-off-by: Mallory" });

    expect(parseTrailers(message)).toHaveLength(3);
    expect(message).not.toMatch(/^Signed-off-by/m);
  });

  it("gives a hostile name no line, no trailer and no command", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            "\n",
            "\r",
            "\u2028",
            "\u0085",
            "\u001b[2J",
            "Signed-off-by: Mallory <m@example.com>",
            "Co-authored-by: Mallory <m@example.com>",
            "Digest: sha256:1",
            "---",
            "# ",
            "[skip ci]",
            "[ci skip]",
            "***NO_CI***",
            " ",
            "diff --git a/x b/x",
            "\u202e",
          ),
          { maxLength: 12 },
        )
        .map((parts) => parts.join("")),
    );

    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 4 }), (all) => {
        const setAside = all.map((name) => ({ name, id: "1", reason: "InvalidName", message: "" }) as const);
        const held = all.map((name) => ({ name, id: "1", secret: null, reason: "OverLimit", until: null }) as const);
        const deleted = all;
        const replaced = all.map((name) => ({ name, id: "1", formerID: "2" }));
        const destinationChanges = all.map((name) => ({
          name,
          id: "1",
          bundle: "1",
          from: all,
          to: all,
          isHeld: false,
        }));

        const message = messageOf({ setAside, held, deleted, replaced, destinationChanges });

        const [subject, ...lines] = message.trimEnd().split("\n");
        expect(subject).toMatch(/^Delete /);
        for (const line of lines)
          expect(line).toMatch(
            /^$|^(Deleted|Held|Set aside|Replaced .*|Destination changed, .*):$|^ {2}- |^(Runtime|Digest|Agent-Version): /,
          );
        expect(lines.slice(-3)).toEqual(trailers);
        expect(message).not.toMatch(/\[(skip ci|ci skip)\]|\*\*\*NO_CI\*\*\*|\p{Bidi_Control}/u);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
        expect(parseTrailers(message)).toEqual(trailers);
      }),
      { numRuns: 200 },
    );
  });

  it("has the subject and the trailers that the configuration asks for, filled from the outcome", () => {
    const plan = aPlan({ created: ["mp-a", "mp-b"], updated: ["mp-c"], deleted: [] });
    const message = commitMessage(anOutcome(plan), {
      ...options,
      subject:
        "chore(apps): {created}+{updated}-{deleted} of {changed}, held {held}, aside {setAside} [{runtime}] {unknown} {}",
      trailers: { "Change-Type": "{summary}", Team: "platform {version}" },
    });

    expect(message.split("\n")[0]).toBe(`chore(apps): 2+1-0 of 3, held 0, aside 0 [${options.runtime}] {unknown} {}`);
    expect(message).toContain("Added:\n  - mp-a\n  - mp-b\n");
    expect(parseTrailers(message)).toEqual([
      ...trailers,
      "Change-Type: Add 2 Applications, update mp-c",
      "Team: platform 1.0.0",
    ]);
  });
});
