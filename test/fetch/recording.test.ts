import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { formatSnapshot, parseSnapshot, type Snapshot } from "../../src/fetch/index.js";
import { told } from "../common/failure-of.js";
import { aSandbox } from "../sandbox/compass-client.js";
import { fetching } from "./setup.js";

const PASSWORD = "hidden-password";

const credentials: Record<string, unknown> = {
  basic: { __typename: "BasicCredentialData", username: "hidden-user", password: PASSWORD },
  "basic without a name of its kind": { username: "hidden-user", password: PASSWORD },
  OAuth: { __typename: "OAuthCredentialData", clientId: "hidden-id", clientSecret: PASSWORD, url: "https://auth/" },
  "OAuth without a name of its kind": { clientId: "hidden-id", clientSecret: PASSWORD, url: "https://auth/" },
  "by certificate": { __typename: "CertificateOAuthCredentialData" },
  "of a kind that was not asked for": {},
  "of a kind to come": { __typename: "APIKeyCredentialData" },
  none: null,
};

const bundle = (defaultInstanceAuth: unknown) => ({
  id: "b-1",
  name: "Orders",
  description: null,
  instanceAuthRequestInputSchema: '{"type":"object"}',
  defaultInstanceAuth,
  apiDefinitions: [{ id: "a-1", name: "API", targetURL: "https://api/", description: "not read" }],
  eventDefinitions: [{ id: "e-1", name: "Events" }],
});

const documentWith = (defaultInstanceAuth: unknown) => ({
  kind: "DirectorSnapshot",
  version: 1,
  runtime: { id: "r-1", name: "runtime", labels: { isNormalized: "true" } },
  applications: [
    { id: "1", name: "mp-shop", description: null, auths: [{ id: "x" }], bundles: [bundle(defaultInstanceAuth)] },
    { id: "2", name: "mp-bare" },
  ],
});

const parsed = (document: unknown) => parseSnapshot(JSON.stringify(document), "file.json");
const authOf = (snapshot: Snapshot) => snapshot.applications[0]?.bundles[0]?.defaultInstanceAuth ?? null;

const allOf = (credential: unknown) => ({
  credential,
  additionalHeaders: { "X-B": ["hidden-<2>"], "X-A": ["1", "2"] },
  additionalQueryParams: { q: ["hidden-value"] },
  requestAuth: { csrf: { tokenEndpointURL: "https://csrf/" } },
});

describe("a recorded snapshot", () => {
  it.each(Object.entries(credentials))("with its secrets says what was there, byte for byte: %s", (_, credential) => {
    const snapshot = parsed(documentWith(allOf(credential)));

    const text = formatSnapshot(snapshot, { withSecrets: true });
    const again = parseSnapshot(text, "file.json");

    expect(formatSnapshot(again, { withSecrets: true })).toBe(text);
    expect(authOf(again)?.credential?.kind).toBe(authOf(snapshot)?.credential?.kind);
    expect(authOf(again)?.headers?.reveal()).toBe('{"X-A":["1","2"],"X-B":["hidden-\\u003c2\\u003e"]}');
  });

  it.each(Object.entries(credentials))("without them says only that they are there: %s", (_, credential) => {
    const snapshot = parsed(documentWith(allOf(credential)));

    const text = formatSnapshot(snapshot);
    const again = parseSnapshot(text, "file.json");

    expect(text).not.toContain("hidden");
    expect(formatSnapshot(again)).toBe(text);
    expect(formatSnapshot(again, { withSecrets: true })).toBe(text);
    expect(authOf(again)?.credential?.kind).toBe(authOf(snapshot)?.credential?.kind);
    expect([authOf(again)?.headers?.isRedacted, authOf(again)?.queryParameters?.isRedacted]).toEqual([true, true]);
  });

  it("tells the kinds of credentials apart", () => {
    const kinds = Object.values(credentials).map(
      (credential) => authOf(parsed(documentWith(allOf(credential))))?.credential?.kind,
    );

    expect(kinds).toEqual([
      "Basic",
      "Basic",
      "OAuth",
      "OAuth",
      "CertificateOAuth",
      "CertificateOAuth",
      "Unknown",
      undefined,
    ]);
  });

  it("keeps an empty value in sight, since it is no secret", () => {
    const credential = { username: "", password: PASSWORD };

    const again = parseSnapshot(formatSnapshot(parsed(documentWith(allOf(credential)))), "file.json");

    const read = authOf(again)?.credential;
    expect(read?.kind === "Basic" && [read.username.isEmpty, read.password.isRedacted]).toEqual([true, true]);
  });

  it.each([null, {}])("has no parameters where Director has none: %j", (nothing) => {
    const auth = { credential: null, additionalHeaders: nothing, additionalQueryParams: nothing, requestAuth: null };

    expect(authOf(parsed(documentWith(auth)))).toEqual({
      credential: null,
      headers: null,
      queryParameters: null,
      csrfTokenEndpointURL: null,
    });
  });

  it("may leave out what may be null", () => {
    const snapshot = parsed({
      kind: "DirectorSnapshot",
      version: 1,
      runtime: { id: "r", name: "n" },
      applications: [{ id: "1", name: "a" }],
    });

    expect(snapshot).toEqual({
      runtime: { id: "r", name: "n", labels: {} },
      applications: [{ id: "1", name: "a", description: null, auths: [], bundles: [] }],
      unreadable: [],
    });
  });

  it("names the Applications that cannot be read, and says nothing of them when there are none", () => {
    const unreadable = [{ id: "3", name: "mp-legacy" }];
    const snapshot = parsed({ ...documentWith(null), unreadable });

    const text = formatSnapshot(snapshot);

    expect(snapshot.unreadable).toEqual(unreadable);
    expect(JSON.parse(text).unreadable).toEqual(unreadable);
    expect(parseSnapshot(text, "file.json").unreadable).toEqual(unreadable);
    expect(JSON.parse(formatSnapshot(parsed(documentWith(null))))).not.toHaveProperty("unreadable");
  });

  it("shows no secret when it is printed", () => {
    expect(inspect(parsed(documentWith(allOf(credentials.basic))), { depth: 20, showHidden: true })).not.toContain(
      "hidden",
    );
    expect(JSON.stringify(parsed(documentWith(allOf(credentials.OAuth))))).not.toContain("hidden");
  });

  it("is what was fetched", async () => {
    const { run } = await fetching(await aSandbox({ applications: 20 }), { pageSize: 200 });
    const snapshot = await run();

    const whole = formatSnapshot(snapshot, { withSecrets: true });
    const redacted = formatSnapshot(snapshot);

    expect(formatSnapshot(parseSnapshot(whole, "file"), { withSecrets: true })).toBe(whole);
    expect(parseSnapshot(whole, "file").applications.map(({ id, name }) => [id, name])).toEqual(
      snapshot.applications.map(({ id, name }) => [id, name]),
    );
    expect(formatSnapshot(parseSnapshot(redacted, "file"))).toBe(redacted);
    expect(redacted).toContain('"redacted": true');
    expect(redacted).not.toMatch(/"(password|clientSecret|username|clientId)": "[^"]/);
  });

  it("of the golden test can be read", () => {
    const file = join(import.meta.dirname, "..", "golden", "snapshot.json");

    const { runtime, applications } = parseSnapshot(readFileSync(file, "utf8"), file);

    const document = JSON.parse(readFileSync(file, "utf8"));
    expect(runtime.id).toBe(document.runtime.id);
    expect(applications.map(({ id }) => id)).toEqual(document.applications.map(({ id }: { id: string }) => id));
    expect(applications.flatMap(({ bundles }) => bundles).length).toBeGreaterThan(5);
  });
});

