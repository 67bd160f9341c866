import { describe, expect, it } from "vitest";
import type { InventoryFile } from "../../src/base/index.js";
import { inSentences, isLate } from "../../src/report/applied.js";
import {
  type AppliedTarget,
  type AppliedView,
  appliedTarget,
  judgeApplied,
  notApplied,
  notAppliedText,
} from "../../src/report/index.js";
import { noon } from "../builders.js";
import { UNPRINTABLE } from "../common/hostile-text.js";

const DIGEST = `sha256:${"1".repeat(64)}`;
const OTHER = `sha256:${"2".repeat(64)}`;

const aRow = (path: string, changes: Partial<InventoryFile> = {}): InventoryFile => ({
  path,
  id: "id",
  blob: "b".repeat(40),
  sha256: "c".repeat(64),
  ...changes,
});

const aTarget = (changes: Partial<AppliedTarget> = {}): AppliedTarget => ({
  digest: DIGEST,
  applications: new Map([
    ["mp-b", "sha256:b"],
    ["mp-a", "sha256:a"],
  ]),
  secrets: new Set(["s-1", "s-2"]),
  deleted: new Set(["mp-gone", "mp-old", "mp-a"]),
  hasCanary: false,
  ...changes,
});

const aView = (changes: Partial<AppliedView> = {}): AppliedView => ({
  revision: DIGEST,
  applications: new Map([
    ["mp-a", "sha256:a"],
    ["mp-b", "sha256:b"],
    ["somebody-elses", null],
  ]),
  sealedSecrets: null,
  canary: null,
  controller: null,
  ...changes,
});

const judged = (view: Partial<AppliedView>, target: Partial<AppliedTarget> = {}, since: string | null = null) =>
  judgeApplied(aTarget(target), aView(view), since, noon);

describe("what is to be seen in the cluster", () => {
  it("are the Applications with the digests that the inventory has of them, and the names of their Secrets", () => {
    const files = [
      aRow("kustomization.yaml", { id: null }),
      aRow("canary.yaml", { id: null }),
      aRow("applications/mp-a/application.yaml", { digest: "sha256:a" }),
      aRow("applications/mp-a/secrets/s-1.yaml"),
      aRow("applications/mp-a/configmaps/application.yaml"),
    ];

    expect(appliedTarget(DIGEST, files, new Set(["mp-old"]))).toEqual({
      deleted: new Set(["mp-old"]),
      digest: DIGEST,
      applications: new Map([["mp-a", "sha256:a"]]),
      secrets: new Set(["s-1"]),
      hasCanary: true,
    });
  });

  it("are by their name alone those of which the digest is not known, or in whose place a person's version stands", () => {
    const files = [
      aRow("applications/mp-old/application.yaml"),
      aRow("applications/mp-changed/application.yaml", { digest: "sha256:a", written: "d".repeat(40) }),
      aRow("applications/mp-away/application.yaml", { digest: "sha256:a", absent: true }),
    ];

    expect(appliedTarget(DIGEST, files, new Set())).toMatchObject({
      applications: new Map([
        ["mp-old", null],
        ["mp-changed", null],
      ]),
      hasCanary: false,
    });
  });
});

