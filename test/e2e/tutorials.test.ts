/** The tutorials, word by word: every command of theirs is run in order, and what they say it writes is looked for in what it wrote. */

import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultsOf, readSteps, runSteps, type Step, stepsOf } from "./tutorial.js";

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "docs", "tutorials");
const CLOSING = "When you are done";

/** Need an API server: test/cluster runs them. */
const IN_CLUSTER = new Set(["move-over.md"]);

const tutorials = (await readdir(folder)).filter((name) => name.endsWith(".md") && name !== "README.md").sort();
const alone = tutorials.filter((name) => !IN_CLUSTER.has(name));
const isClosing = ({ place }: Step) => place.endsWith(CLOSING);
const index = await readSteps("README.md");
const opening = index.filter((step) => !isClosing(step));
const closing = index.filter(isClosing);
const FIRST = "establish.md";

describe("each tutorial", () => {
  it("is listed in the index and has commands, and the index begins and ends with some", async () => {
    const text = await readFile(join(folder, "README.md"), "utf8");

    expect(tutorials.filter((name) => !text.includes(`](${name})`))).toEqual([]);
    for (const name of tutorials) expect((await readSteps(name)).length, name).toBeGreaterThan(3);
    expect([opening.length, closing.length]).toEqual([2, 1]);
  });

  it.each(alone)("%s works word by word", { timeout: 300_000 }, async (name) => {
    const own = await readSteps(name);
    expect(own).not.toEqual([]);
    // Each of the others begins where the first one ends.
    const before = name === FIRST ? [] : await readSteps(FIRST);

    expect(await faultsOf([...opening, ...before, ...own, ...closing])).toEqual([]);
  });
});

describe("what runs them", () => {
  const run = (text: string) => faultsOf(stepsOf("page", text));
  const sh = (commands: string, info = "") => `\`\`\`sh${info}\n${commands}\n\`\`\`\n`;
  const output = (text: string) => `\n\`\`\`text\n${text}\n\`\`\`\n`;

  it("takes what is as it was said", async () => {
    const text = `${sh("there() { echo $1 is here; }\nthere Ada; there Bob >&2")}${output("A… is here\nBob is here")}`;

    expect(await run(`${text}${sh("false", " exit=1")}${sh("true")}`)).toEqual([]);
  });

  it.each([
    ["a command that fails", sh("false\ntrue"), /ended with 1 after:\nfalse/],
    ["an exit code that is another", sh("false", " exit=3"), /exit code 1, not 3/],
    ["a success where a failure was said", sh("true", " exit=3"), /exit code 0, not 3/],
    ["an end before the last command", `${sh("exit 0")}${sh("true")}`, /ended with 0/],
    ["a line that is not written", `${sh("echo Ada")}${output("Eve")}`, /"Eve" is not in/],
    ["a line of which a part is written", `${sh("echo Ada is here")}${output("Ada")}`, /"Ada" is not in/],
    ["lines in another order", `${sh("echo 1; echo 2")}${output("2\n1")}`, /"1" is not in/],
  ])("notices %s", async (_, text, fault) => {
    expect((await run(text)).join("\n")).toMatch(fault);
  });

  it("ends what is left running", async () => {
    const { code, outputs } = await runSteps(stepsOf("page", sh("(sleep 1; echo late > late) &\npwd")));

    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const place = (outputs[0] ?? "").trim();
    expect(code).toBe(0);
    await expect(access(place)).resolves.toBeUndefined();
    await expect(access(join(place, "late"))).rejects.toThrow("ENOENT");
  });
});
