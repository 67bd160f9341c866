import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../src/adapters/yaml/index.js";
import { configSchema } from "../../src/config/index.js";
import { schema } from "../../src/config/schema.js";
import { nodeOf, pathsOf } from "../../src/config/tree.js";
import { FULL_EXAMPLE } from "./example.js";

const validator = () =>
  new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true }).compile(configSchema());
const read = (text: string) => parseYaml(text, { file: "example", stage: "config", code: "ConfigurationInvalid" });

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly description?: string;
  readonly default?: unknown;
}

function at(node: JsonSchema | undefined, path: readonly string[]): JsonSchema | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return node;
  const holder =
    node?.properties === undefined ? node?.anyOf?.find(({ properties }) => properties !== undefined) : node;
  return at(holder?.properties?.[key], rest);
}

describe("the JSON Schema", () => {
  it("takes the full example and an empty file", () => {
    const validate = validator();

    expect(validate(read(FULL_EXAMPLE))).toBe(true);
    expect(validate({})).toBe(true);
  });

  it.each([
    "git: {brnch: main}",
    "drift: maybe",
    "compass: {token: abc}",
    "runtime: {id: abc}",
    "server: {health: 70000}",
    "version: 2",
  ])("refuses %s", (text) => {
    expect(validator()(read(text))).toBe(false);
  });

  it("is draft 2020-12 with a name and a title", () => {
    expect(configSchema()).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $id: expect.stringMatching(/^https:/),
      title: "Runtime Agent configuration",
      description: "Configuration of the Runtime Agent.",
      type: "object",
      additionalProperties: false,
    });
  });

  it.each([...pathsOf(nodeOf(schema))].map((path) => [path.join("."), path] as const))(
    "describes %s",
    (_name, path) => {
      const node = at(configSchema(), path);
      const description = node?.description ?? node?.anyOf?.find((one) => one.description !== undefined)?.description;

      expect(description).toMatch(/\S.*[.)]$/);
    },
  );

  it("tells defaults in the notation of the file", () => {
    expect(at(configSchema(), ["git", "branch"])?.default).toBe("main");
    expect(at(configSchema(), ["certificate", "keySize"])?.default).toBe(4096);
    expect(at(configSchema(), ["compass", "timeout"])?.default).toBe("2m");
    expect(at(configSchema(), ["deletion", "limit"])?.default).toBe("20%");
    expect(at(configSchema(), ["server", "page"])?.default).toBe("127.0.0.1:8091");
  });
});
