import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../src/common/clock.js";
import { Failure, type FailureCode } from "../src/common/failure.js";
import { silentLogger } from "../src/common/logger.js";
import { tellStory } from "../src/demo/story.js";
import { APPROVE_ANNOTATION, buildOutcome, exitCodeOfFailure, SUSPEND_ANNOTATION } from "../src/report/index.js";
import { faultNames } from "../src/sandbox/index.js";
import { aPlan } from "./report/an-outcome.js";

const root = resolve(import.meta.dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const page = (name: string) => read(`docs/reference/${name}`);

/** The words of a union type, off its source. */
function wordsOf(path: string, type: string): string[] {
  const [, body = ""] = new RegExp(`export type ${type} =([^;]*);`).exec(read(path)) ?? [];
  const words = [...body.matchAll(/"(\w+)"/g)].map(([, word = ""]) => word);
  expect(words.length, `${type} of ${path}`).toBeGreaterThan(3);
  return words;
}

interface Row {
  readonly first: string;
  readonly cells: readonly string[];
}

/** Rows whose first cell is one word in backticks, of the tables with this heading. */
function rowsUnder(text: string, heading: string): Row[] {
  const rows: Row[] = [];
  let inside = false;
  for (const line of text.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    if (!line.startsWith("|")) inside = false;
    else if (cells[1] === heading) inside = true;
    else if (inside && cells[1] !== "---") rows.push({ first: cells[1]?.replaceAll("`", "") ?? "", cells });
  }
  return rows;
}

const findings = wordsOf("src/verify/finding.ts", "FindingCode");
const failureCodes = wordsOf("src/common/failure.ts", "FailureCode");
const setAside = wordsOf("src/model/estate.ts", "SetAsideReason");
const degraded = wordsOf("src/model/estate.ts", "DegradedReason");
const held = wordsOf("src/plan/decision.ts", "HoldReason");
const renewal = wordsOf("src/connect/policies.ts", "RenewalReason");

const states = wordsOf("src/report/connection-state.ts", "ConnectionState");
const events = wordsOf("src/report/events.ts", "EventReason");

const markdown = [
  ...(existsSync(join(root, "README.md")) ? ["README.md"] : []),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`),
];

describe("failures.md", () => {
  const rows = rowsUnder(page("failures.md"), "Code");

  it("has each failure code once, and no other", () => {
    expect(rows.map(({ first }) => first).sort()).toEqual([...failureCodes].sort());
  });

  it.each(failureCodes)("says the exit code of %s", (code) => {
    const said = rows.find(({ first }) => first === code)?.cells[3] ?? "";
    const numbers = (said.match(/\d+/g) ?? []).map(Number);
    const possible = [false, true].map((retryable) => exitCodeOfFailure({ code: code as FailureCode, retryable }));

    expect(possible).toContain(numbers.find((number) => number < 128));
  });
});

describe("reasons.md", () => {
  it.each([
    ["Set aside", setAside],
    ["Held", held],
    ["Degraded", degraded],
    ["Renewal", renewal],
  ])("has each reason under %s once, and no other", (title, reasons) => {
    const part =
      page("reasons.md")
        .split(/^## /m)
        .find((text) => text.startsWith(title)) ?? "";

    expect(
      rowsUnder(part, "Reason")
        .map(({ first }) => first)
        .sort(),
    ).toEqual([...reasons].sort());
  });
});

describe("compass-connection.md", () => {
  it.each([
    ["State", states],
    ["Event", events],
  ])("has each %s once, and no other", (heading, words) => {
    const rows = rowsUnder(page("compass-connection.md"), heading);

    expect(rows.map(({ first }) => first).sort()).toEqual([...words].sort());
  });

  it("names each field that is written, and both annotations", () => {
    const text = page("compass-connection.md");
    const crd = read("crds/compassconnections.yaml");
    const words = ["type", "required", "properties", "nullable", "format", "description"];
    const fields = [...crd.matchAll(/^ {16,}(\w+):/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => !words.includes(name));

    expect(fields.length).toBeGreaterThan(12);
    expect(fields.filter((field) => !text.includes(field))).toEqual([]);
    for (const annotation of [APPROVE_ANNOTATION, SUSPEND_ANNOTATION]) expect(text).toContain(annotation);
  });
});

describe("verify.md", () => {
  it("has each code of a finding once, and no other", () => {
    const rows = rowsUnder(page("verify.md"), "Code");

    expect(rows.map(({ first }) => first).sort()).toEqual([...findings].sort());
  });
});

describe("every page of the reference", () => {
  const known = new Set([
    ...findings,
    ...failureCodes,
    ...setAside,
    ...degraded,
    ...held,
    ...renewal,
    ...states,
    ...events,
  ]);
  const others = new Set([
    "SyncOutcome",
    "VerifyResult",
    "InstallManifests",
    "SecretGenerator",
    "PlanAgainstCluster",
    "ConfigMap",
    "CronJob",
    "PairingUnfinished",
    "NoFormation",
    "SealedSecret",
    "NotReencrypted",
  ]);
  const pages = markdown.filter((path) => path.startsWith("docs/reference/"));

  it.each(pages)("%s names no code or reason that does not exist", (path) => {
    const named = [...read(path).matchAll(/[`[]([A-Z][a-z]+(?:[A-Z][a-z]+)+)[`\]]/g)].map(([, word = ""]) => word);

    expect(named.filter((word) => !known.has(word) && !others.has(word))).toEqual([]);
  });

  it("is listed in its index", () => {
    const index = page("README.md");

    const missing = readdirSync(join(root, "docs/reference")).filter((name) => !index.includes(`](${name})`));

    expect(missing).toEqual(["README.md"]);
  });
});

describe("the links", () => {
  /** As Git hosts make anchors of headings. */
  const anchors = (text: string) =>
    [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );

  it.each(markdown)("of %s lead to files and headings that exist", (path) => {
    const links = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);

    const broken = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? join(root, path) : resolve(root, dirname(path), decodeURIComponent(file));
      if (!existsSync(target)) return true;
      return anchor !== undefined && target.endsWith(".md") && !anchors(readFileSync(target, "utf8")).includes(anchor);
    });

    expect(broken).toEqual([]);
  });
});

describe("outcome.md", () => {
  const [example = "", ...others] = [...page("outcome.md").matchAll(/^```json\n([\s\S]*?)^```/gm)].map(
    ([, text = ""]) => text,
  );
  const failure = new Failure("m", { code: "Internal", stage: "plan", hint: "h" });
  const outcome = buildOutcome({
    result: "published",
    runtime: "r",
    plan: aPlan({
      held: [{ name: "n", id: "i", secret: null, reason: "OverLimit", until: null }],
      setAside: [{ name: "n", id: "i", reason: "InvalidName", message: "m" }],
      degraded: [{ name: "n", id: "i", reason: "NoTarget", bundle: null, message: "m" }],
      digest: "d",
      committedDigest: null,
    }),
    commit: { id: "c", branch: "b" },
    approval: null,
    suspended: false,
    requests: { director: 1, connector: 0, git: 1 },
    durations: new Map(),
    notes: [],
    failure,
  });

  it("has an example with exactly the keys of an outcome", () => {
    const given = JSON.parse(example) as Record<string, unknown>;

    expect(Object.keys(given)).toEqual(Object.keys(outcome));
    for (const key of ["digest", "commit", "applications", "applied", "requests"] as const) {
      expect(Object.keys(given[key] as object), key).toEqual(Object.keys(outcome[key] as object));
    }
    const lists = given.applications as Record<"setAside" | "degraded", object[]>;
    expect(Object.keys(lists.setAside[0] ?? {})).toEqual(Object.keys(outcome.applications.setAside[0] ?? {}));
    expect(Object.keys(lists.degraded[0] ?? {}).sort()).toEqual(
      Object.keys(outcome.applications.degraded[0] ?? {}).sort(),
    );
  });

  it("explains each of them", () => {
    const explained = rowsUnder(page("outcome.md"), "Field").flatMap(({ first }) => first.split(/[.,\s]+/));

    expect(Object.keys(outcome).filter((key) => !explained.includes(key))).toEqual([]);
    expect(Object.keys(outcome.applications).filter((key) => !explained.includes(key))).toEqual([]);
  });

  it("names the fields of what is held and of a failure", () => {
    const text = (field: string) =>
      rowsUnder(page("outcome.md"), "Field").find(({ first }) => first === field)?.cells[2] ?? "";

    for (const key of Object.keys(outcome.applications.held[0] ?? {})) {
      expect(text("applications.held")).toContain(`\`${key}\``);
    }
    for (const key of Object.keys(outcome.failure ?? {})) expect(text("failure")).toContain(`\`${key}\``);
    const told = others.map((json) => JSON.parse(json) as { kind?: string; failure?: object });
    expect(Object.keys(told.find(({ kind }) => kind === "Failure")?.failure ?? {})).toEqual(
      Object.keys(outcome.failure ?? {}),
    );
  });
});

