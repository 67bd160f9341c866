/** What every place of a state must do, told once: run for a folder and for Secrets. */

import { expect, it } from "vitest";
import type { Secret } from "../../src/common/secret.js";
import type { Memory, State } from "../../src/state/index.js";
import { noMemory } from "../builders.js";
import { beginning, completed, connectionOf, identityOf } from "./examples.js";

/** A place that is empty; each call opens it anew, as the next run does. */
export type OpenPlace = () => Promise<() => State>;

/** Secrets in the open, so that two states can be compared. */
export const readable = <T extends { readonly key: Secret; readonly nextToken?: Secret | null }>(value: T | null) =>
  value && { ...value, key: value.key.reveal(), nextToken: value.nextToken?.reveal() ?? null };

const since = "2026-03-01T12:00:00Z";

/** Every part of it filled. */
export const aMemory: Memory = {
  spentTokens: ["a", "b"],
  missing: { "id-1/mp-a": { observations: 2, waited: 5, lastSeenMissing: since } },
  hold: {
    set: "set",
    nonce: "nonce",
    hash: "hash",
    since,
    units: [
      { name: "mp-a", id: "id-1", secret: null },
      { name: "mp-b", id: "id-2", secret: "applications/mp-b/secrets/s.yaml" },
    ],
  },
  proposedApproval: "hash",
  approvals: [{ hash: "hash", expires: since }],
  suspended: {
    everything: { since, reason: null },
    applications: { "mp-c": { since, reason: "maintenance" } },
  },
  published: {
    target: "target",
    serial: 7,
    deletions: [{ serial: 1, at: since, applications: 1, secrets: 2, ofApplications: 3, ofSecrets: 4 }],
    applications: { "mp-a": { id: "id-1", intent: "i", tree: "t", manifest: "m" } },
    others: { "mp-b": "id-2" },
  },
  seen: { within: "0123456789abcdef", tip: "0".repeat(40) },
  underway: {
    commit: "c",
    serial: 3,
    deletions: [
      { serial: 2, at: "2026-01-01T00:00:00Z", applications: 1, secrets: 0, ofApplications: 3, ofSecrets: 2 },
    ],
    applications: { "mp-a": { id: "id-1", intent: "i", tree: "t", manifest: "m" } },
    absentAt: "0".repeat(40),
  },
  reverted: { "mp-a": { tree: "t", intent: "i", since, resumed: true } },
  labels: { runtime_consoleUrl: "https://console.example.com" },
  counters: [{ name: "runtime_agent_cycles_total", labels: { result: "published" }, value: 3 }],
  applied: {
    at: "2026-11-22T10:00:00.000Z",
    since: "2026-11-22T09:00:00.000Z",
    revision: null,
    missing: ["mp-a"],
    obstacle: "Kustomization flux-system/runtime-agent says BuildFailed",
  },
  lastCycle: {
    finishedAt: since,
    result: "published",
    commit: "c",
    digest: "d",
    failure: null,
    applications: { total: 4, held: 3, setAside: 2, degraded: 1 },
  },
  certificate: {
    renewal: { since, last: since, times: 2, failure: "ServerError" },
    lastIssuance: since,
    rejected: { since, last: since, times: 1, failure: "CredentialsRejected" },
    subject: "CN=client",
    unreached: { since, last: since, times: 2, failure: "NetworkUnreachable" },
    triedTokens: { digest: { since, last: since, times: 3, failure: "TokenRejected" } },
    refused: { certificate: "a1", times: 2 },
    pairing: { since: "2026-11-20T10:00:00Z", last: "2026-11-21T10:00:00Z", times: 3, failure: "ServerError" },
    isPairingWanted: true,
    lastContact: since,
    clockSkew: -7000,
  },
  proposal: {
    place: "place",
    written: { commit: "c", base: "b", intent: "i", target: "t", seen: "s" },
    pending: [{ commit: "d", base: null, intent: "j", target: null, seen: null }],
    unremoved: { tip: "f", at: since },
    request: { number: 7, url: "https://git.example.com/7", state: "open", openedAt: since },
    withdrawn: [5],
    undone: { wishes: ["labels", "reviewers"], attempts: 2 },
    blocked: { tip: "e", isLabelled: true, isDone: false },
    notBefore: since,
    saying: "7 withdrawn",
    former: {
      request: { number: 6, url: "https://git.example.com/6", state: "open", openedAt: since },
      commits: ["g"],
    },
    earlier: [{ commit: "e".repeat(40), base: null, intent: "i", target: null, seen: null }],
    formerTarget: "u",
  },
  marked: ["kyma-system"],
};

