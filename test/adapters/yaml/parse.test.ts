import { describe, expect, it } from "vitest";
import { parseYaml, parseYamlDocument } from "../../../src/adapters/yaml/index.js";
import { Failure } from "../../../src/common/failure.js";

const options = { file: "agent.yaml", stage: "config", code: "ConfigurationInvalid" } as const;

function failureOf(text: string): Failure {
  try {
    parseYaml(text, options);
  } catch (thrown) {
    if (thrown instanceof Failure) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

describe("reading YAML", () => {
  it("reads by YAML 1.2, in which yes and 12:30:45 are texts", () => {
    expect(parseYaml("a: yes\nb: 12:30:45\nc: [1, true, null, 0o7]\n", options)).toEqual({
      a: "yes",
      b: "12:30:45",
      c: [1, true, null, 7],
    });
  });

  it("takes an empty text for null", () => {
    expect(parseYaml("", options)).toBeNull();
    expect(parseYaml("# nothing\n", options)).toBeNull();
  });

  it("stays with YAML 1.2 when a directive asks for 1.1", () => {
    expect(parseYaml("%YAML 1.1\n---\na: yes\n", options)).toEqual({ a: "yes" });
  });

  it("does not merge <<, which is a key like any other", () => {
    expect(parseYaml("a: &a {b: 1}\nc: {<<: *a}\n", options)).toEqual({ a: { b: 1 }, c: { "<<": { b: 1 } } });
  });

  it.each([
    ["a key that stands twice", "token: 1\ntoken: S3CRET\n", "agent.yaml:2:1  a key that stands twice in one mapping"],
    ["wrong indentation", "a:\n    b: 1\n  S3CRET: 2\n", "agent.yaml:3:"],
    ["an open quote", 'a: "S3CRET\n', "agent.yaml:2:1  a missing character"],
    ["a tab", "a:\n\tb: S3CRET\n", "agent.yaml:2:"],
    ["an unknown tag", "a: !S3CRET b\n", "agent.yaml:1:4  a tag (!…)"],
    ["an unknown alias", "a: *S3CRET\n", "agent.yaml  aliases (*…) that lead nowhere"],
    ["a second document", "a: 1\n---\nb: S3CRET\n", "agent.yaml:2:1  more than one document"],
    ["a reserved character", "a: @S3CRET\n", "agent.yaml:1:4  a value that begins with a reserved character"],
    ["an unknown escape", 'a: "\\S3CRET"\n', "agent.yaml:1:5  an escape"],
    ["a key that is not a text", "? [S3CRET]\n: 1\n", "agent.yaml:1:3  a key that is not a text"],
  ])("tells the place of %s, and nothing of the content", (_name, text, message) => {
    const failure = failureOf(text);

    expect(failure.message).toContain(message);
    expect(JSON.stringify([failure.message, failure.hint, failure.cause ?? null, failure.stack])).not.toContain(
      "S3CRET",
    );
    expect(failure).toMatchObject({ code: "ConfigurationInvalid", stage: "config" });
  });

  it("refuses aliases that unfold without end", () => {
    const levels = "abcdefghi".split("");
    const bomb = levels.map(
      (name, index) => `${name}: &${name} [${index === 0 ? "x" : `*${levels[index - 1]},`.repeat(9)}]`,
    );

    expect(failureOf(bomb.join("\n")).message).toBe("agent.yaml  aliases (*…) that lead nowhere or unfold without end");
  });

  it("tells at most five errors and counts the others", () => {
    const message = failureOf("a: 1\n".repeat(10)).message.split("\n");

    expect(message).toHaveLength(6);
    expect(message[5]).toBe("and 4 more");
  });
});

describe("the line of a value", () => {
  const { lineOf } = parseYamlDocument(
    "# comment\na:\n  b:\n    - one\n    - c: 1\n\nd: &d {e: 1,\n  f: 2}\ng: *d\n",
    options,
  );

  it.each([
    [["a"], 2],
    [["a", "b"], 3],
    [["a", "b", 0], 4],
    [["a", "b", 1, "c"], 5],
    [["d", "f"], 8],
    [["g", "f"], 8],
    [[], 2],
  ])("of %j is %d", (path, line) => {
    expect(lineOf(path)).toBe(line);
  });

  it("is null for what is not there", () => {
    expect(lineOf(["x"])).toBeNull();
    expect(lineOf(["a", "b", 7])).toBeNull();
    expect(lineOf(["a", "b", 0, "c"])).toBeNull();
  });
});
