/** What a state in Secrets must do beyond any state; run against a fake API server and against a real one. */

import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { type Cluster, isConflict, type Objects, type Place } from "../../src/adapters/kubernetes/index.js";
import { createSigningRequest, readSigningRequest } from "../../src/adapters/x509/index.js";
import { Secret } from "../../src/common/secret.js";
import { type KubernetesStateOptions, openKubernetesState, type State } from "../../src/state/index.js";
import { failureOf, told } from "../common/failure-of.js";
import { anAuthority } from "../fakes/tls-server.js";
import { aMemory, readable } from "./behaviour.js";
import { beginning, completed, connectionOf, identityOf } from "./examples.js";

/** A cluster with nothing of the agent in it. */
export interface KubernetesPlace {
  readonly options: KubernetesStateOptions;
  /** Somebody else's, who may do everything. */
  readonly cluster: Cluster;
  /** Puts the CompassConnection in place, or takes it away. */
  setCompassConnection(object: object | null): Promise<void>;
}

export type OpenCluster = () => Promise<KubernetesPlace>;

const base64 = (value: string) => Secret.of(Buffer.from(value).toString("base64"));

/** What a Secret holds, decoded, by key; null when there is none. */
export async function dataOf({ cluster }: KubernetesPlace, place: Place): Promise<Record<string, string> | null> {
  const found = await cluster.secrets.get(place);
  const decoded = [...(found?.data ?? [])].map(([key, value]) => [
    key,
    Buffer.from(value.reveal(), "base64").toString("utf8"),
  ]);
  return found === null ? null : Object.fromEntries(decoded);
}

/** Somebody else's write: sets keys, removes those that are null, and makes the Secret when there is none. */
export async function writeForeign(
  { cluster }: KubernetesPlace,
  place: Place,
  values: Readonly<Record<string, string | null>>,
): Promise<void> {
  const found = await cluster.secrets.get(place);
  const data = new Map(found?.data);
  for (const [key, value] of Object.entries(values)) {
    if (value === null) data.delete(key);
    else data.set(key, base64(value));
  }
  await cluster.secrets.write({ ...place, resourceVersion: null, frame: {}, ...found, data });
}

export const ownSecret = ({ options }: KubernetesPlace): Place => ({
  namespace: options.namespace,
  name: "runtime-agent-state",
});
export const leaseOf = ({ options }: KubernetesPlace): Place => ({
  namespace: options.namespace,
  name: "runtime-agent",
});
export const opened = ({ options }: KubernetesPlace, more: Partial<KubernetesStateOptions> = {}): State =>
  openKubernetesState({ ...options, ...more });

const REST_OF_SUBJECT = {
  country: "DE",
  organization: "o",
  organizationalUnit: "ou",
  locality: "l",
  province: "p",
};
const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----/g, ""), "base64");

/** What the Go agent leaves: a certificate that can be read, its Secrets, its CompassConnection. */
async function pairedByGoAgent(place: KubernetesPlace) {
  const authority = await anAuthority();
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const request = createSigningRequest({ commonName: "the-client", ...REST_OF_SUBJECT }, privateKey);
  const { subjectDER, publicKey } = readSigningRequest(derOf(request));
  const certificate = authority.issueClient({
    subjectDER,
    publicKey,
    notBefore: new Date("2026-11-22T09:57:24Z"),
    notAfter: new Date("2027-02-20T09:57:24Z"),
    serial: 7,
  });
  const key = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  const chain = `${certificate}${authority.certificate}`;
  await writeForeign(place, place.options.certificate, { crt: certificate, key, crtChain: chain });
  await writeForeign(place, place.options.authority, { cacert: authority.certificate });
  await place.setCompassConnection({
    apiVersion: "compass.kyma-project.io/v1alpha1",
    kind: "CompassConnection",
    metadata: { name: "compass-connection" },
    spec: {
      managementInfo: {
        connectorUrl: "https://secure.example.com/connector/graphql",
        directorUrl: "https://director.example.com/graphql",
      },
    },
    status: {
      connectionState: "Synchronized",
      connectionStatus: { certificateStatus: {}, established: "2026-11-22T09:57:24Z", renewed: null },
    },
  });
  return { certificate, key, chain, ca: authority.certificate };
}

