/** Names and descriptions from Compass reach people as text and do nothing else, whatever is in them: every sink. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { formatDocument, parseYaml } from "../../src/adapters/yaml/index.js";
import { Failure } from "../../src/common/failure.js";
import { createLogger } from "../../src/common/logger.js";
import type { Plan } from "../../src/plan/index.js";
import {
  commitMessage,
  describeFailure,
  diffFiles,
  diffText,
  failureText,
  outcomeText,
} from "../../src/report/index.js";
import { hostileOfAnyLength, UNPRINTABLE } from "../common/hostile-text.js";
import { runs, timeLimit } from "../common/property.js";
import { gitEnvironment } from "../fakes/git-server.js";
import { anOutcome, aPlan } from "./an-outcome.js";

const RUNS = 20_000;
const property = runs(RUNS);
const limit = timeLimit(RUNS, 2);

interface Injected {
  readonly name: string;
  readonly other: string;
  readonly description: string;
}

const injected: fc.Arbitrary<Injected> = fc.record({
  name: hostileOfAnyLength,
  other: hostileOfAnyLength,
  description: hostileOfAnyLength,
});

const planOf = ({ name, other, description }: Injected): Plan =>
  aPlan({
    created: [name],
    updated: [name, other],
    deleted: [other],
    held: [{ name, id: "8", secret: other, reason: "OverLimit", until: null }],
    destinationChanges: [{ name, id: "1", bundle: other, from: [other], to: [description], isHeld: false }],
    setAside: [{ name: other, id: other, reason: "InvalidName", message: description }],
    degraded: [{ name, id: "1", reason: "NoTarget", bundle: other, message: description }],
  });

const outcomeOf = (text: Injected) =>
  anOutcome(planOf(text), {
    runtime: text.other,
    commit: { id: "a".repeat(40), branch: text.name },
    notes: [text.description],
  });

const lines = (text: string) => text.split("\n");

/** Printable, but for the line feeds between the lines. */
function expectPrintable(text: string): void {
  expect(text.replaceAll("\n", " ")).not.toMatch(UNPRINTABLE);
}

describe("hostile text at the terminal", () => {
  it(
    "is printable in an outcome, and makes no line of its own",
    () => {
      const usual = lines(outcomeText(outcomeOf({ name: "a", other: "b", description: "c" }), { color: false }));

      fc.assert(
        fc.property(injected, (text) => {
          const plain = outcomeText(outcomeOf(text), { color: false });

          expectPrintable(plain);
          expect(lines(plain)).toHaveLength(usual.length);
        }),
        property,
      );
    },
    limit,
  );

  it("steers nothing in colour either: without our own colours the text is the same", () => {
    fc.assert(
      fc.property(injected, (text) => {
        const outcome = outcomeOf(text);

        expect(stripVTControlCharacters(outcomeText(outcome, { color: true }))).toBe(
          outcomeText(outcome, { color: false }),
        );
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 10) },
    );
  });

  it(
    "is printable in a failure and in a diff",
    () => {
      fc.assert(
        fc.property(injected, ({ name, other, description }) => {
          const failure = new Failure(name, { code: "Internal", stage: "plan", hint: description });
          const change = { path: `applications/${name}`, before: null, after: description };

          expectPrintable(failureText(describeFailure(failure), { color: false }));
          expectPrintable(diffText(diffFiles([change, { ...change, path: other }]), { color: false }));
        }),
        property,
      );
    },
    limit,
  );

  it(
    "is one printable line in a log",
    () => {
      fc.assert(
        fc.property(injected, ({ name, description }) => {
          const written: string[] = [];
          const write = (text: string) => void written.push(text);
          const log = createLogger({ level: "info", format: "text", terminal: false, write });

          log.warn(description, { name, list: [name] });

          expect(written).toHaveLength(1);
          expect(written[0]).toMatch(/\n$/);
          expect(written[0]?.slice(0, -1)).not.toMatch(UNPRINTABLE);
        }),
        property,
      );
    },
    limit,
  );
});

describe("hostile text in JSON", () => {
  it(
    "is there whole when it is read back, in an outcome as in a line of the log",
    () => {
      fc.assert(
        fc.property(injected, (text) => {
          const outcome = outcomeOf(text);
          const written: string[] = [];
          const write = (line: string) => void written.push(line);
          const log = createLogger({ level: "info", format: "json", terminal: false, write });

          log.warn(text.description, { name: text.name });

          expect(JSON.parse(JSON.stringify(outcome, null, 2))).toEqual(outcome);
          expect(written).toHaveLength(1);
          expect(written[0]?.indexOf("\n")).toBe((written[0]?.length ?? 0) - 1);
          expect(JSON.parse(written[0] ?? "")).toMatchObject({ msg: text.description, name: text.name });
        }),
        property,
      );
    },
    limit,
  );
});

