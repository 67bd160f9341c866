/** The rights of deploy/rbac.yaml on a real API server: none is missing, and none is too much. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { parseObject } from "../e2e/world.js";
import { writeForeign } from "../state/secrets-behaviour.js";
import { aRuntime } from "./a-runtime.js";
import { type AuditedRequest, kubectl, requestsOf, tokenOf, writeKubeconfig } from "./api-server.js";
import { leaveBehind } from "./go-agent/leave-behind.js";

const server = inject("cluster");
const MANIFESTS = join(import.meta.dirname, "..", "..", "deploy", "rbac.yaml");
const USER = "system:serviceaccount:kyma-system:runtime-agent";

/** One verb on one object, or on any where no name is given. */
interface Right {
  readonly verb: string;
  readonly resource: string;
  /** Null for a ClusterRole. */
  readonly namespace: string | null;
  readonly name: string | null;
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string };
  readonly rules: readonly {
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

async function shippedRights(): Promise<Right[]> {
  const documents = (await readFile(MANIFESTS, "utf8")).split("---\n").slice(1).map(parseObject);
  const roles = documents.filter(({ kind }) => kind === "Role" || kind === "ClusterRole") as unknown as Role[];
  return roles.flatMap(({ metadata: { namespace = null }, rules }) =>
    rules.flatMap(({ verbs, resources, resourceNames = [null] }) =>
      verbs.flatMap((verb) =>
        resources.flatMap((resource) => resourceNames.map((name) => ({ verb, resource, namespace, name }))),
      ),
    ),
  );
}

const text = ({ verb, resource, namespace, name }: Right) => `${verb} ${resource} ${namespace ?? "*"}/${name ?? "*"}`;

const allows = (right: Right, request: AuditedRequest) =>
  right.verb === request.verb &&
  right.resource === request.resource &&
  (right.namespace === null || right.namespace === request.namespace) &&
  (right.name === null || right.name === request.name);

/** Rights that no request needed, and requests that had none. */
function compare(rights: readonly Right[], requests: readonly AuditedRequest[]) {
  const unused = rights.filter((right) => !requests.some((request) => allows(right, request)));
  const refused = requests.filter(({ code }) => code === 403);
  return { unused: unused.map(text), missing: [...new Set(refused.map(text))] };
}

async function aRightfulRuntime() {
  const runtime = await aRuntime(server, { isBySecret: true, namespaces: ["kyma-system", "istio-system"] });
  // What an earlier test left in these namespaces.
  await kubectl(server, "delete", "--ignore-not-found", "-f", MANIFESTS);
  await kubectl(server, "delete", "--ignore-not-found", "-n", "kyma-system", "secret", "compass-agent-configuration");
  await kubectl(server, "apply", "-f", MANIFESTS);
  const tokenFile = join(server.folder, "token-runtime-agent");
  await writeFile(tokenFile, await tokenOf(server, "kyma-system", "runtime-agent"));
  const env = { KUBECONFIG: await writeKubeconfig(server, { tokenFile }) };
  /** As the ServiceAccount; throws what it said when it did not end well. */
  const run = async (args: readonly string[], input?: string) => {
    const given = input === undefined ? { env } : { env, input };
    const { code, stdout, stderr } = await runtime.run([...args, "-o", "json"], given);
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
    expect(stderr).not.toContain("warn  the CompassConnection");
    expect(stderr).not.toContain("warn  an Event");
    return JSON.parse(stdout);
  };
  return { runtime, run };
}

describe("the rights that are shipped", () => {
  it("are what every command needs, from the take-over of the Go agent to its end, and no more", async () => {
    // Of other tests with this account.
    const before = (await requestsOf(server, USER)).length;
    const { runtime, run } = await aRightfulRuntime();
    await leaveBehind(runtime);

    // Before anything was written, when people ask it.
    const first = await run(["doctor"]);
    const taken = await run(["sync"]);
    await run(["status"]);
    await run(["plan"]);
    // Istio's copy went astray: the next certificate brings it back.
    await writeForeign(runtime.place, runtime.place.options.authority, { cacert: null });
    await run(["renew"]);
    await runtime.patch({ spec: { refreshCredentialsNow: true } });
    await runtime.world.edit(({ applications }) => applications.splice(0, 1));
    const { approval } = await run(["sync"]);
    await runtime.patch({ metadata: { annotations: { "runtime-agent.kyma-project.io/approve": approval.hash } } });
    const approved = await run(["sync"]);
    await runtime.world.edit(({ applications }) => applications.splice(0, 1));
    const held = await run(["sync"]);
    await run(["approve", held.approval.hash, "--yes"]);
    const byCommand = await run(["sync"]);
    await run(["suspend"]);
    await run(["resume"]);
    const examined = await run(["doctor"]);
    await runtime.removeConnection();
    await run(["sync"]);
    await run(["reconnect", "--yes"]);
    await run(["revoke", "--yes"]);
    const answer = await fetch(`${runtime.world.sandbox.control}/token`, { method: "POST" });
    const { token } = (await answer.json()) as { token: string };
    await run(["pair", "--token-file", "-"], token);
    const last = await run(["sync"]);

    expect([taken.result, last.result]).toEqual(["published", "unchanged"]);
    expect([approved, byCommand].map(({ applications }) => applications.deleted.length)).toEqual([1, 1]);
    const bad = ({ verdict }: { verdict: string }) => verdict !== "ok" && verdict !== "skipped";
    expect([first, examined].map(({ checks }) => checks.filter(bad))).toEqual([[], []]);
    expect(compare(await shippedRights(), (await requestsOf(server, USER)).slice(before))).toEqual({
      unused: [],
      missing: [],
    });
    expect((await runtime.connection())?.status.connectionState).toBe("Synchronized");
  }, 180_000);

  it("lose nothing when they are applied again over what is in use", async () => {
    const { runtime, run } = await aRightfulRuntime();
    await leaveBehind(runtime);
    await run(["sync"]);
    const before = await runtime.certificate();

    await kubectl(server, "apply", "-f", MANIFESTS);

    expect(await runtime.certificate()).toEqual(before);
    expect((await run(["sync"])).result).toBe("unchanged");
  }, 120_000);

  it("would be told when one is too much or missing", async () => {
    const rights = await shippedRights();
    const requests = rights.map(({ name, namespace, ...right }) => ({
      ...right,
      name: name ?? "any",
      namespace,
      code: 200,
    }));
    const [first] = requests;
    if (first === undefined) throw new Error("there are rights");

    expect(compare(rights, requests)).toEqual({ unused: [], missing: [] });
    expect(compare(rights, requests.slice(1)).unused).toHaveLength(1);
    expect(compare(rights, [...requests, { ...first, code: 403 }]).missing).toHaveLength(1);
  });
});
