import { describe, expect, it, onTestFinished } from "vitest";
import { formatYaml } from "../src/adapters/yaml/index.js";
import { openAdmission } from "../src/admission.js";
import { Secret } from "../src/common/secret.js";
import { type Config, loadConfig } from "../src/config/index.js";
import type { Application } from "../src/fetch/index.js";
import { loadRenderer, type Renderer } from "../src/render/index.js";
import {
  aBase,
  aBundle,
  anApplication,
  anApplicationNamed,
  anAuth,
  aSnapshot,
  cycle,
  rendererOptions,
  type Tree,
  uuid,
} from "./builders.js";
import { aClock } from "./common/clock.js";
import { failureOf } from "./common/failure-of.js";
import { type APIRequest, type Fault, startFakeAPIServer } from "./fakes/api-server.js";

/** Stages base to seal over a tree, and then admission by an API server that answers so. */
async function admitted(
  applications: readonly Application[],
  { tree = new Map(), fault = () => null, times = 1, renderer }: Given = {},
) {
  const api = await startFakeAPIServer();
  onTestFinished(() => api.close());
  api.fault = async (request) => (await fault(request)) ?? { answer: JSON.parse(request.body) };
  const env = { KUBECONFIG: await api.kubeconfig() };
  const snapshot = aSnapshot(applications);
  const { rendering, sealing, tree: next } = await cycle(tree, snapshot, renderer === undefined ? {} : { renderer });
  const admit = openAdmission({ config: await aConfig(), env, clock: aClock(), signal: new AbortController().signal });
  const submission = { snapshot, base: aBase(tree), rendered: rendering.applications, sealed: sealing.applications };
  let result = await admit(submission);
  for (let more = 1; more < times; more++) result = await admit(submission);
  return {
    names: result.applications.map(({ application }) => application.name),
    setAside: result.setAside,
    tried: api.requests.map(({ path }) => path.replace(/\?.*/, "").split("/").at(-1) ?? ""),
    next,
  };
}

interface Given {
  readonly tree?: Tree;
  readonly fault?: (request: APIRequest) => Fault | null | Promise<Fault | null>;
  readonly times?: number;
  /** @default the one that is shipped */
  readonly renderer?: Renderer;
}

async function aConfig(): Promise<Config> {
  const { config } = await loadConfig({
    env: { RUNTIME_AGENT_APPLICATIONS_ADMISSION: "dry-run" },
    cwd: "/",
    options: {},
  });
  return config;
}

const refusing =
  (text: string, message = "no") =>
  ({ path }: APIRequest): Fault | null =>
    path.includes(text) ? { status: 422, message } : null;

const [shop, crm] = [anApplicationNamed("mp-shop", 1), anApplicationNamed("mp-crm", 2)];

