import {
  type ArgumentNode,
  buildSchema,
  Kind,
  parse,
  print,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from "graphql";
import { describe, expect, it } from "vitest";
import {
  API_DEFINITIONS,
  APPLICATION_NAMES,
  APPLICATIONS,
  BUNDLES,
  EVENT_DEFINITIONS,
  SET_RUNTIME_LABEL,
} from "../../src/fetch/documents.js";
import { directorSchema } from "../../src/sandbox/schema-director.js";

const schema = buildSchema(directorSchema);

/** Each field as `Type.field(arguments)`. */
function fieldsOf(document: string): string[] {
  const info = new TypeInfo(schema);
  const fields: string[] = [];
  visit(
    parse(document),
    visitWithTypeInfo(info, {
      [Kind.FIELD]: (node) => {
        const given = (node.arguments ?? []).map((argument: ArgumentNode) => print(argument)).join(", ");
        fields.push(`${info.getParentType()?.name}.${node.name.value}(${given})`);
      },
    }),
  );
  return fields;
}

describe.each([
  ["Applications", APPLICATIONS, 3],
  ["ApplicationNames", APPLICATION_NAMES, 0],
  ["Bundles", BUNDLES, 3],
  ["APIDefinitions", API_DEFINITIONS, 1],
  ["EventDefinitions", EVENT_DEFINITIONS, 1],
])("the document %s", (name, document, nested) => {
  it("is valid by Director's schema", () => {
    expect(validate(schema, parse(document))).toEqual([]);
  });

  it("begins with the keyword by which the gateway tells queries", () => {
    expect(document.startsWith(`query ${name}(`)).toBe(true);
  });

  it("lacks the word that Director would rewrite", () => {
    expect(document).not.toMatch(/package/i);
  });

  it("asks for no labels of Applications and no other field that costs a transaction", () => {
    const fields = fieldsOf(document);

    expect(fields.length).toBeGreaterThan(3);
    expect(
      fields.filter((field) =>
        /^(Application\.labels|AppSystemAuth\.auth|\w+\.(spec|documents|instanceAuths?))\(/.test(field),
      ),
    ).toEqual([]);
  });

  it("has one form of each nested list: Director's loaders go by the first", () => {
    const lists = fieldsOf(document).filter((field) => /\.(bundles|apiDefinitions|eventDefinitions)\(/.test(field));
    const names = lists.map((field) => field.replace(/\(.*/, ""));

    expect(lists).toHaveLength(nested);
    expect(new Set(names).size).toBe(lists.length);
    expect(lists.every((field) => field.includes("first: $nested"))).toBe(true);
  });

  it("asks for what proves each list complete", () => {
    const text = document.replaceAll(/\s+/g, " ");

    const lists = text.match(/(?:applicationsForRuntime|bundles|apiDefinitions|eventDefinitions)\(/g)?.length;
    expect(text.match(/pageInfo \{ endCursor hasNextPage \} totalCount/g)).toHaveLength(lists ?? 0);
  });
});

it("credentials are asked for by their kind, and never of a single bundle, whose are not the runtime's own", () => {
  for (const document of [APPLICATIONS, BUNDLES]) expect(document).toMatch(/credential \{\s+__typename/);
  for (const document of [API_DEFINITIONS, EVENT_DEFINITIONS]) expect(document).not.toContain("defaultInstanceAuth");
});

it("names are asked for only where Director has normalised them", () => {
  const asksName = [APPLICATIONS, APPLICATION_NAMES, BUNDLES, API_DEFINITIONS, EVENT_DEFINITIONS].map((document) =>
    fieldsOf(document).includes("Application.name()"),
  );

  expect(asksName).toEqual([true, true, false, false, false]);
});

it("nothing is asked of an Application that cannot be read but its id and name", () => {
  expect(fieldsOf(APPLICATION_NAMES).filter((field) => /^(Application|Bundle)\./.test(field))).toEqual([
    "Application.id()",
    "Application.name()",
  ]);
});

describe("the document SetRuntimeLabel", () => {
  it("is valid by Director's schema, and a mutation by its first word", () => {
    expect(validate(schema, parse(SET_RUNTIME_LABEL))).toEqual([]);
    expect(SET_RUNTIME_LABEL.startsWith("mutation SetRuntimeLabel(")).toBe(true);
  });
});
