import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadRenderer, type Renderer, type RendererOptions } from "../../src/render/index.js";
import { aBundle, aModel, anApplication, anAuth, basic, rendererOptions, uuid } from "../builders.js";

/** A folder far from any node_modules, as a user's. */
async function aFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "templates-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const load = (templates: string, changes: Partial<RendererOptions> = {}) =>
  loadRenderer({ ...rendererOptions, templates, ...changes });

const SHIPPED = `import { ApiObject, JsonPatch } from "cdk8s";
import { application, secrets, placeholder } from "runtime-agent/templates";
`;

/** A folder whose template does this. */
const withTemplate = async (body: string, changes: Partial<RendererOptions> = {}) =>
  load(await aFolder({ "index.js": `${SHIPPED}export const template = (chart, input) => {\n${body}\n};\n` }), changes);

const model = aModel(anApplication({ bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential: basic() }) })] }));
const credentials = `mp-shop-${uuid(101)}`;

const pathsOf = (renderer: Renderer) => renderer.render(model).manifests?.map(({ path }) => path);

describe("a folder of templates", () => {
  it("may be JavaScript, and shares cdk8s and the shipped charts without node_modules of its own", async () => {
    const renderer = await withTemplate(`
      secrets(chart, input);
      const object = application(chart, input);
      object.metadata.addLabel("team", "blue");
      new ApiObject(chart, "more", {
        apiVersion: "v1", kind: "ConfigMap",
        metadata: { name: "more-" + input.application.name, namespace: input.settings.namespace },
        data: { gateway: input.settings.gatewayURL },
      });`);

    const { manifests, setAside } = renderer.render(model);

    expect(setAside).toBeNull();
    expect(manifests?.map(({ path }) => path).sort()).toEqual([
      "applications/mp-shop/application.yaml",
      "applications/mp-shop/configmaps/more-mp-shop.yaml",
      `applications/mp-shop/secrets/${credentials}.yaml`,
    ]);
    expect(manifests?.find(({ object }) => object.kind === "Application")?.text).toContain("    team: blue\n");
  });

  it("may be TypeScript, in several files", async () => {
    const renderer = await load(
      await aFolder({
        "index.ts": `import { type Template } from "runtime-agent/templates";
          import { both } from "./parts/both.ts";
          export const template: Template = (chart, input): void => both(chart, input);`,
        "parts/both.ts": `import type { Chart } from "cdk8s";
          import { application, secrets, type TemplateInput } from "runtime-agent/templates";
          export function both(chart: Chart, input: TemplateInput): void { secrets(chart, input); application(chart, input); }`,
      }),
    );

    expect(pathsOf(renderer)).toContain("applications/mp-shop/application.yaml");
  });

  it("is found by a way with a link in it, or with a slash at its end", async () => {
    const folder = await aFolder({
      "index.js": `${SHIPPED}export const template = (chart, input) => { application(chart, input); };`,
    });
    const elsewhere = await aFolder({});
    await symlink(folder, join(elsewhere, "link"));

    const linked = await load(join(elsewhere, "link"));
    const slashed = await load(`${folder}/`);

    expect(pathsOf(linked)).toEqual(["applications/mp-shop/application.yaml"]);
    expect(pathsOf(slashed)).toEqual(["applications/mp-shop/application.yaml"]);
  });

  it("is loaded by Node itself, without the test's own loader, by a way with a link in it", async () => {
    const folder = await aFolder({
      "real/index.ts": `${SHIPPED}import type { Template } from "runtime-agent/templates";
        export const template: Template = (chart, input): void => { secrets(chart, input); application(chart, input); };`,
    });
    await symlink("real", join(folder, "link"));

    const paths = await inNode(join(folder, "link"));

    expect(paths.sort()).toEqual([
      "applications/mp-shop/application.yaml",
      `applications/mp-shop/secrets/${credentials}.yaml`,
    ]);
  });

  it.each<[string, Record<string, string>]>([
    ["is empty", {}],
    ["has no template", { "index.js": "export const other = 1;" }],
    ["has a template that is no function", { "index.js": "export const template = 1;" }],
    ["throws while it is loaded", { "index.js": 'throw new Error("canary");' }],
    ["has a fault of syntax", { "index.js": "export const template = canary(;" }],
    ["imports what is not there", { "index.js": 'import "./canary.js"; export const template = () => {};' }],
  ])("that %s is broken, and its text is not repeated", async (_, files) => {
    const folder = await aFolder(files);

    const loading = load(folder);

    await expect(loading).rejects.toMatchObject({
      name: "Failure",
      code: "TemplateBroken",
      stage: "render",
      retryable: false,
      message: expect.not.stringContaining("canary"),
    });
    await expect(loading).rejects.toMatchObject({ message: expect.stringContaining(folder) });
  });

  it("that does not exist is broken", async () => {
    await expect(load("/nowhere/templates")).rejects.toMatchObject({ code: "TemplateBroken" });
  });
});

