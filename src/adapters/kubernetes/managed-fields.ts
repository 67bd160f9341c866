/** Whose the fields of an object are, as server-side apply keeps it: what nobody has any more who had it goes. Pure. */

import { z } from "zod";

interface Fields {
  readonly [name: string]: Fields;
}

const fields: z.ZodType<Fields> = z.lazy(() => z.record(z.string(), fields));

export const managedBy = z.looseObject({
  manager: z.string().default(""),
  operation: z.string().default(""),
  apiVersion: z.string().default(""),
  subresource: z.string().default(""),
  fieldsV1: fields.default({}),
});

export type ManagedBy = z.infer<typeof managedBy>;

/** As the API server wants it, which takes an empty list for no change. */
const NOBODY = [{}];

/**
 * The fields that `from` applied are `heir`'s, as if it had applied them, beside what it has already; nobody's where there
 * is no heir. Keys of the data among them are nobody else's: with a former writer that looks after them no more they would
 * stay for ever. Null where `from` has none.
 */
export function handedOn(all: readonly ManagedBy[], from: string, heir: string | null): readonly object[] | null {
  const isOf = (manager: string | null) => (each: ManagedBy) =>
    each.manager === manager && each.operation === "Apply" && each.subresource === "";
  const [given, had] = [all.filter(isOf(from)), all.filter(isOf(heir))];
  const [first] = given;
  if (first === undefined) return null;
  const keys = dataKeysOf(given, () => true);
  const others = all
    .filter((each) => !given.includes(each) && !had.includes(each))
    .map((each) => ({ ...each, fieldsV1: withoutKeys(each.fieldsV1, keys) }))
    // A manager of nothing is none.
    .filter(({ fieldsV1 }) => Object.keys(fieldsV1).length > 0);
  const merged = [...given, ...had].reduce((sum, { fieldsV1 }) => union(sum, fieldsV1), {} as Fields);
  const inherited = heir === null ? [] : [{ ...first, manager: heir, fieldsV1: merged }];
  const left = [...others, ...inherited].map(({ subresource, ...each }) =>
    subresource === "" ? each : { ...each, subresource },
  );
  return left.length === 0 ? NOBODY : left;
}

/** Keys of a Secret's `data` that such managers wrote. */
export function dataKeysOf(all: readonly ManagedBy[], isWanted: (manager: string) => boolean): ReadonlySet<string> {
  const written = all.filter(({ manager }) => isWanted(manager)).map(({ fieldsV1 }) => own(fieldsV1, DATA));
  const names = written.flatMap((data) => Object.keys(data)).filter((name) => name.startsWith(FIELD));
  return new Set(names.map((name) => name.slice(FIELD.length)));
}

/** How a field is told from an item of a list, and from `.`, which is the object that the fields are in. */
const FIELD = "f:";

const DATA = `${FIELD}data`;

function withoutKeys(fields: Fields, keys: ReadonlySet<string>): Fields {
  const { [DATA]: data = {}, ...rest } = fields;
  const left = Object.entries(data).filter(([name]) => !keys.has(name.slice(FIELD.length)));
  return left.every(([name]) => name === ".") ? rest : { ...rest, [DATA]: Object.fromEntries(left) };
}

const union = (one: Fields, other: Fields): Fields =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => [
      name,
      union(own(one, name), own(other, name)),
    ]),
  );

const own = (fields: Fields, name: string): Fields => (Object.hasOwn(fields, name) ? (fields[name] ?? {}) : {});