describe("hostile text in YAML", () => {
  it("is printable, and there when it is read back, as far as UTF-8 can hold it", () => {
    fc.assert(
      fc.property(injected, ({ name, description }) => {
        const { applications } = outcomeOf({ name, other: "b", description });

        const written = formatDocument({ ...applications, [`key ${name}`]: description });
        const read = parseYaml(written, { file: "it", stage: "report", code: "Internal" });

        expect(written.replaceAll("\n", "")).not.toMatch(UNPRINTABLE);
        expect(read).toMatchObject({
          created: [name.toWellFormed()],
          setAside: [{ message: description.toWellFormed() }],
          [`key ${name}`.toWellFormed()]: description.toWellFormed(),
        });
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 20) },
    );
  });
});

/** What hosts act on, as they describe it; stricter than they are where they differ. */
const ACTED_ON = [
  /[#@[\]]/,
  /[!&]\d/,
  /[Gg][HhLl]-\d/,
  // GitLab's closing pattern for issues of Jira, and Gitea's for those of other trackers.
  /[A-Z][A-Z0-9_]*-\d/,
  /:\/\//,
  /[Ss][Kk][Ii][Pp]-[Cc][Hh][Ee][Cc][Kk][Ss]\s*:/,
  /\*[Nn][Oo]_[Cc][Ii]/,
];
const COMMAND = new RegExp(ACTED_ON.map(({ source }) => source).join("|"));

const options = { runtime: "0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11", digest: "sha256:0", version: "1.0.0" };
const trailers = ["Runtime: 0f2c1b1e-6a55-4f37-9d0c-1f5d8a0f7c11", "Digest: sha256:0", "Agent-Version: 1.0.0"];

const messageOf = (text: Injected) => commitMessage(anOutcome(planOf(text)), options);

/** One name alone also stands in the subject. */
const messagesOf = (text: Injected) => [
  messageOf(text),
  commitMessage(anOutcome(aPlan({ created: [text.name] })), { ...options, runtime: text.other }),
];

const OURS =
  /^$|^(?:Destination changed, with the same credentials|Added|Updated|Deleted|Held|Set aside|Degraded):$|^ {2}- |^(?:Runtime|Digest|Agent-Version): /;

describe("hostile text in a commit message", () => {
  it(
    "is printable, begins no line and says nothing that a Git host acts on",
    () => {
      fc.assert(
        fc.property(injected, (text) => {
          for (const message of messagesOf(text)) {
            expectPrintable(message);
            const [subject, ...body] = lines(message);
            expect(subject).toMatch(/^Add /);
            expect(body.filter((line) => !OURS.test(line))).toEqual([]);
            expect(message).not.toMatch(COMMAND);
          }
        }),
        property,
      );
    },
    limit,
  );

  it(
    "adds no trailer, as git reads them",
    () => {
      const messages = fc.sample(injected, property).map(messageOf);

      // Of all files together: one trailer more or less in any of them moves the rest.
      expect(trailersOf(messages)).toEqual(messages.flatMap(() => trailers));
    },
    limit,
  );

  it("leaves names of Applications as they are", () => {
    const name = fc.stringMatching(/^[a-z0-9](?:[-a-z0-9.]{0,61}[a-z0-9])?$/);

    fc.assert(
      fc.property(name, (created) => {
        const message = commitMessage(anOutcome(aPlan({ created: [created] })), options);

        expect(lines(message)).toEqual([`Add ${created}`, "", "Added:", `  - ${created}`, "", ...trailers, ""]);
      }),
    );
  });
});

const folder = mkdtempSync(join(tmpdir(), "injected-text-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What `git interpret-trailers --parse` says of messages, many of them by one call. */
function trailersOf(messages: readonly string[]): string[] {
  const parsed: string[] = [];
  const files = messages.map((message, index) => {
    const file = join(folder, String(index));
    writeFileSync(file, message);
    return file;
  });
  for (let at = 0; at < files.length; at += 1_000) {
    const options = { env: gitEnvironment, encoding: "utf8", maxBuffer: Number.POSITIVE_INFINITY } as const;
    const output = execFileSync("git", ["interpret-trailers", "--parse", ...files.slice(at, at + 1_000)], options);
    parsed.push(...output.trimEnd().split("\n"));
  }
  return parsed;
}