describe("a file that is no snapshot", () => {
  const auth = allOf(credentials.basic);
  const place = "applications.0.bundles.0.defaultInstanceAuth";

  it.each<[string, unknown, string]>([
    ["another kind", { ...documentWith(auth), kind: "hidden" }, "at kind"],
    ["another version", { ...documentWith(auth), version: 2 }, "at version"],
    ["no runtime", { ...documentWith(auth), runtime: "hidden" }, "at runtime"],
    ["a runtime without id", { ...documentWith(auth), runtime: { id: "", name: "hidden" } }, "at runtime.id"],
    ["no Applications", { ...documentWith(auth), applications: "hidden" }, "at applications"],
    [
      "an Application without id",
      { ...documentWith(auth), applications: [{ name: "hidden" }] },
      "at applications.0.id",
    ],
    [
      "a bundle that is text",
      { ...documentWith(auth), applications: [{ id: "1", name: "x", bundles: ["hidden"] }] },
      "at applications.0.bundles.0",
    ],
    [
      "a password that is a number",
      documentWith({ ...auth, credential: { username: "hidden", password: 5 } }),
      `at ${place}.credential`,
    ],
    ...["hidden kind", "", "\u001b]8;;hidden", "hidden".repeat(11)].map(
      (type) =>
        [
          `a credential of what is no name of a kind, ${JSON.stringify(type)}`,
          documentWith({ ...auth, credential: { __typename: type } }),
          `at ${place}.credential`,
        ] as [string, unknown, string],
    ),
    [
      "an OAuth credential without URL",
      documentWith({ ...auth, credential: { clientId: "hidden", clientSecret: "hidden" } }),
      `at ${place}.credential`,
    ],
    [
      "headers that are a text",
      documentWith({ ...auth, additionalHeaders: "hidden" }),
      `at ${place}.additionalHeaders`,
    ],
    [
      "headers with a number",
      documentWith({ ...auth, additionalHeaders: { "hidden-name": ["hidden", 5] } }),
      `at ${place}.additionalHeaders`,
    ],
    [
      "a mark of redaction that is wrong",
      documentWith({ ...auth, credential: { username: "hidden", password: { redacted: false } } }),
      `at ${place}.credential`,
    ],
    ["unreadable ones that are a text", { ...documentWith(null), unreadable: "hidden" }, "at unreadable"],
    ["an unreadable one without id", { ...documentWith(null), unreadable: [{ name: "hidden" }] }, "at unreadable.0.id"],
    ["a list", [], "at the top"],
    ["a text", "hidden", "at the top"],
  ])("is refused by its place, never by a value: %s", (_, document, reason) => {
    const text = JSON.stringify(document);

    try {
      parseSnapshot(text, "file.json");
      expect.unreachable("it was taken");
    } catch (thrown) {
      expect(thrown).toMatchObject({ name: "Failure", code: "AnswerMalformed", stage: "fetch", retryable: false });
      expect((thrown as Error).message).toBe(`file.json is not a snapshot: ${reason}`);
      expect(told(thrown as never)).not.toContain("hidden");
    }
  });

  it.each(["", "{", "hidden", '{"kind": "hidden'])("is refused when it is no JSON: %j", (text) => {
    expect(() => parseSnapshot(text, "file.json")).toThrow(
      expect.objectContaining({ code: "AnswerMalformed", message: "file.json is not a snapshot: it is not JSON" }),
    );
  });
});