describe("admission", () => {
  it("tries each object that would be written, and lets pass what is taken", async () => {
    const { names, setAside, tried } = await admitted([shop, crm]);

    expect([names, setAside]).toEqual([["mp-crm", "mp-shop"], []]);
    expect(tried.sort()).toEqual(["mp-crm", `mp-crm-${uuid(102)}`, "mp-shop", `mp-shop-${uuid(101)}`]);
  });

  it("tries nothing of what Git holds already", async () => {
    const { next } = await admitted([shop, crm]);

    const { names, tried } = await admitted([shop, { ...crm, description: "another" }], { tree: next });

    expect(names).toEqual(["mp-crm", "mp-shop"]);
    expect(tried).toEqual(["mp-crm"]);
  });

  it("tries nothing that is rendered anew and comes out as it stands there", async () => {
    const { next } = await admitted([shop, crm]);
    const renderer = await loadRenderer({ ...rendererOptions, version: "2.0.0" });

    const { names, tried } = await admitted([shop, crm], { tree: next, renderer });

    expect([names, tried]).toEqual([["mp-crm", "mp-shop"], []]);
  });

  it("tries nothing again when the cycle goes back to the base", async () => {
    const { tried } = await admitted([shop, crm], { times: 3 });

    expect(tried).toHaveLength(4);
  });

  it("sets aside an Application of which an object is refused, in words that cannot steer a terminal", async () => {
    const words = `no\u001b[2J\n${"x".repeat(1000)}`;

    const { names, setAside } = await admitted([shop, crm], { fault: refusing("/secrets/mp-shop", words) });

    expect(names).toEqual(["mp-crm"]);
    expect(setAside).toMatchObject([{ name: "mp-shop", id: uuid(1), reason: "RefusedByAdmission" }]);
    const [{ message } = { message: "" }] = setAside;
    expect(message).toMatch(
      new RegExp(String.raw`^the API server refuses Secret mp-shop-${uuid(101)}: no\\u001b\[2J\\u000ax+…$`),
    );
    expect(message.length).toBeLessThan(400);
  });

  it("sets aside, with the right that is missing, who has an object of another kind that may not be tried", async () => {
    const shipped = await loadRenderer(rendererOptions);
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "more", namespace: "kyma-system" } };
    const more = { path: "applications/mp-shop/configmaps/more.yaml", object, text: formatYaml(object) };
    const render: Renderer["render"] = (application) => {
      const rendered = shipped.render(application);
      return rendered.setAside !== null || application.name !== "mp-shop"
        ? rendered
        : { ...rendered, manifests: [...rendered.manifests, more] };
    };
    const renderer = { ...shipped, render };
    const message = 'configmaps "more" is forbidden: User "agent" cannot patch resource "configmaps" in API group ""';
    const fault = ({ path }: APIRequest) => (path.includes("/configmaps/") ? { status: 403, message } : null);

    const { names, setAside } = await admitted([shop, crm], { renderer, fault });

    expect([names, setAside.map(({ name, reason }) => [name, reason])]).toEqual([
      ["mp-crm"],
      [["mp-shop", "RefusedByAdmission"]],
    ]);
    expect(setAside[0]?.message).toMatch(
      /ConfigMap more: the agent may not patch ConfigMap .*; give .* create and patch/,
    );
  });

  it("sets aside the one of which the namespace is missing, with the mend", async () => {
    const fault = ({ path }: APIRequest) =>
      path.includes("/secrets/mp-shop") ? { status: 404, message: 'namespaces "team-shop" not found' } : null;

    const { names, setAside } = await admitted([shop, crm], { fault });

    expect(names).toEqual(["mp-crm"]);
    expect(setAside.map(({ message }) => message)).toEqual([
      `the API server refuses Secret mp-shop-${uuid(101)}: namespaces "team-shop" not found; ` +
        "create that namespace, or name another one in applications.namespace or the template",
    ]);
  });

  it.each(["password of mp-shop", Buffer.from("user of mp-shop").toString("base64")])(
    "leaves out words with a secret value (%s)",
    async (value) => {
      const { setAside } = await admitted([shop], { fault: refusing("/secrets/", `bad value ${value}`) });

      expect(setAside.map(({ message }) => message)).toEqual([
        `the API server refuses Secret mp-shop-${uuid(101)}: its words hold a secret value, and are left out`,
      ]);
    },
  );

  it("tries no Secret whose values a recording left out", async () => {
    const credential = { kind: "Basic", username: Secret.redacted(), password: Secret.redacted() } as const;
    const redacted = anApplication({ bundles: [aBundle({ defaultInstanceAuth: anAuth({ credential }) })] });

    expect((await admitted([redacted])).tried).toEqual(["mp-shop"]);
  });

  it("fails when the API server cannot be asked, rather than to let pass", async () => {
    const fault = ({ path }: APIRequest) => (path.includes("mp-crm") ? 503 : null);

    expect(await failureOf(admitted([shop, crm], { fault }))).toMatchObject({ code: "ServerError", retryable: true });
  });

  it("has eight objects tried at one time, and no more", async () => {
    const many = Array.from({ length: 16 }, (_, number) => anApplicationNamed(`mp-${number}`, number + 1));
    const held: (() => void)[] = [];
    let most = 0;
    const fault = async () => {
      const released = new Promise<void>((resolve) => held.push(resolve));
      most = Math.max(most, held.length);
      const releaseAll = () => {
        for (const release of held.splice(0)) release();
      };
      // A ninth one would come meanwhile.
      if (held.length === 8) setTimeout(releaseAll, 50);
      await released;
      return null;
    };

    const { names } = await admitted(many, { fault });

    expect(names).toHaveLength(16);
    expect(most).toBe(8);
  });
});
