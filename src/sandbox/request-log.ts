/** What the sandbox was asked, for tests: operations and arguments, never a secret. */

import { Kind, parse, type SelectionSetNode, valueFromASTUntyped } from "graphql";

/** A root field of a request with its arguments. */
export interface Operation {
  readonly field: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface LogEntry {
  /** Root fields, separated by commas; in parentheses what is no GraphQL operation, such as `(handshake)`. */
  readonly operation: string;
  /** By root field. */
  readonly arguments: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** `connector`, `secure-connector`, `director`, or empty. */
  readonly endpoint: string;
  /** Null when the connection was cut instead of an answer. */
  readonly status: number | null;
  /** Of the answer's body. */
  readonly bytes: number;
  /** Of the header `x-request-id`. */
  readonly requestID?: string | undefined;
  /** What the sandbox wants to say about it. */
  readonly note?: string | undefined;
}

export interface RequestLog {
  add(entry: LogEntry): void;
  entries(): readonly LogEntry[];
}

/** Enough for a full fetch of a large landscape; older entries go. */
const LIMIT = 10_000;

export function createRequestLog(): RequestLog {
  const entries: LogEntry[] = [];
  return {
    add: (entry) => {
      if (entries.push(entry) > LIMIT) entries.shift();
    },
    entries: () => entries,
  };
}

/** Arguments that are never secret; all others are hidden. */
const open: ReadonlySet<string> = new Set(["id", "runtimeID", "systemAuthID", "first", "after", "key", "value"]);

/** The arguments of each operation as the log shows them. */
export function shownArguments(operations: readonly Operation[]): LogEntry["arguments"] {
  return Object.fromEntries(
    operations.map(({ field, arguments: given }) => [
      field,
      Object.fromEntries(Object.entries(given).map(([name, value]) => [name, open.has(name) ? value : "[hidden]"])),
    ]),
  );
}

/** The root fields that a request body asks for; empty when it is not a GraphQL request. */
export function operationsOf(body: unknown): Operation[] {
  if (typeof body !== "object" || body === null) return [];
  const { query, variables, operationName } = body as Readonly<Record<string, unknown>>;
  try {
    const { definitions } = parse(String(query), { noLocation: true });
    const fragments = new Map<string, SelectionSetNode>();
    for (const definition of definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition.selectionSet);
    }
    const values = typeof variables === "object" ? (variables as Record<string, unknown> | null) : null;
    const fields = (set: SelectionSetNode | undefined, depth: number): Operation[] =>
      depth > 10
        ? []
        : (set?.selections ?? []).flatMap((selection) => {
            if (selection.kind === Kind.INLINE_FRAGMENT) return fields(selection.selectionSet, depth + 1);
            if (selection.kind === Kind.FRAGMENT_SPREAD) return fields(fragments.get(selection.name.value), depth + 1);
            const given = selection.arguments ?? [];
            return {
              field: selection.name.value,
              arguments: Object.fromEntries(
                given.map(({ name, value }) => [name.value, valueFromASTUntyped(value, values)]),
              ),
            };
          });
    return definitions
      .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
      .filter(({ name }) => typeof operationName !== "string" || operationName === "" || name?.value === operationName)
      .flatMap(({ selectionSet }) => fields(selectionSet, 0));
  } catch {
    return [];
  }
}
