/** A schema behind HTTP with the answers of gqlgen: which status, which body, in which order of keys. */

import {
  buildSchema,
  type ExecutionResult,
  execute,
  type GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  getOperationAST,
  isObjectType,
  parse,
  validate,
} from "graphql";
import { createHandler, type Response } from "graphql-http";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

// The parameters differ from field to field; the schema has checked them before a resolver sees them.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Resolver<Context> = GraphQLFieldResolver<any, Context, any>;
export type Resolvers<Context> = Readonly<Record<string, Readonly<Record<string, Resolver<Context>>>>>;

/** Builds a schema and puts the resolvers into it; the fields without one are read from the object. */
export function executableSchema<Context>(definition: string, resolvers: Resolvers<Context>): GraphQLSchema {
  const schema = buildSchema(definition);
  for (const [typeName, fields] of Object.entries(resolvers)) {
    const type = schema.getType(typeName);
    for (const [fieldName, resolve] of Object.entries(fields)) {
      const field = isObjectType(type) ? type.getFields()[fieldName] : undefined;
      if (field === undefined) throw new TypeError(`the schema has no ${typeName}.${fieldName}`);
      field.resolve = resolve;
    }
  }
  return schema;
}

/** The form of an error on the wire. */
export interface WireError {
  readonly message: string;
  readonly locations?: readonly object[] | undefined;
  readonly path?: readonly (string | number)[] | undefined;
  readonly extensions?: object | undefined;
}

export type Refusal = "GRAPHQL_PARSE_FAILED" | "GRAPHQL_VALIDATION_FAILED";

export interface EndpointOptions<Context> {
  readonly schema: GraphQLSchema;
  /** An error that a resolver threw. */
  readonly present: (error: GraphQLError) => WireError;
  /** A request that does not get as far as a resolver: HTTP 422. */
  readonly refuse: (
    error: { readonly message: string; readonly locations?: readonly object[] | undefined },
    code: Refusal,
  ) => WireError;
  /** Changes a result, or gives the answer instead. */
  readonly finish?: (result: WireResult, context: Context) => WireResult | Answer;
}

/** Errors first: the order in which gqlgen writes. */
export interface WireResult {
  readonly errors?: readonly WireError[];
  readonly data: unknown;
}

export interface EndpointRequest<Context> {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON object of the body. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly context: Context;
}

const JSON_TYPE = { "content-type": "application/json" };

const response = ({ status, headers, body }: Answer): Response => [body, { status, statusText: "", headers }];

export function jsonAnswer(status: number, body: WireResult): Answer {
  return { status, headers: JSON_TYPE, body: JSON.stringify(body) };
}

/** Makes the function that answers one request. */
export function createEndpoint<Context extends Record<PropertyKey, unknown>>(options: EndpointOptions<Context>) {
  const { schema, present, refuse, finish } = options;

  const refused = (errors: readonly { message: string; locations?: readonly object[] | undefined }[], code: Refusal) =>
    response(jsonAnswer(422, { errors: errors.map((error) => refuse(error, code)), data: null }));

  const handler = createHandler<null, Context, Context>({
    // Ours, not those that graphql-http would load: one instance of graphql, whatever the module loader does.
    execute,
    getOperationAST,
    parseRequestParams: (request) => {
      const type = Object(request.headers)["content-type"];
      if (request.method !== "POST" || !/^application\/json\b/i.test(String(type))) {
        return response(jsonAnswer(400, { errors: [{ message: "transport not supported" }], data: null }));
      }
      const { query, variables, operationName } = request.body as Readonly<Record<string, unknown>>;
      if (typeof query !== "string" || query.trim() === "") {
        return refused([{ message: "no operation provided" }], "GRAPHQL_VALIDATION_FAILED");
      }
      return {
        query,
        variables: (variables ?? {}) as Record<string, unknown>,
        ...(typeof operationName === "string" && operationName !== "" ? { operationName } : {}),
      };
    },

    onSubscribe: (request, { query, variables, operationName }) => {
      try {
        const document = parse(query);
        const errors = validate(schema, document);
        if (errors.length > 0) return refused(errors, "GRAPHQL_VALIDATION_FAILED");
        return {
          schema,
          document,
          contextValue: request.context,
          variableValues: variables ?? null,
          operationName: operationName ?? null,
        };
      } catch (thrown) {
        return refused([thrown as GraphQLError], "GRAPHQL_PARSE_FAILED");
      }
    },

    onOperation: (request, _, { data, errors }: ExecutionResult) => {
      // Without `data` nothing was executed: the variables do not fit.
      if (data === undefined) return refused(errors ?? [], "GRAPHQL_VALIDATION_FAILED");
      const result: WireResult = { ...(errors ? { errors: errors.map(present) } : {}), data };
      const finished = finish === undefined ? result : finish(result, request.context);
      return response("status" in finished ? finished : jsonAnswer(200, finished));
    },
  });

  return async ({ method, url, headers, body, context }: EndpointRequest<Context>): Promise<Answer> => {
    // gqlgen does not look at Accept.
    const [text, init] = await handler({
      method,
      url,
      headers: { ...headers, accept: "*/*" },
      body,
      raw: null,
      context,
    });
    return { status: init.status, headers: init.headers ?? {}, body: text ?? "" };
  };
}
