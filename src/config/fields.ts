/** The kinds of fields the configuration is made of, each a zod schema with what environment, errors and view need. */

import { z } from "zod";
import type { SecretReference } from "./secret-reference.js";
import {
  formatDuration,
  formatShare,
  formatSize,
  type NamespacedName,
  type Parsed,
  parseDuration,
  parseNamespacedName,
  parseShare,
  parseSize,
} from "./values.js";

/** What is known of a field beside its schema. */
export interface Field {
  /** How a text from environment or options becomes the value that the schema takes. */
  readonly kind: "text" | "boolean" | "number" | "list" | "table";
  /** What is allowed, completing "allowed: ". */
  readonly allowed: string;
  /** True when a value given here, also a mistaken one, may be a secret: it is never shown. @default false */
  readonly sensitive?: boolean;
  /** Relative paths are resolved: plain ones, or those of Git, which may be URLs. @default none */
  readonly path?: "file" | "git";
  /** The value of `Config` in the notation of the file, for `config view`. @default as it is */
  readonly show?: (value: never) => unknown;
}

/** What is known of a section beside its schema. */
export interface Section {
  /** Sets of keys that exclude each other: what a higher layer says replaces another alternative of a lower one. */
  readonly alternatives?: readonly (readonly string[])[];
  /** True when keys and values given here may be secrets. @default false */
  readonly sensitive?: boolean;
  /** True for `{file}|{env}|{secret, key}`. @default false */
  readonly reference?: boolean;
  /** The value of `Config` in the notation of the file, for `config view`. @default the keys it has */
  readonly show?: (value: never) => unknown;
}

export const fields = z.registry<Field>();
export const sections = z.registry<Section>();

const complain = (context: z.RefinementCtx, message: string) => {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
};

/** A schema that reads texts (or numbers) by one of the parsers of `values.ts`. */
function parsed<I extends string | number, T>(
  input: z.ZodType<I, I>,
  parse: (given: I) => Parsed<T>,
  description: string,
  field: Field,
) {
  return input
    .transform((given, context) => {
      const result = parse(given);
      return "wrong" in result ? complain(context, result.wrong) : result.value;
    })
    .describe(description)
    .register(fields, field);
}