/** Dies at one of its writes, and does nothing from then on: as a process that is killed. */
function mortal(cluster: Cluster, step: number, moment: "before" | "after") {
  let writes = 0;
  let isDead = false;
  const wrap = <T extends Parameters<typeof cluster.secrets.write>[0] | Parameters<typeof cluster.leases.write>[0]>(
    objects: Objects<T>,
  ): Objects<T> => ({
    get: async (place) => {
      if (isDead) throw new Error("killed");
      return objects.get(place);
    },
    rehearse: objects.rehearse,
    write: async (object) => {
      isDead ||= ++writes === step && moment === "before";
      if (isDead) throw new Error("killed");
      const written = await objects.write(object);
      isDead = writes === step;
      if (isDead) throw new Error("killed");
      return written;
    },
  });
  return { died: () => isDead, cluster: { ...cluster, secrets: wrap(cluster.secrets), leases: wrap(cluster.leases) } };
}

const summary = async (state: State) => {
  const [identity, connection, pending] = [await state.identity(), await state.connection(), await state.pending()];
  // Throws for a mixture of two.
  const nameOf = (...parts: string[]) => {
    const names = new Set(parts.map((part) => part.split(" of ")[1]));
    if (names.size > 1) throw new Error(`mixed: ${parts.join(", ")}`);
    return [...names][0] ?? "";
  };
  return {
    identity: identity && nameOf(identity.key.reveal(), identity.certificate, identity.chain, identity.ca),
    connection: connection?.clientID.replace("client ", "") ?? null,
    pending: pending && `${nameOf(pending.key.reveal())} ${pending.issued === null ? "begun" : "complete"}`,
  };
};

const renewal = (name: string) => ({ ...completed(name), tokenDigest: null });