export function behavesAsState(openPlace: OpenPlace): void {
  it("holds nothing when it is new", async () => {
    const state = (await openPlace())();

    const read = [await state.identity(), await state.connection(), await state.pending(), await state.sealKey(false)];

    expect(read).toEqual([null, null, null, null]);
    expect(await state.memory()).toEqual(noMemory);
  });

  it("keeps a pairing between its calls, and after them without the token that is spent", async () => {
    const open = await openPlace();

    await open().savePending(beginning("one"));
    const between = await open().pending();
    await open().savePending(completed("one"));

    expect(readable(between)).toEqual(readable(beginning("one")));
    expect(readable(await open().pending())).toEqual(readable(completed("one")));
  });

  it("keeps the identity with its connection, and drops the pairing", async () => {
    const open = await openPlace();
    await open().savePending(completed("one"));

    await open().promote(identityOf("one"), connectionOf("one"));

    expect(readable(await open().identity())).toEqual(readable(identityOf("one")));
    expect(await open().connection()).toEqual(connectionOf("one"));
    expect(await open().pending()).toBeNull();
  });

  it("keeps the identity in use while another one is on its way", async () => {
    const open = await openPlace();
    await open().promote(identityOf("one"), connectionOf("one"));

    await open().savePending(completed("two"));

    expect(readable(await open().identity())).toEqual(readable(identityOf("one")));
    expect(await open().connection()).toEqual(connectionOf("one"));
  });

  it("replaces an identity by the next one, and may be asked to twice", async () => {
    const state = (await openPlace())();
    await state.promote(identityOf("one"), connectionOf("one"));

    await state.promote(identityOf("two"), connectionOf("two"));
    await state.promote(identityOf("two"), connectionOf("two"));

    expect(readable(await state.identity())).toEqual(readable(identityOf("two")));
    expect(await state.connection()).toEqual(connectionOf("two"));
  });

  it("replaces a pairing by the next one, and leaves nothing of the former", async () => {
    const state = (await openPlace())();
    await state.savePending(completed("one"));

    await state.savePending(beginning("two"));

    expect(readable(await state.pending())).toEqual(readable(beginning("two")));
  });

  it("drops a pairing, also one that is not there", async () => {
    const state = (await openPlace())();
    await state.savePending(completed("one"));

    await state.discardPending();
    await state.discardPending();

    expect(await state.pending()).toBeNull();
  });

  it("forgets the identity in use and the pairing, and nothing else; and may be asked to twice", async () => {
    const open = await openPlace();
    await open().promote(identityOf("one"), connectionOf("one"));
    await open().savePending(completed("two"));
    await open().saveMemory(aMemory);
    const key = await open().sealKey(true);

    await open().forgetIdentity();
    await open().forgetIdentity();

    const state = open();
    expect([await state.identity(), await state.connection(), await state.pending()]).toEqual([null, null, null]);
    expect(await state.memory()).toEqual(aMemory);
    expect(await state.sealKey(false)).toEqual(key);
  });

  it("keeps the memory and the seal key", async () => {
    const open = await openPlace();

    await open().saveMemory(aMemory);
    const key = await open().sealKey(true);

    expect(await open().memory()).toEqual(aMemory);
    expect(key).toHaveLength(32);
    expect(await open().sealKey(false)).toEqual(key);
    expect(await open().sealKey(true)).toEqual(key);
  });

  it("can be locked, unlocked and locked again", async () => {
    const open = await openPlace();

    for (let times = 0; times < 2; times++) {
      const unlock = await open().lock();
      await unlock();
    }
  });
}
