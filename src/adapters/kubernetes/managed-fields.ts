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

type ManagedBy = z.infer<typeof managedBy>;

/** As the API server wants it, which takes an empty list for no change. */
const NOBODY = [{}];

/**
 * The fields that `from` applied are `heir`'s, as if it had applied them, beside what it has already; nobody's where there
 * is no heir. Null where `from` has none.
 */
export function handedOn(all: readonly ManagedBy[], from: string, heir: string | null): readonly object[] | null {
  const isOf = (manager: string | null) => (each: ManagedBy) =>
    each.manager === manager && each.operation === "Apply" && each.subresource === "";
  const [given, had] = [all.filter(isOf(from)), all.filter(isOf(heir))];
  const [first] = given;
  if (first === undefined) return null;
  const others = all.filter((each) => !given.includes(each) && !had.includes(each));
  const merged = [...given, ...had].reduce((sum, { fieldsV1 }) => union(sum, fieldsV1), {} as Fields);
  const inherited = heir === null ? [] : [{ ...first, manager: heir, fieldsV1: merged }];
  const left = [...others, ...inherited].map(({ subresource, ...each }) =>
    subresource === "" ? each : { ...each, subresource },
  );
  return left.length === 0 ? NOBODY : left;
}

const union = (one: Fields, other: Fields): Fields =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => [
      name,
      union(own(one, name), own(other, name)),
    ]),
  );

const own = (fields: Fields, name: string): Fields => (Object.hasOwn(fields, name) ? (fields[name] ?? {}) : {});