describe("snapshot.md", () => {
  it("names each fault of the sandbox", () => {
    const text = page("snapshot.md");

    expect(faultNames.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe("the shell commands of files.md", () => {
  const commands = [...page("files.md").matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = ""]) => text);
  const [annotations = "", computed = "", said = "", check = ""] = commands;
  const env = { PATH: process.env.PATH, HOME: tmpdir(), GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  let directory: string;
  let folder: string;
  let trailer: string;
  const shell = (script: string) =>
    execFileSync("sh", ["-c", script], { cwd: folder, encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "runtime-agent-reference-"));
    const { data, keepRunning } = await tellStory({
      applications: 4,
      directory: join(directory, "demo"),
      clock: systemClock,
      signal: new AbortController().signal,
      env: {},
      log: silentLogger,
      cwd: directory,
      text: { color: false },
      say: () => undefined,
    });
    await keepRunning();
    execFileSync("git", ["clone", "--quiet", "--branch", "main", data.repository, join(directory, "checkout")], {
      env,
    });
    folder = join(directory, "checkout", "clusters", "demo");
    trailer = execFileSync("git", ["log", "-1", "--format=%(trailers:key=Digest,valueonly)"], {
      cwd: folder,
      encoding: "utf8",
      env,
    }).trim();
  }, 60_000);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("are four", () => expect(commands).toHaveLength(4));

  it("compute the digest that the revision and the commit name", () => {
    const digest = shell(computed).trim();

    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(shell(said).trim()).toBe(digest);
    expect(trailer).toBe(digest);
  });

  it("find every file as it was written, and name the one that a person changed", () => {
    const files = shell(annotations).trim().split("\n");
    expect(files.length).toBeGreaterThan(1);
    expect(files.filter((line) => !line.endsWith(": as written"))).toEqual([]);
    expect(shell(check)).toBe("");
    const [victim = ""] = files.map((line) => line.split(":")[0] ?? "");

    writeFileSync(
      join(folder, victim),
      readFileSync(join(folder, victim), "utf8").replace("skipVerify: false", "skipVerify: true"),
    );

    expect(shell(annotations)).toContain(`${victim}: changed`);
    expect(shell(`{ ${check} } 2>&1 || true`)).toContain(`${victim}: FAILED`);
  });
});
