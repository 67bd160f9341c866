import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, it, onTestFinished } from "vitest";
import { Secret } from "../../src/common/secret.js";
import type { Application } from "../../src/fetch/index.js";
import { loadRenderer, type Renderer } from "../../src/render/index.js";
import type { SealMode } from "../../src/seal/index.js";
import {
  aBundle,
  anAPI,
  anApplication,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  basic,
  cycle,
  later,
  minutes,
  oauth,
  rendererOptions,
  textOf,
  uuid,
} from "../builders.js";
import { openSops } from "./open-sops.js";

const identity = await generateIdentity();
const other = await identityToRecipient(await generateIdentity());
const recipient = await identityToRecipient(identity);
const sops: SealMode = { mode: "sops", recipients: [recipient] };

const path = `applications/mp-shop/secrets/mp-shop-${uuid(101)}.yaml`;
const shop = (password = "password of shop", changes: Partial<Application> = {}) =>
  anApplication({
    bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: basic("user of shop", password) }) })],
    ...changes,
  });

async function templates(text: string): Promise<Renderer> {
  const folder = await mkdtemp(join(tmpdir(), "templates-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "index.js"), text);
  return loadRenderer({ ...rendererOptions, templates: folder });
}

describe("sealing an estate", () => {
  it("writes the values that Director gave, sealed", async () => {
    const headers = Secret.of('{"X-Tenant":["tenant of shop"]}');
    const bundles = [
      aBundle({ defaultInstanceAuth: anAuth({ credential: oauth("client", "secret"), headers }) }),
      aBundle({ id: uuid(102), name: "Other", defaultInstanceAuth: anAuth({ credential: basic("user", "word") }) }),
    ];

    const { tree } = await cycle(new Map(), aSnapshot([anApplication({ bundles })]), { mode: sops });

    expect(await openSops(textOf(tree, path), identity)).toEqual({ clientId: "client", clientSecret: "secret" });
    expect(await openSops(textOf(tree, path.replace("101", "102")), identity)).toEqual({
      username: "user",
      password: "word",
    });
    expect(await openSops(textOf(tree, path.replace("/mp-shop-", "/params-mp-shop-")), identity)).toEqual({
      headers: '{"X-Tenant":["tenant of shop"]}',
    });
  });

  it("writes no value in readable form, in any file", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([shop()]), { mode: sops });

    const all = [...tree.values()].map((bytes) => bytes.toString("utf8")).join("\n");
    for (const value of ["user of shop", "password of shop"]) {
      expect(all).not.toContain(value);
      expect(all).not.toContain(Buffer.from(value).toString("base64"));
    }
  });

  it("keeps the bytes of what did not change, later and with another order of recipients", async () => {
    const first = await cycle(new Map(), aSnapshot([shop()]), {
      mode: { mode: "sops", recipients: [recipient, other] },
    });

    const again = await cycle(first.tree, aSnapshot([shop()]), {
      mode: { mode: "sops", recipients: [other, recipient] },
      now: later(minutes(60)),
    });

    expect(again.plan.writes.size).toBe(0);
    expect(again.sealing.applications.flatMap(({ files }) => files.map(({ content }) => content))).toEqual([
      null,
      null,
    ]);
  });

  it("keeps the bytes of a Secret beside one that changed, and beside an Application that did", async () => {
    const otherBundle = aBundle({
      id: uuid(102),
      name: "Other",
      defaultInstanceAuth: anAuth({ credential: basic("user", "word") }),
    });
    const both = (password: string, description: string | null) =>
      aSnapshot([shop(password, { description, bundles: [...shop(password).bundles, otherBundle] })]);
    const first = await cycle(new Map(), both("password of shop", null), { mode: sops });

    const second = await cycle(first.tree, both("another password", null), { mode: sops });
    const third = await cycle(first.tree, both("password of shop", "Other"), { mode: sops });

    expect([...second.plan.writes.keys()].sort()).toEqual([".runtime-agent/inventory.json", path, "revision.yaml"]);
    expect(await openSops(textOf(second.tree, path), identity)).toMatchObject({ password: "another password" });
    expect([...third.plan.writes.keys()]).not.toContain(path);
    expect([...third.plan.writes.keys()]).toContain("applications/mp-shop/application.yaml");
  });

  it.each<[string, Parameters<typeof cycle>[2]]>([
    ["a recipient more", { mode: { mode: "sops", recipients: [recipient, other] } }],
    ["another recipient", { mode: { mode: "sops", recipients: [other] } }],
    ["another mode", { mode: { mode: "plain" } }],
  ])("seals anew for %s", async (_, changes) => {
    const first = await cycle(new Map(), aSnapshot([shop()]), { mode: sops });

    const { plan } = await cycle(first.tree, aSnapshot([shop()]), { mode: sops, ...changes });

    expect([...plan.writes.keys()]).toContain(path);
    expect(plan.updated).toEqual(["mp-shop"]);
  });

  it("seals anew when somebody changed the file, removed it, or put back an older one", async () => {
    const first = await cycle(new Map(), aSnapshot([shop("old password")]), { mode: sops });
    const second = await cycle(first.tree, aSnapshot([shop()]), { mode: sops });
    const old = new Map([...second.tree, [path, first.tree.get(path) ?? Buffer.alloc(0)]]);
    const gone = new Map(second.tree);
    gone.delete(path);

    for (const tree of [old, gone]) {
      const mended = await cycle(tree, aSnapshot([shop()]), { mode: sops, settings: { reverted: "overwrite" } });

      expect(mended.plan.updated).toEqual(["mp-shop"]);
      expect(await openSops(textOf(mended.tree, path), identity)).toMatchObject({ password: "password of shop" });
    }
  });

  it("seals a Secret that a user's template calls its own when its value changes, and else keeps it", async () => {
    const renderer = await templates(`import { ApiObject } from "cdk8s";
      import { application, placeholder } from "runtime-agent/templates";
      export const template = (chart, input) => {
        application(chart, input);
        const metadata = { name: "mine", namespace: "kyma-system" };
        const data = { token: placeholder(input.application.secrets[0].bundle, "password") };
        new ApiObject(chart, "mine", { apiVersion: "v1", kind: "Secret", metadata, data });
      };`);
    const mine = "applications/mp-shop/secrets/mine.yaml";
    const first = await cycle(new Map(), aSnapshot([shop()]), { mode: sops, renderer });

    const same = await cycle(first.tree, aSnapshot([shop()]), { mode: sops, renderer });
    const rotated = await cycle(first.tree, aSnapshot([shop("another password")]), { mode: sops, renderer });

    expect(await openSops(textOf(first.tree, mine), identity)).toEqual({ token: "password of shop" });
    expect(same.plan.writes.size).toBe(0);
    expect(await openSops(textOf(rotated.tree, mine), identity)).toEqual({ token: "another password" });
  });

  it("seals anew a Secret whose label a template changed, though its values are the same", async () => {
    const labelled = (team: string) =>
      templates(`import { application, secrets } from "runtime-agent/templates";
        export const template = (chart, input) => {
          application(chart, input);
          for (const secret of secrets(chart, input)) secret.metadata.addLabel("team", "${team}");
        };`);
    const first = await cycle(new Map(), aSnapshot([shop()]), { mode: sops, renderer: await labelled("blue") });

    const second = await cycle(first.tree, aSnapshot([shop()]), { mode: sops, renderer: await labelled("red") });

    expect(textOf(first.tree, path)).toContain("    team: blue\n");
    expect(textOf(second.tree, path)).toContain("    team: red\n");
    expect(await openSops(textOf(second.tree, path), identity)).toMatchObject({ password: "password of shop" });
  });

  it("stops for an unusable recipient without repeating it", async () => {
    const mode: SealMode = { mode: "sops", recipients: ["canary"] };

    await expect(cycle(new Map(), aSnapshot([shop()]), { mode })).rejects.toMatchObject({
      code: "SealingImpossible",
      message: expect.not.stringContaining("canary"),
    });
  });

  it("plans over a redacted recording: a new Secret is told, what is committed counts as unchanged", async () => {
    const credential = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const redacted = shop("", { bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] });
    const committed = await cycle(new Map(), aSnapshot([shop()]), { mode: sops });

    const fresh = await cycle(new Map(), aSnapshot([redacted]), { mode: sops });
    const again = await cycle(committed.tree, aSnapshot([redacted]), { mode: sops });

    expect(fresh.plan.created).toEqual(["mp-shop"]);
    expect(again.plan.writes.size).toBe(0);
  });

  it("writes base64 in plain mode, and nothing but the Secrets is readable", async () => {
    const { tree } = await cycle(new Map(), aSnapshot([shop()]), { mode: { mode: "plain" } });

    const encoded = Buffer.from("password of shop").toString("base64");
    expect(textOf(tree, path)).toContain(`  password: ${encoded}\n`);
    const others = [...tree].filter(([each]) => each !== path).map(([, bytes]) => bytes.toString("utf8"));
    expect(others.join("\n")).not.toContain(encoded);
  });
});