/** `openPlace` gives an empty one each time. */
export function behavesAsSecrets(openPlace: OpenCluster): void {
  it("keeps the certificate under the Go agent's names and keys, the rest in a Secret of its own", async () => {
    const place = await openPlace();
    const state = opened(place);

    await state.savePending(completed("one"));
    await state.saveMemory(aMemory);
    await state.sealKey(true);
    await state.promote(identityOf("one"), connectionOf("one"));

    expect(await dataOf(place, place.options.certificate)).toEqual({
      crt: "certificate of one",
      key: "key of one",
      crtChain: "chain of one",
    });
    expect(await dataOf(place, place.options.authority)).toEqual({ cacert: "ca of one" });
    const own = Object.keys((await dataOf(place, ownSecret(place))) ?? {}).sort();
    expect(own).toEqual([expect.stringMatching(/^identity\.[0-9a-f]{16}\.json$/), "memory.json.gz", "seal.key"]);
  });

  it("leaves foreign keys in place, whatever it writes and removes", async () => {
    const place = await openPlace();
    const { certificate, authority } = place.options;
    for (const each of [certificate, authority, ownSecret(place)]) await writeForeign(place, each, { theirs: "kept" });
    const state = opened(place);

    await state.promote(identityOf("one"), connectionOf("one"));
    await state.promote(identityOf("two"), connectionOf("two"));
    const inUse = await dataOf(place, certificate);
    await state.forgetIdentity();

    expect(inUse).toMatchObject({ crt: "certificate of two", theirs: "kept" });
    expect(await dataOf(place, certificate)).toEqual({ theirs: "kept" });
    // Istio still knows who it trusts.
    expect(await dataOf(place, authority)).toEqual({ cacert: "ca of two", theirs: "kept" });
    expect(await dataOf(place, ownSecret(place))).toEqual({ theirs: "kept" });
  });

  it("writes nothing where everything stands as it should", async () => {
    const place = await openPlace();
    await opened(place).promote(identityOf("one"), connectionOf("one"));
    const { cluster, died } = mortal(place.cluster, 1, "before");

    await opened(place, { cluster }).promote(identityOf("one"), connectionOf("one"));
    await opened(place, { cluster }).discardPending();

    expect(died()).toBe(false);
  });

  it("holds the memory of 5,000 Applications, which is larger than a Secret may be", async () => {
    const place = await openPlace();
    const hex = (length: number, seed: number) =>
      Array.from({ length }, (_, index) =>
        ((seed * 7919 + index * 104_729 + (seed % 97) * index * index) % 16).toString(16),
      ).join("");
    const applications = Object.fromEntries(
      Array.from({ length: 5000 }, (_, seed) => [
        `mp-application-${seed}`,
        {
          id: crypto.randomUUID(),
          intent: hex(64, seed),
          tree: crypto.randomUUID().repeat(2),
          manifest: hex(40, seed),
        },
      ]),
    );
    const memory = { ...aMemory, published: { ...aMemory.published, applications } };

    await opened(place).saveMemory(memory);

    expect(JSON.stringify(memory).length).toBeGreaterThan(1024 * 1024);
    expect(await opened(place).memory()).toEqual(memory);
  });

  it("goes on with what the Go agent paired: same key, same certificate, its addresses", async () => {
    const place = await openPlace();
    const { key, ...paired } = await pairedByGoAgent(place);
    const state = opened(place);

    const identity = await state.identity();
    const connection = await state.connection();

    expect(identity).toMatchObject(paired);
    expect(identity?.key.reveal()).toBe(key);
    expect(connection).toEqual({
      connectorURL: "https://secure.example.com/connector/graphql",
      secureConnectorURL: "https://secure.example.com/connector/graphql",
      directorURL: "https://director.example.com/graphql",
      clientID: "the-client",
      subject: null,
      establishedAt: "2026-11-22T09:57:24.000Z",
      renewedAt: null,
    });
    const configured = opened(place, { connectorURL: "https://connector.example.com/graphql" });
    expect((await configured.connection())?.connectorURL).toBe("https://connector.example.com/graphql");
    expect(await dataOf(place, ownSecret(place))).toBeNull();
  });

  it("keeps what it learned of the Go agent's pairing from the first lock on, whatever becomes of its resource", async () => {
    const place = await openPlace();
    await pairedByGoAgent(place);
    const before = await opened(place).connection();
    await (await opened(place).lock())();

    await place.setCompassConnection(null);

    expect(before).not.toBeNull();
    expect(await opened(place).connection()).toEqual(before);
  });

  it("takes up what the Go agent renewed while it was away", async () => {
    const place = await openPlace();
    await opened(place).promote(identityOf("ours"), connectionOf("ours"));

    const { certificate } = await pairedByGoAgent(place);

    expect((await opened(place).identity())?.certificate).toBe(certificate);
    expect((await opened(place).connection())?.clientID).toBe("the-client");
  });

  it.each([
    ["no CompassConnection", null],
    ["one that has never been connected", { connectorUrl: "", directorUrl: "" }],
  ])("has no connection for a certificate with %s", async (_, managementInfo) => {
    const place = await openPlace();
    await pairedByGoAgent(place);
    await place.setCompassConnection(
      managementInfo && {
        apiVersion: "compass.kyma-project.io/v1alpha1",
        kind: "CompassConnection",
        metadata: { name: "compass-connection" },
        spec: { managementInfo },
      },
    );

    expect(await opened(place).identity()).not.toBeNull();
    expect(await opened(place).connection()).toBeNull();
  });

  it("has an identity also where Istio's Secret is gone", async () => {
    const place = await openPlace();
    await pairedByGoAgent(place);
    await writeForeign(place, place.options.authority, { cacert: null });

    expect(await opened(place).identity()).toMatchObject({ ca: "" });
  });

  it.each(["crt", "crtChain"])("has an identity without %s, which serves until it is renewed", async (key) => {
    const place = await openPlace();
    await opened(place).promote(identityOf("one"), connectionOf("one"));
    const whole = identityOf("one");
    const without = key === "crt" ? { ...whole, certificate: "" } : { ...whole, chain: "" };

    await writeForeign(place, place.options.certificate, { [key]: "" });
    const empty = await opened(place).identity();
    await writeForeign(place, place.options.certificate, { [key]: null });

    expect(empty).toEqual(without);
    expect(await opened(place).identity()).toEqual(without);
  });

  it.each([["key"], ["crt", "crtChain"]])("has no identity without %s, and none where it is empty", async (...keys) => {
    const place = await openPlace();
    await opened(place).promote(identityOf("one"), connectionOf("one"));

    const all = (value: string | null) => Object.fromEntries(keys.map((key) => [key, value]));
    await writeForeign(place, place.options.certificate, all(""));
    const empty = await opened(place).identity();
    await writeForeign(place, place.options.certificate, all(null));

    expect([empty, await opened(place).identity(), await opened(place).connection()]).toEqual([null, null, null]);
  });

  it.each([
    ["memory.json.gz", "hidden", (state: State) => state.memory()],
    ["seal.key", "hidden", (state: State) => state.sealKey(true)],
  ])("names a key that is damaged, and not what is in it: %s with %s", async (key, content, read) => {
    const place = await openPlace();
    await writeForeign(place, ownSecret(place), { [key]: content });

    const failure = await failureOf(read(opened(place)));

    expect(failure).toMatchObject({ code: "StateUnreadable", stage: "connect", retryable: false });
    expect(failure.message).toContain(`${ownSecret(place).namespace}/runtime-agent-state`);
    expect(failure.message).toContain(key);
    expect(told(failure)).not.toContain("hidden");
    expect(await dataOf(place, ownSecret(place))).toEqual({ [key]: content });
  });

  it.each(["{", '{"key": 1}'])(
    "takes what is on its way and damaged for none, and writes over it: %s",
    async (content) => {
      const place = await openPlace();
      await writeForeign(place, ownSecret(place), { "pending.json": content });

      expect(await opened(place).pending()).toBeNull();
      await opened(place).savePending(beginning("new"));
      expect(readable(await opened(place).pending())).toEqual(readable(beginning("new")));
    },
  );

  it("writes the authority for Istio again where somebody lost it", async () => {
    const place = await openPlace();
    await opened(place).promote(identityOf("one"), connectionOf("one"));
    await writeForeign(place, place.options.authority, { cacert: null });

    await (await opened(place).lock())();

    expect(await dataOf(place, place.options.authority)).toEqual({ cacert: "ca of one" });
  });

  const operations: Record<string, (state: State) => Promise<unknown>> = {
    begin: (state) => state.savePending(beginning("new")),
    complete: (state) => state.savePending(completed("new")),
    promote: (state) => state.promote(identityOf("new"), connectionOf("new")),
    discard: (state) => state.discardPending(),
    forget: (state) => state.forgetIdentity(),
  };
  const established = async (state: State) => {
    await state.promote(identityOf("old"), connectionOf("old"));
  };

  /** What a kill before and after each write leaves; last what the operation leaves by itself. */
  async function cuts(operation: string, prepare: (state: State) => Promise<unknown>) {
    const left: { readonly place: KubernetesPlace; readonly state: Awaited<ReturnType<typeof summary>> }[] = [];
    for (let step = 1; ; step++) {
      for (const moment of ["before", "after"] as const) {
        const place = await openPlace();
        await prepare(opened(place));
        const { cluster, died } = mortal(place.cluster, step, moment);
        const failed = await operations[operation]?.(opened(place, { cluster })).catch((thrown: unknown) => thrown);
        if (failed !== undefined && !died()) throw failed;
        left.push({ place, state: await summary(opened(place)) });
        if (!died()) return left;
      }
    }
  }

  it("is killed in a promotion: an identity has its own connection, and the pairing stays until it is in use", async () => {
    const left = await cuts("promote", async (state) => {
      await established(state);
      await state.savePending(completed("new"));
    });

    expect(left.length).toBe(9);
    expect(left[0]?.state).toEqual({ identity: "old", connection: "old", pending: "new complete" });
    expect(left.at(-1)?.state).toEqual({ identity: "new", connection: "new", pending: null });
    for (const { state } of left) {
      expect(state.connection).toBe(state.identity);
      if (state.identity === "old") expect(state.pending).toBe("new complete");
    }
    expect(new Set(left.map(({ state }) => state.identity))).toEqual(new Set(["old", "new"]));

    for (const { place } of left) {
      const state = opened(place);
      await state.promote(identityOf("new"), connectionOf("new"));
      expect(await summary(state)).toEqual({ identity: "new", connection: "new", pending: null });
      const keys = Object.keys((await dataOf(place, ownSecret(place))) ?? {});
      expect(keys.filter((key) => key.startsWith("identity."))).toHaveLength(1);
    }
  });

  it("is killed in the first promotion: no identity without its connection", async () => {
    const left = await cuts("promote", (state) => state.savePending(completed("new")));

    for (const { state } of left) {
      expect(state.connection).toBe(state.identity);
      if (state.identity === null) expect(state.pending).toBe("new complete");
    }
  });

  it("is killed in a beginning or a completion: it is there or not, and nothing else is touched", async () => {
    const begun = await cuts("begin", established);
    const completion = await cuts("complete", async (state) => {
      await established(state);
      await state.savePending(beginning("new"));
    });

    const pending = (left: typeof begun) => left.map(({ state }) => state.pending);
    expect(pending(begun)).toEqual([null, "new begun", "new begun"]);
    expect(pending(completion)).toEqual(["new begun", "new complete", "new complete"]);
    for (const { state } of [...begun, ...completion]) {
      expect(state).toMatchObject({ identity: "old", connection: "old" });
    }
  });

  it("is killed in dropping a pairing or forgetting an identity: the identity goes first", async () => {
    const dropped = await cuts("discard", (state) => state.savePending(beginning("old")));
    const forgotten = await cuts("forget", async (state) => {
      await established(state);
      await state.savePending(beginning("old"));
    });

    expect(dropped.map(({ state }) => state.pending)).toEqual(["old begun", null, null]);
    expect(forgotten.map(({ state }) => [state.identity, state.pending])).toEqual([
      ["old", "old begun"],
      [null, "old begun"],
      [null, "old begun"],
      [null, null],
      [null, null],
    ]);
  });

  const theirs = { crt: "certificate of theirs", key: "key of theirs", crtChain: "chain of theirs" };

  it.each([
    ["a renewal", renewal("new")],
    ["a pairing", completed("new")],
  ])("does not put %s over a certificate that another wrote since it read", async (_, pending) => {
    const place = await openPlace();
    await established(opened(place));
    const state = opened(place);
    await state.identity();
    await state.savePending(pending);
    await writeForeign(place, place.options.certificate, theirs);

    const failure = await failureOf(state.promote(identityOf("new"), connectionOf("new")));

    expect(failure).toMatchObject({ code: "StateConflict", retryable: true });
    expect(failure.message).toContain(place.options.certificate.name);
    expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
    // What a token paid for is kept; a renewal is as good as theirs.
    expect((await state.pending()) === null).toBe(pending.tokenDigest === null);
  });

  it("does not put a renewal over a certificate that another wrote while it was away, and drops it", async () => {
    const place = await openPlace();
    await established(opened(place));
    await opened(place).savePending({ ...renewal("new"), issued: null });
    await opened(place).savePending(renewal("new"));
    await writeForeign(place, place.options.certificate, theirs);
    const state = opened(place);
    await state.identity();

    const failure = await failureOf(state.promote(identityOf("new"), connectionOf("new")));

    expect(failure.code).toBe("StateConflict");
    expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
    // Nothing of what was not put in use is left.
    expect(JSON.stringify(await dataOf(place, ownSecret(place)))).not.toMatch(/(?:of|client) new/);
    expect(await dataOf(place, place.options.authority)).toEqual({ cacert: "ca of old" });
    expect(await state.pending()).toBeNull();
  });

  it.each([
    ["between its key and its certificate", false],
    ["between the look at the old one and its key", true],
  ])("does not put a renewal over a certificate that another wrote %s, also in the next run", async (_, isEarly) => {
    const place = await openPlace();
    await established(opened(place));
    const first = opened(place);
    await first.identity();
    if (isEarly) await writeForeign(place, place.options.certificate, theirs);
    await first.savePending({ ...renewal("new"), issued: null });
    if (!isEarly) await writeForeign(place, place.options.certificate, theirs);
    await opened(place).savePending(renewal("new"));

    const failure = await failureOf(opened(place).promote(identityOf("new"), connectionOf("new")));

    expect(failure.code).toBe("StateConflict");
    expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
  });

  /** Somebody else's write comes between what is read of this Secret and what is written to it. */
  const overtaken = (place: KubernetesPlace, secret: Place, values: Record<string, string>): Cluster => {
    let isOvertaken = false;
    const { secrets } = place.cluster;
    const write: typeof secrets.write = async (object) => {
      if (object.name === secret.name && !isOvertaken) {
        isOvertaken = true;
        await writeForeign(place, secret, values);
      }
      return secrets.write(object);
    };
    return { ...place.cluster, secrets: { ...secrets, write } };
  };

  it.each([
    ["that it knows", true],
    ["that it never looked at", false],
  ])(
    "does not put an identity over one that another wrote in this very moment, in place of one %s",
    async (_, isRead) => {
      const place = await openPlace();
      await established(opened(place));
      const state = opened(place, { cluster: overtaken(place, place.options.certificate, theirs) });
      if (isRead) await state.identity();

      const failure = await failureOf(state.promote(identityOf("new"), connectionOf("new")));

      expect(failure.code).toBe("StateConflict");
      expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
    },
  );

  it("makes nothing over what another made in this very moment", async () => {
    const place = await openPlace();
    const state = opened(place, { cluster: overtaken(place, place.options.certificate, theirs) });

    expect(await failureOf(state.promote(identityOf("new"), connectionOf("new")))).toMatchObject({
      code: "StateConflict",
    });
    expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
  });

  it("keeps a foreign key that was written in this very moment, and goes on", async () => {
    const place = await openPlace();
    await established(opened(place));
    const state = opened(place, { cluster: overtaken(place, place.options.certificate, { theirs: "kept" }) });

    await state.promote(identityOf("new"), connectionOf("new"));

    expect(await dataOf(place, place.options.certificate)).toMatchObject({ crt: "certificate of new", theirs: "kept" });
  });

  it("gives Istio the authorities of the identity that is put in use, whoever wrote others in this very moment", async () => {
    const place = await openPlace();
    await established(opened(place));
    const state = opened(place, { cluster: overtaken(place, place.options.authority, { cacert: "theirs" }) });

    await state.promote(identityOf("new"), connectionOf("new"));

    expect(await dataOf(place, place.options.authority)).toEqual({ cacert: "ca of new" });
  });

  it("does not forget a certificate that another wrote since it read", async () => {
    const place = await openPlace();
    await established(opened(place));
    const state = opened(place);
    await state.identity();
    await writeForeign(place, place.options.certificate, theirs);

    expect(await failureOf(state.forgetIdentity())).toMatchObject({ code: "StateConflict" });
    expect(await dataOf(place, place.options.certificate)).toEqual(theirs);
  });

  it("does not write over a memory that another wrote since it read, nor minds another's write of other keys", async () => {
    const place = await openPlace();
    const [one, two] = [opened(place), opened(place)];
    const memory = await one.memory();
    await two.savePending(beginning("two"));
    await one.saveMemory({ ...memory, spentTokens: ["one"] });
    await two.memory();
    await one.saveMemory({ ...memory, spentTokens: ["one", "again"] });

    expect(await failureOf(two.saveMemory({ ...memory, spentTokens: ["two"] }))).toMatchObject({
      code: "StateConflict",
    });
    expect((await opened(place).memory()).spentTokens).toEqual(["one", "again"]);
    expect(await opened(place).pending()).not.toBeNull();
  });

  it("gives one seal key to two who ask at once", async () => {
    const place = await openPlace();

    const keys = await Promise.all([1, 2, 3].map(() => opened(place).sealKey(true)));

    expect(new Set(keys.map((key) => key?.toString("hex"))).size).toBe(1);
  });

  it("survives writes of many at once: each of them is kept", async () => {
    const place = await openPlace();
    await writeForeign(place, ownSecret(place), {});

    const others = [1, 2, 3].map((each) =>
      writeForeign(place, ownSecret(place), { [`theirs-${each}`]: "kept" }).catch((thrown: unknown) => {
        if (!isConflict(thrown)) throw thrown;
      }),
    );
    await Promise.all([...others, opened(place).savePending(beginning("one")), opened(place).saveMemory(aMemory)]);

    expect(readable(await opened(place).pending())).toEqual(readable(beginning("one")));
    expect(await opened(place).memory()).toEqual(aMemory);
  });

  it("is locked by a Lease: a second one is told who holds it, and let in afterwards", async () => {
    const place = await openPlace();
    const unlock = await opened(place).lock();
    const held = await place.cluster.leases.get(leaseOf(place));

    const failure = await failureOf(opened(place).lock());
    await unlock();
    const released = await place.cluster.leases.get(leaseOf(place));
    await (await opened(place).lock())();

    expect(held).toMatchObject({ holder: expect.stringMatching(/_[0-9a-f]{16}$/), duration: 30, transitions: 0 });
    expect(failure).toMatchObject({ code: "StateLocked", stage: "connect", retryable: true });
    expect(failure.message).toContain(held?.holder);
    expect(released).toMatchObject({ holder: null });
    expect(await place.cluster.leases.get(leaseOf(place))).toMatchObject({ transitions: 1 });
  });

  it("is locked beyond the duration of the Lease, since that is renewed", async () => {
    const place = await openPlace();
    const unlock = await opened(place, { leaseDuration: 2 }).lock();

    await new Promise((resolve) => setTimeout(resolve, 3000));
    const failure = await failureOf(opened(place).lock());
    await unlock();

    expect(failure.code).toBe("StateLocked");
  });

  it("is taken over when the Lease has ended, and the former holder does not take it back", async () => {
    const place = await openPlace();
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
    const killed = { holder: "killed", duration: 30, acquiredAt: ago(100), transitions: 3 };
    await place.cluster.leases.write({
      ...leaseOf(place),
      resourceVersion: null,
      frame: {},
      ...killed,
      renewedAt: ago(25),
    });

    const early = await failureOf(opened(place).lock());
    const lease = await place.cluster.leases.get(leaseOf(place));
    if (lease !== null) await place.cluster.leases.write({ ...lease, renewedAt: ago(31) });
    const unlock = await opened(place).lock();
    const late =
      lease && (await place.cluster.leases.write({ ...lease, renewedAt: new Date() }).catch((thrown) => thrown));

    expect(early.code).toBe("StateLocked");
    expect(isConflict(late)).toBe(true);
    expect(await place.cluster.leases.get(leaseOf(place))).toMatchObject({ transitions: 4 });
    await unlock();
  });

  it("is told to be locked without what a holder's name could do to a terminal", async () => {
    const place = await openPlace();
    const held = { holder: "evil\u001b[2J", duration: 30, acquiredAt: null, renewedAt: new Date(), transitions: 0 };
    await place.cluster.leases.write({ ...leaseOf(place), resourceVersion: null, frame: {}, ...held });

    const failure = await failureOf(opened(place).lock());

    expect(failure.message).toContain("(evil\\u001b[2J)");
  });

  it("goes to one of those who take an ended Lease at once", async () => {
    const place = await openPlace();

    const taken = await Promise.allSettled([1, 2, 3, 4].map(() => opened(place).lock()));

    const winners = taken.filter(({ status }) => status === "fulfilled");
    expect(winners).toHaveLength(1);
    for (const each of taken) {
      if (each.status === "fulfilled") await each.value();
      else expect(each.reason).toMatchObject({ code: "StateLocked", retryable: true });
    }
  });

  it("lets go of a Lease that another took over without touching it", async () => {
    const place = await openPlace();
    const unlock = await opened(place).lock();
    const lease = await place.cluster.leases.get(leaseOf(place));
    if (lease !== null) await place.cluster.leases.write({ ...lease, holder: "another" });

    await unlock();

    expect(await place.cluster.leases.get(leaseOf(place))).toMatchObject({ holder: "another" });
  });
}
