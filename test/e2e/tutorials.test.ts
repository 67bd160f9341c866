/** The tutorials, word by word: every command of theirs is run in order, and what they say it writes is looked for in what it wrote. */

import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closing, faultsOf, folder, opening, read, runSteps, stepsOf, whole } from "./tutorial.js";

/** Begins in a cluster: test/cluster runs it. */
const IN_CLUSTER = "move-over.md";

const tutorials = (await readdir(folder)).filter((name) => name.endsWith(".md") && name !== "README.md").sort();

describe("each tutorial", () => {
  it("is listed in the index and has commands, and the index begins and ends with some", async () => {
    const text = await readFile(join(folder, "README.md"), "utf8");

    expect(tutorials.filter((name) => !text.includes(`](${name})`))).toEqual([]);
    for (const name of tutorials) expect((await read(name)).length, name).toBeGreaterThan(3);
    expect([opening.length, closing.length]).toEqual([2, 1]);
  });

  it.each(tutorials.filter((name) => name !== IN_CLUSTER))(
    "%s works word by word",
    { timeout: 300_000 },
    async (name) => {
      expect(await faultsOf(await whole(name))).toEqual([]);
    },
  );
});

describe("what runs them", () => {
  const run = (text: string) => faultsOf(stepsOf("page", text));
  const sh = (commands: string, info = "") => `\`\`\`sh${info}\n${commands}\n\`\`\`\n`;
  const output = (text: string) => `\n\`\`\`text\n${text}\n\`\`\`\n`;

  it("takes what is as it was said", async () => {
    const text = `${sh("there() { echo $1 is here; }\nthere Ada; there Bob >&2")}${output("A… is here\nBob is here")}`;

    expect(await run(`${text}${sh("false", " exit=1")}${sh("true")}`)).toEqual([]);
  });

  it("leaves out what asks an API server, where there is none", async () => {
    const text = sh("false", " cluster") + output("nothing") + sh("true");

    expect(await run(text)).toEqual([]);
    expect(await faultsOf(stepsOf("page", text), { bin: "", kubeconfig: "" })).not.toEqual([]);
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
    const { code, outputs } = await runSteps(stepsOf("page", sh("(sleep 1; echo late > late) &\npwd")), null);

    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const place = (outputs[0] ?? "").trim();
    expect(code).toBe(0);
    await expect(access(place)).resolves.toBeUndefined();
    await expect(access(join(place, "late"))).rejects.toThrow("ENOENT");
  });
});
