import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/common/secret.js";
import type { Application, Bundle, Snapshot } from "../../src/fetch/index.js";
import {
  ATTRIBUTES_TEXT,
  kustomizationText,
  loadRenderer,
  type Renderer,
  revisionText,
} from "../../src/render/index.js";
import {
  aBundle,
  aModel,
  anAPI,
  anApplication,
  anApplicationNamed,
  anAuth,
  anEvent,
  aSnapshot,
  basic,
  cycle,
  minutes,
  oauth,
  rendererOptions,
  rules,
  shippedRenderer,
  textOf,
  uuid,
} from "../builders.js";

const application = "applications/mp-shop/application.yaml";

/** The shipped renderer, and the names that it was asked to render. */
async function counting(given?: Renderer): Promise<{ renderer: Renderer; rendered: string[] }> {
  const inner = given ?? (await shippedRenderer());
  const rendered: string[] = [];
  const renderer: Renderer = {
    ...inner,
    render: (model) => {
      rendered.push(model.name);
      return inner.render(model);
    },
  };
  return { renderer, rendered };
}

const full: Application = anApplication({
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what Flux would substitute
  description: "A shop ${CLUSTER} $$ for everyone: #1\nand more",
  auths: ["b", "a"],
  bundles: [
    aBundle({
      defaultInstanceAuth: anAuth({
        credential: oauth(),
        headers: Secret.of('{"X":["tenant of shop"]}'),
        csrfTokenEndpointURL: "https://shop.example.com/csrf",
      }),
      apiDefinitions: [anAPI(), anAPI({ id: uuid(1002), name: "Returns" })],
      eventDefinitions: [anEvent()],
    }),
    aBundle({ id: uuid(102), name: "Yes", description: "on", defaultInstanceAuth: anAuth({ credential: basic() }) }),
  ],
});

describe("a rendered Application", () => {
  it("opts each of its objects out of substitution", async () => {
    const { manifests } = (await shippedRenderer()).render(aModel(full));

    expect(manifests?.map(({ object }) => object.kind).sort()).toEqual(["Application", "Secret", "Secret", "Secret"]);
    for (const { object, text } of manifests ?? []) {
      expect(object.metadata.annotations).toMatchObject({ "kustomize.toolkit.fluxcd.io/substitute": "disabled" });
      expect(text).toContain("    kustomize.toolkit.fluxcd.io/substitute: disabled\n");
    }
  });

  it("carries the SHA-256 of its own file without that line", async () => {
    const { manifests } = (await shippedRenderer()).render(aModel(full));

    const manifest = manifests?.find(({ object }) => object.kind === "Application");
    const lines = manifest?.text.split("\n") ?? [];
    const at = lines.findIndex((line) => line.startsWith("    runtime-agent.kyma-project.io/digest: "));
    const digest = createHash("sha256").update(lines.toSpliced(at, 1).join("\n")).digest("hex");
    expect(lines[at]).toBe(`    runtime-agent.kyma-project.io/digest: sha256:${digest}`);
    expect(manifest?.object.metadata.annotations).toMatchObject({
      "runtime-agent.kyma-project.io/digest": `sha256:${digest}`,
    });
  });

  it("carries that digest also where a text looks like its line", async () => {
    const line = `    runtime-agent.kyma-project.io/digest: sha256:${"0".repeat(64)}\n`;
    const { manifests } = (await shippedRenderer()).render(aModel(anApplication({ description: `a\n${line}b` })));

    const text = manifests?.[0]?.text ?? "";
    const digest = /^ {4}runtime-agent\.kyma-project\.io\/digest: sha256:([0-9a-f]{64})\n/m.exec(text);
    expect(digest?.index).toBeLessThan(text.indexOf("spec:"));
    expect(digest?.[1]).toBe(
      createHash("sha256")
        .update(text.replace(digest?.[0] ?? "", ""))
        .digest("hex"),
    );
  });

  it("holds placeholders alone in place of secret values", async () => {
    const { manifests } = (await shippedRenderer()).render(aModel(full));

    const texts = manifests?.map(({ text }) => text).join("") ?? "";
    expect(texts).toContain(`password: runtime-agent:secret/${uuid(102)}/password`);
    for (const value of [
      "client of oauth",
      "secret of oauth",
      "user of basic",
      "password of basic",
      "tenant of shop",
    ]) {
      expect(texts).not.toContain(value);
      expect(texts).not.toContain(Buffer.from(value).toString("base64"));
    }
  });

  it("is the same to the byte whatever the order in which its properties were set", async () => {
    const renderer = await shippedRenderer();
    const model = aModel(full);
    const shuffled = (value: unknown, seed: number): unknown => {
      if (Array.isArray(value)) return value.map((item) => shuffled(item, seed));
      if (typeof value !== "object" || value === null) return value;
      const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item, seed)] as const);
      const rank = (key: string) => createHash("md5").update(`${seed}${key}`).digest("hex");
      return Object.fromEntries(entries.sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1)));
    };
    const textsOf = (each: typeof model) =>
      new Map(renderer.render(each).manifests?.map(({ path, text }) => [path, text]));

    fc.assert(
      fc.property(fc.integer(), (seed) => {
        expect(textsOf(shuffled(model, seed) as typeof model)).toEqual(textsOf(model));
      }),
      { numRuns: 20 },
    );
  });

  it("is the same to the byte from another renderer, and in the whole tree from another order", async () => {
    const applications = ["mp-c", "mp-a", "mp-b"].map((name, index) => anApplicationNamed(name, index + 1));
    const again = await loadRenderer(rendererOptions);

    const one = await cycle(new Map(), aSnapshot(applications));
    const other = await cycle(new Map(), aSnapshot(applications.toReversed()), { renderer: again });

    expect(other.tree).toEqual(one.tree);
    expect(one.tree.size).toBe(3 * 2 + 4);
  });
});