describe("the input digest of a folder of templates", () => {
  const index = `${SHIPPED}export const template = (chart, input) => { application(chart, input); };`;
  const digestOf = async (files: Record<string, string>) => (await load(await aFolder(files))).input(model);

  it("changes with any of its source files, and not with where it lies", async () => {
    const digests = [
      await digestOf({ "index.js": index }),
      await digestOf({ "index.js": `${index}\n` }),
      await digestOf({ "index.js": index, "parts/more.ts": "" }),
      await digestOf({ "index.js": index, "parts/more.ts": "1" }),
      await digestOf({ "index.js": index, "parts/other.ts": "1" }),
      await digestOf({ "index.js": index, "data.json": "{}" }),
    ];

    expect(new Set(digests).size).toBe(digests.length);
    expect(await digestOf({ "index.js": index })).toBe(digests[0]);
  });

  it("does not change with what is not its source", async () => {
    const plain = await digestOf({ "index.js": index });

    expect(await digestOf({ "index.js": index, "README.md": "Hello", "node_modules/x/index.js": "1" })).toBe(plain);
  });

  it("is that of a mounted ConfigMap, too, whose files are links into a folder with a date", async () => {
    const folder = await aFolder({ "..2026_11_22/index.js": index });
    await symlink("..2026_11_22", join(folder, "..data"));
    await symlink(join("..data", "index.js"), join(folder, "index.js"));

    const renderer = await load(folder);

    expect(renderer.input(model)).toBe(await digestOf({ "index.js": index }));
    expect(pathsOf(renderer)).toEqual(["applications/mp-shop/application.yaml"]);
  });

  it("counts a folder that lies within a node_modules", async () => {
    const [one, other] = [
      await aFolder({ "node_modules/ours/index.js": index }),
      await aFolder({ "node_modules/ours/index.js": `${index}\n` }),
    ];

    const digests = await Promise.all(
      [one, other].map(async (folder) => (await load(join(folder, "node_modules", "ours"))).input(model)),
    );

    expect(digests[0]).not.toBe(digests[1]);
  });
});

/** Renders in a process of its own, where Node alone resolves modules; the sources are run as they stand. */
async function inNode(templates: string): Promise<string[]> {
  const source = pathToFileURL(join(import.meta.dirname, "..", "..", "src", "render", "index.ts")).href;
  const script = `
    import { registerHooks } from "node:module";
    registerHooks({
      resolve: (specifier, context, next) => {
        const ours = context.parentURL?.endsWith(".ts") && specifier.startsWith(".") && specifier.endsWith(".js");
        return next(ours ? specifier.replace(/js$/, "ts") : specifier, context);
      },
    });
    const { loadRenderer } = await import(${JSON.stringify(source)});
    const renderer = await loadRenderer(${JSON.stringify({ ...rendererOptions, templates })});
    const { manifests } = renderer.render(${JSON.stringify(model)});
    console.log(JSON.stringify(manifests.map(({ path }) => path)));`;
  const args = ["--experimental-transform-types", "--no-warnings", "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { PATH: process.env.PATH },
    cwd: import.meta.dirname,
  });
  return JSON.parse(stdout) as string[];
}

const object = (fields: string) => `new ApiObject(chart, "more", { ${fields} });`;
const secret = (fields: string) =>
  object(`apiVersion: "v1", kind: "Secret", metadata: { name: "more", namespace: "kyma-system" }, ${fields}`);
const configMap = (name: string, more = "") =>
  object(`apiVersion: "v1", kind: "ConfigMap", metadata: { name: ${JSON.stringify(name)} }, ${more}`);
const place = `placeholder("${uuid(101)}", "password")`;