describe("what is on the branch", () => {
  it("is applied when the revision shows its digest and every Application carries its own", () => {
    expect(judged({})).toEqual({
      current: true,
      missing: [],
      remaining: [],
      revision: DIGEST,
      at: noon.toISOString(),
      since: null,
      controller: null,
      canary: null,
      unsealed: [],
    });
    expect(notAppliedText(judged({}))).toBe("");
  });

  it("is not applied as long as an Application of the agent's is there that Git does not hold any more", () => {
    const there = aView().applications ?? new Map();
    const applied = judged({ applications: new Map([...there, ["mp-old", "sha256:o"], ["mp-gone", "sha256:g"]]) });
    // Of another agent, or a person's copy: nobody but this one took it from Git.
    const others = judged({ applications: new Map([...there, ["mp-others", "sha256:x"]]) });

    expect(others).toMatchObject({ current: true, remaining: [] });
    expect(applied).toMatchObject({ current: false, missing: [], remaining: ["mp-gone", "mp-old"] });
    expect(notAppliedText(applied)).toBe("not in Git any more, and still there: mp-gone, mp-old");
  });

  it.each<[string, Partial<AppliedView>, readonly string[], string]>([
    ["no revision is there", { revision: null }, [], "the cluster shows no revision of it"],
    ["the revision is another", { revision: OTHER }, [], "the cluster shows the revision sha256:222222222222…"],
    [
      "nobody asked for the Applications",
      { applications: null },
      [],
      "the cluster shows the revision sha256:111111111111…",
    ],
    ["an Application is not there", { applications: new Map([["mp-a", "sha256:a"]]) }, ["mp-b"], "not as in Git: mp-b"],
    [
      "Applications are another version, or carry no digest",
      {
        applications: new Map([
          ["mp-a", "sha256:x"],
          ["mp-b", null],
        ]),
      },
      ["mp-a", "mp-b"],
      "not as in Git: mp-a, mp-b",
    ],
    ["the canary is another", { canary: "different" }, [], "the canary holds another digest than the revision"],
    ["the canary is not there", { canary: "absent" }, [], "the canary is not there"],
  ])("is not applied when %s", (_, view, missing, text) => {
    const applied = judged(view);

    expect(applied).toMatchObject({ current: false, missing });
    expect(notAppliedText(applied)).toBe(text);
  });

  it("is applied though the canary may not be read, which says nothing of it", () => {
    expect(judged({ canary: "unreadable" })).toMatchObject({ current: true, canary: "unreadable" });
    expect(judged({ canary: "equal" })).toMatchObject({ current: true, canary: "equal" });
  });

  it("is applied where an Application of which no digest is known is there", () => {
    const target = { applications: new Map([["mp-a", null]]) };

    expect(judged({ applications: new Map([["mp-a", "sha256:x"]]) }, target).current).toBe(true);
    expect(judged({ applications: new Map() }, target).missing).toEqual(["mp-a"]);
  });

  it("is not applied while a Secret is not unsealed, which is told in the controller's words", () => {
    const sealedSecrets = new Map([
      ["s-1", { isUnsealed: true, message: "" }],
      ["s-2", { isUnsealed: false, message: "no key could decrypt secret (password)" }],
    ]);
    const applied = judged({ sealedSecrets });

    expect(applied).toMatchObject({
      current: false,
      unsealed: [{ name: "s-2", message: "no key could decrypt secret (password)" }],
    });
    expect(notAppliedText(applied)).toBe("not unsealed: s-2 (no key could decrypt secret (password))");
    expect(judged({ sealedSecrets: new Map([["s-1", { isUnsealed: null, message: "" }]]) }).unsealed).toEqual([
      { name: "s-1", message: "" },
      { name: "s-2", message: "" },
    ]);
  });

  it("has not been applied since the first time that it was seen so, until it is", () => {
    const since = "2026-11-22T00:00:00.000Z";

    expect(judged({ revision: null }).since).toBe(noon.toISOString());
    expect(judged({ revision: null }, {}, since).since).toBe(since);
    expect(judged({}, {}, since).since).toBeNull();
  });

  it("is told with the words of who applies it, made harmless and cut, and only while it is not applied", () => {
    const controller = {
      kind: "Kustomization",
      namespace: "flux-system",
      name: "runtime-agent",
      reason: "BuildFailed",
      message: ` \u001b[2J\u202e ${"x".repeat(1_000)}\n`,
    };
    const applied = inSentences(judged({ revision: OTHER, controller }));
    const { message = "" } = applied.controller ?? {};

    // What is cut before it is looked through could show the most of a secret value.
    expect(judged({ revision: OTHER, controller }).controller?.message).toHaveLength(1_000 + 16);
    expect(message).toHaveLength(500);
    expect(message).not.toMatch(UNPRINTABLE);
    expect(notAppliedText(applied)).toMatch(/^Kustomization flux-system\/runtime-agent says BuildFailed: /);
    expect(judged({ controller }).controller).toBeNull();
  });

  it("is late after five minutes, and at once where somebody says why", () => {
    const controller = { kind: "Kustomization", namespace: "n", name: "k", reason: "BuildFailed", message: "" };
    const since = (minutes: number) => new Date(noon.getTime() - minutes * 60_000).toISOString();
    const shown = (minutes: number, by: AppliedView["controller"] = null) =>
      isLate(judged({ revision: null, controller: by }, {}, since(minutes)));

    expect([shown(0), shown(4.9), shown(5), shown(0, controller)]).toEqual([false, false, true, true]);
    expect(isLate(judged({ controller }, {}, since(10)))).toBe(false);
  });

  it("that was waited for in vain is a failure that may pass, and names what is missing", () => {
    const failure = notApplied(judged({ applications: new Map() }), "5m");

    expect(failure).toMatchObject({ code: "NotApplied", stage: "report", retryable: true });
    expect(failure.message).toBe("it was not applied within 5m: not as in Git: mp-a, mp-b");
  });

  it("names five Applications of many", () => {
    const applications = new Map(["g", "f", "e", "d", "c", "b", "a"].map((name) => [name, null]));

    expect(notAppliedText(judged({ applications: new Map() }, { applications }))).toBe(
      "not as in Git: a, b, c, d, e and 2 more",
    );
  });
});