describe("the gate over what is written", () => {
  const inJSON = (value: string) => JSON.stringify({ p: value });
  const PASSWORD = 'correct horse: "battery\'s" staple\\';
  const withDescription = (description: string, password = PASSWORD) => shop(password, { description });
  const gated = async (planted: Application, mode: SealMode = sops) => {
    const { plan } = await cycle(new Map(), aSnapshot([planted, anApplicationNamed("mp-other", 9)]), { mode });
    return { aside: plan.setAside.map(({ name, reason }) => [name, reason]), created: plan.created };
  };
  const alone = { aside: [["mp-shop", "ReadableSecret"]], created: ["mp-other"] };
  const none = { aside: [], created: ["mp-other", "mp-shop"] };

  it.each([
    ["as it is", PASSWORD],
    ["in a longer text of several lines", `Use this:\n\n  ${PASSWORD}\nto log in`],
    ["in base64", Buffer.from(PASSWORD).toString("base64")],
    ["as the header of Basic authentication", Buffer.from(`user of shop:${PASSWORD}`).toString("base64")],
    ["URL-encoded", `https://user:${encodeURIComponent(PASSWORD)}@shop.example.com`],
  ])("sets aside the one Application with a password in its description %s", async (_, description) => {
    expect(await gated(withDescription(description))).toEqual(alone);
    expect(await gated(withDescription(description), { mode: "plain" })).toEqual(alone);
  });

  it("finds a value of several lines", async () => {
    const key = "-----BEGIN KEY-----\n  indented\n\nlast line\n-----END KEY-----\n";

    expect(await gated(withDescription(`Key:\n${key}`, key))).toEqual(alone);
  });

  it.each<[string, Partial<Application>]>([
    [
      "target URL",
      { bundles: [aBundle({ apiDefinitions: [anAPI({ targetURL: "https://x/?key=a-long-password" })] })] },
    ],
    ["name of a bundle", { bundles: [aBundle({ name: "a-long-password" })] }],
    ["name of an API", { bundles: [aBundle({ apiDefinitions: [anAPI({ name: "a-long-password" })] })] }],
    ["input schema", { bundles: [aBundle({ instanceAuthRequestInputSchema: '{"const":"a-long-password"}' })] }],
    ["list of client ids", { auths: ["a-long-password"] }],
    ["name", { name: "mp-a-long-password" }],
  ])("looks into the %s", async (_, changes) => {
    const own = { ...shop("a-long-password"), ...changes };
    const bundles = own.bundles.map((bundle) => ({
      ...bundle,
      defaultInstanceAuth: anAuth({ credential: basic("user", "a-long-password") }),
    }));

    const { aside } = await gated({ ...own, bundles });

    expect(aside).toEqual([[own.name, "ReadableSecret"]]);
  });

  it.each<[string, Partial<Application>, string]>([
    ["name in other letters", { name: "mp-tr0ub4dor-horse-77" }, "Tr0ub4dor-Horse-77"],
    ["name with dashes for what no name may have", { name: "Tr0ub4dor & Horse?77" }, "Tr0ub4dor & Horse?77"],
    ["path of a bundle", { bundles: [aBundle({ name: "TR0ub4dor-HORSE-77" })] }, "Tr0ub4dor-Horse-77"],
  ])("looks into a %s", async (_, changes, password) => {
    const planted = { ...shop(password), ...changes };
    const bundles = planted.bundles.map((bundle) => ({
      ...bundle,
      defaultInstanceAuth: anAuth({ credential: basic("user", password) }),
    }));

    const snapshot = aSnapshot([{ ...planted, bundles }, anApplicationNamed("mp-other", 9)], {});
    const { plan } = await cycle(new Map(), snapshot, { mode: sops });

    expect(plan.setAside.map(({ reason }) => reason)).toEqual(["ReadableSecret"]);
    expect(plan.created).toEqual(["mp-other"]);
  });

  it("takes a name that a header repeats in other letters for what it is", async () => {
    const defaultInstanceAuth = anAuth({ headers: Secret.of('{"X-Caller":["MP-Shop-Of-Ours"]}') });
    const planted = shop(PASSWORD, { name: "mp-shop-of-ours", bundles: [aBundle({ defaultInstanceAuth })] });

    expect((await gated(planted)).aside).toEqual([]);
  });

  it.each([
    ["client secret", anAuth({ credential: oauth("client", "a-long-secret-value") })],
    ["header's value", anAuth({ headers: Secret.of('{"X":["short","a-long-secret-value"]}') })],
    ["query parameter's value", anAuth({ queryParameters: Secret.of('{"key":["a-long-secret-value"]}') })],
  ])("looks for a %s", async (_, defaultInstanceAuth) => {
    const bundles = [aBundle({ defaultInstanceAuth, description: "It is a-long-secret-value." })];

    expect(await gated(anApplication({ bundles }))).toEqual(alone);
  });

  it.each([
    ["a user name", anAuth({ credential: basic("a-long-user-name", "password of shop") }), "a-long-user-name"],
    ["a client id", anAuth({ credential: oauth("a-long-client-id", "secret of shop") }), "a-long-client-id"],
    ["a short password", anAuth({ credential: basic("user", "12345678901") }), "12345678901"],
    ["a header's name", anAuth({ headers: Secret.of('{"X-Long-Header-Name":["x"]}') }), "X-Long-Header-Name"],
  ])("never minds %s", async (_, defaultInstanceAuth, description) => {
    expect(await gated(anApplication({ bundles: [aBundle({ defaultInstanceAuth, description })] }))).toEqual(none);
  });

  it("finds the value of another Application, and stops the one that would show it", async () => {
    const planted = shop(PASSWORD, { description: "password of mp-other" });

    expect(await gated(planted)).toEqual(alone);
  });

  it.each([
    ["the text of a label", "compass-runtime-agent"],
    ["the description of those that have none", "Description not provided"],
  ])("is not deceived by a password that is %s, which everybody's files hold", async (_, word) => {
    expect(await gated(shop(word, { description: null }))).toEqual(none);
  });

  it("lets a word of every day be another Application's header value", async () => {
    const bundles = [
      aBundle({ defaultInstanceAuth: anAuth({ headers: Secret.of('{"Accept":["application/json"]}') }) }),
    ];
    const other = anApplication({ id: uuid(2), name: "mp-other", bundles });
    const shows = anApplication({ description: "Speaks application/json." });

    const { plan } = await cycle(new Map(), aSnapshot([shows, other]), { mode: sops });

    expect(plan.created).toEqual(["mp-other", "mp-shop"]);
    expect(plan.setAside).toEqual([]);
  });

  it.each([
    ["a key", "sk-live-0123456789abcdef", "sk-live-0123456789abcdef"],
    ["a key with a scheme", "Bearer sk-live-0123456789abcdef", "sk-live-0123456789abcdef"],
    ["a key of base64 with a scheme", "Basic dTpwYXNz/29yZC0xMjM0", "dTpwYXNz/29yZC0xMjM0"],
  ])("keeps a header's value that is %s from everybody's files", async (_, header, shown) => {
    const headers = Secret.of(JSON.stringify({ "X-Api-Key": [header] }));
    const bundles = [aBundle({ defaultInstanceAuth: anAuth({ headers }) })];
    const other = anApplication({ id: uuid(2), name: "mp-other", bundles });
    const shows = anApplication({ description: `Use ${shown} for it.` });

    const { plan } = await cycle(new Map(), aSnapshot([shows, other]), { mode: sops });

    expect(plan.created).toEqual(["mp-other"]);
    expect(plan.setAside.map(({ name, reason }) => [name, reason])).toEqual([["mp-shop", "ReadableSecret"]]);
  });

  it.each([
    ["a media type with a number", "application/vnd.shop.v2+json"],
    ["a word without a number", "please-compress-it"],
    ["a sentence", "the 2 of us together"],
    ["short", "key-0123456"],
  ])("lets a header's value that is %s stand in another Application's text", async (_, header) => {
    const headers = Secret.of(JSON.stringify({ Accept: [header] }));
    const other = anApplication({
      id: uuid(2),
      name: "mp-other",
      bundles: [aBundle({ defaultInstanceAuth: anAuth({ headers }) })],
    });
    const shows = anApplication({ description: `It says ${header} there.` });

    const { plan } = await cycle(new Map(), aSnapshot([shows, other]), { mode: sops });

    expect(plan.setAside).toEqual([]);
  });

  it.each([
    ["a key of several lines", "-----BEGIN KEY-----\n  indented\n\nlast line\n-----END KEY-----\n"],
    ["the account of a service", '{"type": "service_account",\n "private_key": "-----BEGIN\\nKEY"}'],
    ["quotes and colons", "tr0ub4dor: \"x\\y\" & 'horse'"],
    ["quotes in JSON in JSON", "'tr0ub4dor' & \"horse\"", (value: string) => inJSON(inJSON(inJSON(value)))],
  ])(
    "finds %s that a template puts into the annotation of a Secret",
    async (_, value, written = (text: string) => text) => {
      const renderer = await templates(`import { application, secrets } from "runtime-agent/templates";
      export const template = (chart, input) => {
        application(chart, input);
        const note = "about: " + ${JSON.stringify(written(value))} + " end";
        for (const secret of secrets(chart, input)) secret.metadata.addAnnotation("note", note);
      };`);
      const modes: SealMode[] = [sops, { mode: "cluster" }];

      const plans = await Promise.all(
        modes.map(async (mode) => (await cycle(new Map(), aSnapshot([shop(value)]), { mode, renderer })).plan),
      );

      for (const plan of plans) {
        expect(plan.setAside.map(({ reason, message }) => [reason, message])).toEqual([
          ["ReadableSecret", expect.stringContaining("/secrets/")],
        ]);
      }
    },
  );

  it("sets an Application aside whose Secret is larger than Kubernetes stores", async () => {
    const large = { ...shop("x".repeat(1024 * 1024)), description: null };
    const fits = { ...shop("x".repeat(1024 * 1024 - 100)), description: null };

    const plans = await Promise.all(
      [large, fits].map(async (each) => (await cycle(new Map(), aSnapshot([each]), { mode: sops })).plan),
    );

    expect(plans.map(({ setAside }) => setAside.map(({ reason }) => reason))).toEqual([["TooLarge"], []]);
  });

  it("says where and repeats nothing", async () => {
    const { plan } = await cycle(new Map(), aSnapshot([withDescription(PASSWORD)]), { mode: sops });

    expect(plan.setAside).toEqual([
      {
        name: "mp-shop",
        id: uuid(1),
        reason: "ReadableSecret",
        message:
          "applications/mp-shop/application.yaml would hold one of its secret values in readable form; mend the text in Compass or the template",
      },
    ]);
    expect([...plan.writes.values()].some((bytes) => bytes.includes("correct horse"))).toBe(false);
  });

  it("names the Application whose value it is", async () => {
    const other = { ...anApplicationNamed("mp-other", 2), description: PASSWORD };

    const { plan } = await cycle(new Map(), aSnapshot([shop(PASSWORD), other]), { mode: sops });

    expect(plan.setAside.filter(({ name }) => name === "mp-other")).toMatchObject([
      {
        reason: "ReadableSecret",
        message: expect.stringMatching(
          /would hold a secret value of mp-shop in readable form; .* credentials of mp-shop$/,
        ),
      },
    ]);
  });

  it("leaves the committed files of the Application as they are", async () => {
    const first = await cycle(new Map(), aSnapshot([shop(PASSWORD)]), { mode: sops });

    const { plan } = await cycle(first.tree, aSnapshot([withDescription(PASSWORD)]), { mode: sops });

    expect(plan.setAside).toHaveLength(1);
    expect(plan.writes.size).toBe(0);
  });

  it("finds what a template takes from elsewhere into a ConfigMap", async () => {
    const renderer = await templates(`import { ApiObject } from "cdk8s";
      import { application } from "runtime-agent/templates";
      export const template = (chart, input) => {
        application(chart, input);
        const data = { note: "a " + ["password", "of", "shop"].join(" ") };
        new ApiObject(chart, "more", { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "more" }, data });
      };`);

    const { plan } = await cycle(new Map(), aSnapshot([shop()]), { mode: sops, renderer });

    expect(plan.setAside).toMatchObject([
      { reason: "ReadableSecret", message: expect.stringContaining("configmaps/more") },
    ]);
  });
});