describe("what a user's template gives", () => {
  it("may be a Secret of its own for the values of the Application", async () => {
    const renderer = await withTemplate(`application(chart, input); ${secret(`data: { token: ${place} }`)}`);

    expect(pathsOf(renderer)).toContain("applications/mp-shop/secrets/more.yaml");
  });

  it.each([
    ["throws", 'throw new Error("canary");', "its template threw an error"],
    ["throws no error", 'throw "canary";', "its template threw an error"],
    ["gives no Application", "secrets(chart, input);", "exactly one Application named mp-shop"],
    [
      "gives an Application of another name",
      "application(chart, { ...input, application: { ...input.application, name: 'canary' } });",
      "exactly one Application named mp-shop",
    ],
    [
      "gives two Applications",
      object(
        'apiVersion: "applicationconnector.kyma-project.io/v1alpha1", kind: "Application", metadata: { name: "canary" }',
      ),
      "exactly one Application",
    ],
    [
      "gives a kind that is not allowed",
      object('apiVersion: "v1", kind: "Pod", metadata: { name: "canary" }'),
      "allowedKinds",
    ],
    ["gives a Secret with a literal value", secret('data: { password: "Y2FuYXJ5Y2FuYXJ5" }'), "else than placeholders"],
    ["gives a Secret with stringData", secret('stringData: { password: "canary" }'), "else than placeholders"],
    ["gives a Secret with a number as data", secret("data: { password: 1 }"), "else than placeholders"],
    [
      "gives a Secret with another bundle's value",
      secret(`data: { a: placeholder("${uuid(9)}", "password") }`),
      "else than placeholders",
    ],
    [
      "gives a Secret with a key that is not there",
      secret(`data: { a: placeholder("${uuid(101)}", "headers") }`),
      "else than placeholders",
    ],
    ["gives a Secret without data", secret('type: "Opaque"'), "else than placeholders"],
    [
      "gives a Secret with a label that sops would take for data",
      object(
        `apiVersion: "v1", kind: "Secret", metadata: { name: "more", labels: { data: "canary" } }, data: { a: ${place} }`,
      ),
      "where sops would take it",
    ],
    ["gives a Secret with a key of sops", secret(`data: { a: ${place} }, sops: {}`), "where sops would take it"],
    [
      "gives two objects of one name",
      `${configMap("more")} ${configMap("more").replace('"more"', '"again"')}`,
      "two objects",
    ],
    ["gives a name that leads elsewhere", configMap("../../canary"), "without a valid kind or name"],
    ["gives a name in capitals", configMap("Canary"), "without a valid kind or name"],
    ["gives a name that is too long", configMap("x".repeat(254)), "without a valid kind or name"],
    [
      "takes the name out of an object",
      `${configMap("more")} chart.node.findChild("more").addJsonPatch(JsonPatch.remove("/metadata"));`,
      "without a valid kind or name",
    ],
    ["gives the agent's own ConfigMap", configMap("runtime-agent-revision"), "the agent's own"],
    ["gives half a surrogate pair", configMap("more", 'data: { canary: "\\ud83d" }'), "what YAML cannot hold"],
    ["gives no number", configMap("more", "data: { canary: NaN }"), "what YAML cannot hold"],
  ])("that %s sets the Application aside, without the template's text", async (_, body, message) => {
    const own = /gives no Application|another name/.test(_) ? "" : "application(chart, input);";
    const renderer = await withTemplate(`${own}\n${body}`);

    const { manifests, setAside } = renderer.render(model);

    expect(manifests).toBeNull();
    expect(setAside).toMatchObject({ name: "mp-shop", id: uuid(1), reason: "InvalidByTemplate" });
    expect(setAside?.message).toContain(message);
    expect(setAside?.message).not.toMatch(/canary/i);
  });

  it.each([
    ["does its work later", "async (chart, input) => { await null; application(chart, input); }"],
    ["rejects later", 'async () => { await null; throw new Error("canary"); }'],
    ["rejects at once", 'async () => { throw new Error("canary"); }'],
    ["gives a promise beside its work", "async (chart, input) => { application(chart, input); }"],
  ])("that is asynchronous and %s sets the Application aside, and nothing breaks afterwards", async (_, template) => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => rejections.push(reason);
    process.on("unhandledRejection", onRejection);
    onTestFinished(() => void process.off("unhandledRejection", onRejection));
    const renderer = await load(await aFolder({ "index.js": `${SHIPPED}export const template = ${template};` }));

    const { setAside } = renderer.render(model);
    await new Promise((resolve) => setTimeout(resolve, 20));

    expect(setAside).toMatchObject({ reason: "InvalidByTemplate", message: "its template threw an error" });
    expect(rejections).toEqual([]);
  });

  const raw = (fields: string) =>
    object(
      `apiVersion: "applicationconnector.kyma-project.io/v1alpha1", kind: "Application", metadata: { name: "mp-shop" }, ${fields}`,
    );

  it.each([
    ["an unknown field", 'spec: { canary: "x" }', "/spec/canary additionalProperties"],
    ["an unknown field at the top", 'canary: "x"', "/canary additionalProperties"],
    [
      "an unknown field deep down",
      "spec: { compassMetadata: { canary: 1, authentication: { clientIds: [] } } }",
      "/spec/compassMetadata/canary",
    ],
    ["null for a list", "spec: { services: [{ entries: null }] }", "/spec/services/0"],
    [
      "no client ids",
      "spec: { compassMetadata: { authentication: {} } }",
      "/spec/compassMetadata/authentication required",
    ],
  ])("made without the CRD's class, with %s, is what the API server would refuse", async (_, fields, at) => {
    const renderer = await withTemplate(raw(fields));

    const { setAside } = renderer.render(model);

    expect(setAside).toMatchObject({ reason: "InvalidBySchema" });
    expect(setAside?.message).toContain(at);
  });

  it.each([
    ["a wrong type", 'JsonPatch.add("/spec/skipVerify", "canary")', "/spec/skipVerify type"],
    ["a wrong value", 'JsonPatch.add("/spec/services/0/entries/0/type", "Canary")', "/type enum"],
    ["a missing field", 'JsonPatch.remove("/spec/services/0/displayName")', "/spec/services/0 required"],
    ["an empty access label", 'JsonPatch.add("/spec/accessLabel", "")', "/spec/accessLabel pattern"],
  ])("with %s is what the API server would refuse", async (_, patch, at) => {
    const renderer = await withTemplate(`secrets(chart, input); application(chart, input).addJsonPatch(${patch});`);

    const { setAside } = renderer.render(model);

    expect(setAside).toMatchObject({ reason: "InvalidBySchema" });
    expect(setAside?.message).toContain(at);
  });

  it("may have what the CRD has and the shipped template has not", async () => {
    const patches = ["tags", "group", "tenant"].map(
      (field) => `JsonPatch.add("/spec/${field}", ${field === "tags" ? '["a"]' : '"a"'})`,
    );

    const renderer = await withTemplate(`application(chart, input).addJsonPatch(${patches.join(", ")});`);

    expect(renderer.render(model).setAside).toBeNull();
  });

  it("over 1 MiB is too large, and just below is not", async () => {
    const sized = (bytes: number) =>
      withTemplate(`application(chart, input); ${configMap("more", `data: { text: "x".repeat(${bytes}) }`)}`);

    const [large, small] = [await sized(1024 * 1024), await sized(1024 * 1024 - 1000)];

    expect(large.render(model).setAside).toMatchObject({
      reason: "TooLarge",
      message: "applications/mp-shop/configmaps/more.yaml would be larger than the 1 MiB that Kubernetes stores",
    });
    expect(small.render(model).setAside).toBeNull();
  });

  it("may be of any kind that the settings list", async () => {
    const body = `application(chart, input); ${object('apiVersion: "gateway.kyma-project.io/v2", kind: "APIRule", metadata: { name: "more" }')}`;
    const allowedKinds = ["Application", "APIRule"];

    const renderer = await withTemplate(body, { allowedKinds });

    expect(pathsOf(renderer)).toContain("applications/mp-shop/apirules/more.yaml");
    expect((await withTemplate(body)).render(model).setAside).toMatchObject({ reason: "InvalidByTemplate" });
  });

  it("of one Application leaves the next one as it is", async () => {
    const renderer = await withTemplate(
      'if (input.application.name === "mp-bad") throw new Error(); application(chart, input);',
    );

    const bad = renderer.render(aModel(anApplication({ name: "mp-bad" })));
    const good = renderer.render(aModel(anApplication({ name: "mp-good" })));

    expect(bad.setAside).toMatchObject({ name: "mp-bad" });
    expect(good.setAside).toBeNull();
  });
});
