/** The state in Secrets on a real API server, with RBAC on. */

import { createSign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { failureOf, told } from "../common/failure-of.js";
import { behavesAsState } from "../state/behaviour.js";
import { completed, connectionOf, identityOf } from "../state/examples.js";
import { behavesAsSecrets, dataOf, type KubernetesPlace, opened, writeForeign } from "../state/secrets-behaviour.js";
import { aPlace } from "./a-place.js";
import { asAccount, enough, prepare } from "./account.js";
import { requestsOf } from "./api-server.js";

const server = inject("cluster");

describe("a state in Secrets of a real cluster", () => {
  behavesAsState(async () => {
    const place = await aPlace(server);
    return () => opened(place);
  });
  behavesAsSecrets(() => aPlace(server));
});

describe("whether a state can be written", () => {
  it("is denied for a client Secret that is immutable", async () => {
    const place = await aPlace(server);
    const { certificate } = place.options;
    await writeForeign(place, certificate, { crt: "theirs", key: "theirs", crtChain: "theirs" });
    const found = await place.cluster.secrets.get(certificate);
    if (found === null) throw new Error("not written");
    const before = await failureOf(opened(place).checkWritable()).catch(() => null);
    const immutable: object = { ...found.frame, immutable: true };
    await place.cluster.secrets.write({ ...found, frame: immutable });

    const failure = await failureOf(opened(place).checkWritable());

    expect(before).toBeNull();
    expect(failure.code).toBe("ClusterRefused");
    expect(told(failure)).not.toContain("theirs");
  });

  it("is denied where the Secret of the state has no room for what is on its way", async () => {
    const place = await aPlace(server);
    const { namespace } = place.options;
    await writeForeign(place, { namespace, name: "runtime-agent-state" }, { other: "x".repeat(960 * 1024) });

    const failure = await failureOf(opened(place).checkWritable());

    expect(failure.code).toBe("ClusterRefused");
    expect(failure.message).toContain("runtime-agent-state");
  });
});

/** Everything that a state does, once. */
async function everything(place: KubernetesPlace): Promise<void> {
  const state = opened(place);
  const unlock = await state.lock();
  await state.savePending(completed("one"));
  await state.promote(identityOf("one"), connectionOf("one"));
  await state.identity();
  await state.connection();
  await state.saveMemory(await state.memory());
  await state.sealKey(true);
  await state.forgetIdentity();
  await unlock();
}

describe("an account with rights for exactly these objects", () => {
  it("is enough, without the right to create or list anything, and each right is used", async () => {
    const made = await aPlace(server);
    await prepare(server, made);
    const { place, user } = await asAccount(server, made, enough(made));

    await everything(place);
    // Asked for only where somebody else put the certificate there.
    await writeForeign(made, made.options.certificate, { crt: "theirs", key: "theirs", crtChain: "theirs" });
    await opened(place).connection();

    const requests = await requestsOf(server, user);
    expect(requests.filter(({ code }) => code === 403)).toEqual([]);
    const used = new Set(requests.map(({ verb, resource, name }) => `${verb} ${resource} ${name}`));
    expect([...used].sort()).toEqual([
      "get compassconnections compass-connection",
      "get leases runtime-agent",
      "get secrets cluster-client-certificates",
      "get secrets kyma-gateway-certs-cacert",
      "get secrets runtime-agent-state",
      "update leases runtime-agent",
      "update secrets cluster-client-certificates",
      "update secrets kyma-gateway-certs-cacert",
      "update secrets runtime-agent-state",
    ]);
  });

  it("makes what is missing where it may create, too", async () => {
    const made = await aPlace(server);
    const create = [
      { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
    ];
    const rights = enough(made).map(({ namespace, rules }) => ({ namespace, rules: [...rules, ...create] }));
    const { place } = await asAccount(server, made, rights);

    await everything(place);

    expect(await dataOf(made, made.options.authority)).toEqual({ cacert: "ca of one" });
  });

  it.each<[string, string, (rule: Record<string, unknown>) => boolean]>([
    ["update", "Secret cluster-client-certificates", (rule) => JSON.stringify(rule).includes("cluster-client")],
    ["update", "Secret runtime-agent-state", (rule) => JSON.stringify(rule).includes("runtime-agent-state")],
    ["update", "Secret kyma-gateway-certs-cacert", (rule) => JSON.stringify(rule).includes("kyma-gateway")],
    ["update", "Lease runtime-agent", (rule) => JSON.stringify(rule).includes("leases")],
    ["get", "Secret cluster-client-certificates", (rule) => JSON.stringify(rule).includes("cluster-client")],
    ["get", "Secret runtime-agent-state", (rule) => JSON.stringify(rule).includes("runtime-agent-state")],
    ["get", "Secret kyma-gateway-certs-cacert", (rule) => JSON.stringify(rule).includes("kyma-gateway")],
    ["get", "Lease runtime-agent", (rule) => JSON.stringify(rule).includes("leases")],
  ])("is told which one is missing: %s of %s", async (verb, object, isIt) => {
    const made = await aPlace(server);
    await prepare(server, made);
    const without = enough(made).map(({ namespace, rules }) => ({
      namespace,
      rules: (rules as Record<string, unknown>[]).map((rule) =>
        isIt(rule) ? { ...rule, verbs: (rule.verbs as string[]).filter((each) => each !== verb) } : rule,
      ),
    }));
    const { place } = await asAccount(server, made, without);

    const failure = await failureOf(everything(place));

    expect(failure).toMatchObject({ code: "ClusterForbidden", stage: "connect", retryable: false });
    const [kind = "", name = ""] = object.split(" ");
    expect(failure.message).toMatch(new RegExp(`may not ${verb} ${kind} \\S+/${name}$`));
    expect(failure.hint).toContain(`the verb ${verb} on`);
    expect(told(failure)).not.toContain("system:serviceaccount");
  });

  it("is told that it may not create what nobody made", async () => {
    const made = await aPlace(server);
    const { place } = await asAccount(server, made, enough(made));

    const failure = await failureOf(opened(place).sealKey(true));

    expect(failure.message).toMatch(/may not create Secret \S+\/runtime-agent-state$/);
  });

  it("goes on when its token has expired and its file has a new one", async () => {
    const made = await aPlace(server);
    await prepare(server, made);
    const { place, tokenFile, user } = await asAccount(server, made, enough(made));
    const fresh = await readFile(tokenFile, "utf8");
    await writeFile(tokenFile, await expired(fresh));
    const state = opened(place);

    const refused = await failureOf(opened(place).memory());
    setTimeout(() => void writeFile(tokenFile, fresh), 200);
    await state.saveMemory(await state.memory());

    expect(refused).toMatchObject({ code: "ClusterAuthentication", retryable: true });
    expect((await requestsOf(server, user)).at(-1)).toMatchObject({ verb: "update", code: 200 });
  });

  it("is refused by the API server itself when a Secret would be too large, which is told without what is in it", async () => {
    const place = await aPlace(server);
    const state = opened(place);
    const spentTokens = Array.from({ length: 60_000 }, () => crypto.randomUUID());

    const failure = await failureOf(state.saveMemory({ ...(await state.memory()), spentTokens }));

    expect(failure).toMatchObject({ code: "ClusterRefused", retryable: false });
    expect(failure.hint).toContain("1 MiB");
    expect(failure.message.length).toBeLessThan(200);
  });
});

/** The same token, expired since an hour, signed with the server's own key. */
async function expired(token: string): Promise<string> {
  const [header = "", payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const hour = 3600;
  const past = { ...claims, iat: claims.iat - 2 * hour, nbf: claims.nbf - 2 * hour, exp: claims.iat - hour };
  const unsigned = `${header}.${Buffer.from(JSON.stringify(past)).toString("base64url")}`;
  const key = await readFile(join(server.folder, "accounts.key"), "utf8");
  return `${unsigned}.${createSign("sha256").update(unsigned).sign(key, "base64url")}`;
}