/** A text read by `parse`. */
export function text<T>(
  description: string,
  allowed: string,
  parse: (given: string) => Parsed<T>,
  options: Pick<Field, "sensitive" | "path" | "show"> = {},
) {
  return parsed(z.string(), parse, description, { kind: "text", allowed, ...options });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters is the purpose
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A text of one line that is not empty. */
export const parseLine = (given: string): Parsed<string> => {
  if (given.trim() === "") return { wrong: "is empty" };
  return CONTROL.test(given) ? { wrong: "holds a line break or control character" } : { value: given };
};

export const line = (description: string, allowed: string) => text(description, allowed, parseLine);

/** A text that must match; for editors the JSON Schema shows the pattern. */
export function pattern(description: string, allowed: string, regex: RegExp, wrong: string) {
  return z.string().regex(regex, { error: wrong }).describe(description).register(fields, { kind: "text", allowed });
}

/** A path of the file system, absolute once it has been loaded. */
export function filePath(description: string) {
  return text(description, "a path, relative to the folder of the configuration file", parseLine, { path: "file" });
}

export function duration(description: string, { positive = false } = {}) {
  const parse = (given: string): Parsed<number> => {
    const result = parseDuration(given);
    return positive && "value" in result && result.value === 0 ? { wrong: "is zero" } : result;
  };
  return text(description, "a duration such as 30s, 2m, 1h30m, 10d or PT2M", parse, { show: formatDuration });
}

export function size(description: string) {
  const field: Field = {
    kind: "number",
    allowed: "a size such as 256MiB, 10MB or a number of bytes",
    show: formatSize,
  };
  return parsed(z.union([z.string(), z.number()]), parseSize, description, field);
}

/** A share of the whole, 0 to 1. `open`: neither 0 nor 1 itself. */
export function share(description: string, { open = false } = {}) {
  const parse = (given: string | number): Parsed<number> => {
    const result = parseShare(given);
    const outside = "value" in result && open && (result.value === 0 || result.value === 1);
    return outside ? { wrong: "is not between 0 and 1" } : result;
  };
  const allowed = open ? "a share between 0 and 1, such as 67% or 0.67" : "a share from 0 to 1, such as 20% or 0.2";
  return parsed(z.union([z.string(), z.number()]), parse, description, { kind: "number", allowed, show: formatShare });
}

export function flag(description: string) {
  return z.boolean().describe(description).register(fields, { kind: "boolean", allowed: "true or false" });
}

export function integer(description: string, minimum: number, maximum: number) {
  const allowed = `a whole number from ${minimum} to ${maximum}`;
  return z.int().min(minimum).max(maximum).describe(description).register(fields, { kind: "number", allowed });
}

export function choice<const T extends readonly string[]>(description: string, values: T) {
  return z
    .enum(values)
    .describe(description)
    .register(fields, { kind: "text", allowed: values.join(", ") });
}

/** A list of texts; each is checked by `parse`. */
export function list(
  description: string,
  allowed: string,
  parse: (given: string) => Parsed<string>,
  options: Pick<Field, "sensitive"> = {},
) {
  const item = z.string().transform((given, context) => {
    const result = parse(given);
    return "wrong" in result ? complain(context, result.wrong) : result.value;
  });
  return z
    .array(item)
    .describe(description)
    .register(fields, { kind: "list", allowed, ...options });
}

/** A Kubernetes object as NAMESPACE/NAME. */
export function namespacedName(description: string) {
  const show = ({ namespace, name }: NamespacedName) => `${namespace}/${name}`;
  return text(description, "NAMESPACE/NAME", parseNamespacedName, { show });
}

/** A part of the file with keys of its own; unknown keys are errors. */
export function section<T extends z.ZodRawShape>(description: string, shape: T, about: Section = {}) {
  return z.strictObject(shape).describe(description).register(sections, about);
}

/** Says what is wrong unless exactly one of the alternatives is given. */
export function exactlyOne(given: object, alternatives: readonly string[], context: z.RefinementCtx): boolean {
  const present = alternatives.filter((key) => (given as Record<string, unknown>)[key] !== undefined);
  if (present.length === 1) return true;
  const all = alternatives.join(", ");
  complain(context, present.length === 0 ? `needs one of ${all}` : `takes only one of ${all}`);
  return false;
}

/** Where a value that may be secret is read: `{file}`, `{env}` or `{secret, key}`, never the value itself. */
export function reference(description: string) {
  const alternatives = [["file"], ["env"], ["secret", "key"]];
  const shape = {
    file: filePath("A file that holds the value.").optional(),
    env: text("The environment variable that holds the value.", "the name of an environment variable", parseVariable, {
      sensitive: true,
    }).optional(),
    secret: text("The Kubernetes Secret that holds the value.", "NAMESPACE/NAME", parseNamespacedName, {
      sensitive: true,
    }).optional(),
    key: text("The key within that Secret.", "a key of a Secret", parseSecretKey, { sensitive: true }).optional(),
  };
  return z
    .strictObject(shape)
    .transform((given, context): SecretReference => {
      if (!exactlyOne(given, ["file", "env", "secret"], context)) return z.NEVER;
      if ((given.secret === undefined) !== (given.key === undefined)) {
        return complain(context, "takes secret and key together");
      }
      if (given.file !== undefined) return { kind: "file", path: given.file };
      if (given.env !== undefined) return { kind: "env", name: given.env };
      if (given.secret === undefined || given.key === undefined) return z.NEVER;
      return { kind: "kubernetes", ...given.secret, key: given.key };
    })
    .describe(description)
    .register(sections, { alternatives, sensitive: true, reference: true, show: showReference });
}

function showReference(value: SecretReference): unknown {
  switch (value.kind) {
    case "file":
      return { file: value.path };
    case "env":
      return { env: value.name };
    case "kubernetes":
      return { secret: `${value.namespace}/${value.name}`, key: value.key };
  }
}

const parseVariable = (given: string): Parsed<string> =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(given) ? { value: given } : { wrong: "is not the name of a variable" };

const parseSecretKey = (given: string): Parsed<string> =>
  /^[-._a-zA-Z0-9]{1,253}$/.test(given) ? { value: given } : { wrong: "is not a key of a Secret" };