describe("the files of no Application", () => {
  it("have a kustomization that is sorted, without doubles and never empty", () => {
    expect(kustomizationText([])).toBe(
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - revision.yaml\n",
    );
    expect(
      kustomizationText(["applications/b/application.yaml", "applications/a/application.yaml", "revision.yaml"]),
    ).toBe(
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n" +
        "  - applications/a/application.yaml\n  - applications/b/application.yaml\n  - revision.yaml\n",
    );
  });

  it("have a revision with the digest, applied last, and opted out of substitution", () => {
    expect(revisionText("sha256:0", "kyma-system")).toBe(`apiVersion: v1
kind: ConfigMap
metadata:
  annotations:
    argocd.argoproj.io/sync-wave: "1000"
    kustomize.toolkit.fluxcd.io/substitute: disabled
  name: runtime-agent-revision
  namespace: kyma-system
data:
  digest: sha256:0
`);
  });

  it("mark the inventory as generated", () => {
    expect(ATTRIBUTES_TEXT).toMatch(/^inventory\.json .*linguist-generated.*\n$/);
  });
});

describe("rendering what changed", () => {
  const snapshot = aSnapshot([full, anApplicationNamed("mp-other", 2)]);
  const withShop = (changes: Partial<Application>) =>
    aSnapshot([{ ...full, ...changes }, anApplicationNamed("mp-other", 2)]);
  const withBundle = (changes: Partial<Bundle>): Snapshot =>
    withShop({ bundles: full.bundles.map((bundle, index) => (index === 0 ? { ...bundle, ...changes } : bundle)) });

  it("calls no template for what is as it was, and keeps its rows", async () => {
    const first = await cycle(new Map(), snapshot);
    const { renderer, rendered } = await counting();

    const second = await cycle(first.tree, snapshot, { renderer });

    expect(rendered).toEqual([]);
    expect(second.rendering.applications.map(({ kept }) => kept?.map(({ path }) => path))).toMatchObject([
      ["applications/mp-other/application.yaml", expect.stringContaining("/secrets/")],
      [application, expect.anything(), expect.anything(), expect.anything()],
    ]);
  });

  it.each<[string, Snapshot]>([
    ["description", withShop({ description: "Other" })],
    ["list of bundles", withShop({ bundles: [] })],
    ["target of an API", withBundle({ apiDefinitions: [anAPI({ targetURL: "https://other.example.com" })] })],
    [
      "password",
      withBundle({ defaultInstanceAuth: anAuth({ credential: oauth("client of oauth", "another secret") }) }),
    ],
    [
      "password alone, and nothing that can be seen",
      withShop({
        bundles: full.bundles.map((bundle) =>
          bundle.id === uuid(102)
            ? { ...bundle, defaultInstanceAuth: anAuth({ credential: basic("user of basic", "new") }) }
            : bundle,
        ),
      }),
    ],
  ])("calls the template of an Application with another %s, and no other", async (_, changed) => {
    const first = await cycle(new Map(), snapshot);
    const { renderer, rendered } = await counting();

    await cycle(first.tree, changed, { renderer });

    expect(rendered).toEqual(["mp-shop"]);
  });

  it.each(["applications/mp-shop/application.yaml", `applications/mp-shop/secrets/mp-shop-${uuid(102)}.yaml`])(
    "calls it when somebody changed or removed %s in Git",
    async (path) => {
      const first = await cycle(new Map(), snapshot);
      const changed = await counting();
      const removed = await counting();
      const without = new Map(first.tree);
      without.delete(path);

      await cycle(new Map([...first.tree, [path, Buffer.from("a person's\n")]]), snapshot, {
        renderer: changed.renderer,
      });
      const again = await cycle(without, snapshot, { renderer: removed.renderer });

      expect(changed.rendered).toEqual(["mp-shop"]);
      expect(removed.rendered).toEqual(["mp-shop"]);
      expect(again.tree).toEqual(first.tree);
    },
  );

  it.each([
    ["the namespace", { settings: { ...rendererOptions.settings, namespace: "other" } }],
    ["the gateway", { settings: { ...rendererOptions.settings, gatewayURL: "http://other" } }],
    ["skipVerify", { settings: { ...rendererOptions.settings, skipVerify: true } }],
    ["the allowed kinds", { allowedKinds: ["Application", "Secret"] }],
    ["the version", { version: "1.0.1" }],
  ])("calls it for all when %s changes", async (_, changes) => {
    const first = await cycle(new Map(), snapshot);
    const { renderer, rendered } = await counting(await loadRenderer({ ...rendererOptions, ...changes }));

    await cycle(first.tree, snapshot, { renderer });

    expect(rendered).toEqual(["mp-other", "mp-shop"]);
  });

  it("calls it for those with Secrets when the seal key or the mode changes", async () => {
    const plainApplication = anApplication({ id: uuid(3), name: "mp-plain" });
    const all = aSnapshot([...snapshot.applications, plainApplication]);
    const first = await cycle(new Map(), all);
    const { renderer, rendered } = await counting();

    await cycle(first.tree, all, { renderer, mode: { mode: "sops", recipients: [RECIPIENT] } });

    expect(rendered).toEqual(["mp-other", "mp-shop"]);
  });

  it("counts a value that a recording left out as unchanged", async () => {
    const first = await cycle(new Map(), snapshot);
    const { renderer, rendered } = await counting();
    const credential = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const bundles = full.bundles.map((bundle) =>
      bundle.id === uuid(102) ? { ...bundle, defaultInstanceAuth: anAuth({ credential }) } : bundle,
    );

    const { plan } = await cycle(first.tree, withShop({ bundles }), { renderer });

    expect(rendered).toEqual([]);
    expect(plan.writes.size).toBe(0);
  });

  it("keeps the rows of its own folder alone, not of one that it had before", async () => {
    const upsert = { ...rules, mode: "upsert-only" } as const;
    const first = await cycle(new Map(), aSnapshot([anApplicationNamed("mp-old", 1)]));
    const second = await cycle(first.tree, aSnapshot([anApplicationNamed("mp-new", 1, "password of mp-old")]), {
      rules: upsert,
      now: new Date(minutes(60)),
    });

    const third = await cycle(second.tree, aSnapshot([anApplicationNamed("mp-new", 1, "password of mp-old")]), {
      rules: upsert,
    });

    const paths = third.rendering.applications.flatMap(({ kept }) => kept?.map(({ path }) => path) ?? []);
    expect(paths.length).toBe(2);
    expect(paths.every((path) => path.startsWith("applications/mp-new/"))).toBe(true);
  });

  it("sets aside what cannot be rendered, and goes on with the others", async () => {
    const inner = await shippedRenderer();
    const renderer: Renderer = {
      ...inner,
      render: (model) =>
        model.name === "mp-shop"
          ? { manifests: null, setAside: { name: model.name, id: model.id, reason: "TooLarge", message: "large" } }
          : inner.render(model),
    };

    const { plan, tree } = await cycle(new Map(), snapshot, { renderer });

    expect(plan.setAside).toEqual([{ name: "mp-shop", id: uuid(1), reason: "TooLarge", message: "large" }]);
    expect(plan.created).toEqual(["mp-other"]);
    expect(textOf(tree, "kustomization.yaml")).not.toContain("mp-shop");
  });
});

const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
