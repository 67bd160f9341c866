import { describe, expect, it } from "vitest";
import { Failure } from "../../src/common/failure.js";
import { Secret } from "../../src/common/secret.js";
import type { Snapshot } from "../../src/fetch/index.js";
import {
  commitMessage,
  createTell,
  outcomeEvents,
  outcomeText,
  planNotes,
  requestWords,
} from "../../src/report/index.js";
import { createGuards } from "../../src/seal/index.js";
import { aBundle, anApplication, anApplicationNamed, anAuth, aSnapshot, cycle, uuid } from "../builders.js";
import { anApplied, anOutcome, aPlan } from "./an-outcome.js";

const PASSWORD = "correcthorsebattery";
const shop = anApplicationNamed("mp-shop", 1, PASSWORD);
const guarding = (snapshot: Snapshot, constants = "") =>
  createGuards(snapshot, constants, new AbortController().signal);

describe("what is told of a name that holds a secret value", async () => {
  const planted = { ...anApplicationNamed(PASSWORD, 2), description: null };
  const snapshot = aSnapshot([shop, planted, { ...anApplicationNamed("mp-other", 3), description: PASSWORD }]);
  const tell = createTell(snapshot, await guarding(snapshot));

  it("is the id in every view, and nowhere the value", async () => {
    const { plan } = await cycle(new Map(), snapshot);

    const outcome = anOutcome(plan, {
      tell,
      notes: planNotes(plan, { snapshot, approvals: [], suspended: [PASSWORD] }),
    });

    const message = commitMessage(outcome, { runtime: "r", digest: "d", version: "1" });
    const request = requestWords({
      outcome,
      subject: "s",
      changes: [],
      rows: plan.rows,
      runtime: "r",
      path: "p",
      title: null,
      limits: { title: 255, body: 60_000 },
    });
    const views = [
      JSON.stringify(outcome),
      message,
      request.body,
      outcomeText(outcome, { color: false }),
      JSON.stringify(outcomeEvents(outcome)),
    ];
    expect(views.filter((view) => view.includes(PASSWORD))).toEqual([]);
    expect(message).toContain(`  - ${uuid(2)} (ReadableSecret)`);
    expect(message).toContain("  - mp-other (ReadableSecret)");
    expect(outcome.notes.join()).toContain(uuid(2));
  });

  it("is the id, too, where the Application was set aside before anything was sealed", async () => {
    const twins = [planted, { ...planted, id: uuid(4), bundles: [] }];
    const doubled = aSnapshot([shop, ...twins]);
    const { plan } = await cycle(new Map(), doubled);

    const outcome = anOutcome(plan, { tell: createTell(doubled, await guarding(doubled)) });

    expect(outcome.applications.setAside.map(({ name, reason }) => [name, reason])).toEqual([
      [uuid(2), "DuplicateName"],
      [uuid(4), "DuplicateName"],
    ]);
    expect(JSON.stringify(outcome)).not.toContain(PASSWORD);
  });

  it("is the id where the name has the value in other letters", async () => {
    const capitals = anApplicationNamed("mp-shop", 1, "CorrectHorseBattery");
    const name = `mp-${PASSWORD}`;
    const seen = aSnapshot([capitals, anApplicationNamed(name, 2)]);
    const message = `applications/${name}/application.yaml would hold it`;
    const setAside = [{ name, id: uuid(2), reason: "ReadableSecret", message } as const];

    const outcome = anOutcome(aPlan({ setAside, created: [name] }), {
      tell: createTell(seen, await guarding(seen)),
    });

    expect(JSON.stringify(outcome)).not.toContain(PASSWORD);
    expect(outcome.applications).toMatchObject({ created: [uuid(2)], setAside: [{ name: uuid(2) }] });
  });

  it("is the id in a message that cuts the name", async () => {
    const long = anApplication({ id: uuid(5), name: `${"x".repeat(50)}${PASSWORD}` });
    const message = `would hold a secret value of ${"x".repeat(50)}correcthorse… in readable form`;
    const setAside = [{ name: "mp-other", id: uuid(3), reason: "ReadableSecret", message } as const];
    const seen = aSnapshot([shop, long]);

    const outcome = anOutcome(aPlan({ setAside }), { tell: createTell(seen, await guarding(seen)) });

    expect(outcome.applications.setAside[0]?.message).toBe(`would hold a secret value of ${uuid(5)} in readable form`);
  });
});

describe("other text that holds a secret value", async () => {
  const parameters = anApplication({
    id: uuid(6),
    name: "mp-words",
    bundles: [aBundle({ defaultInstanceAuth: anAuth({ headers: Secret.of('{"X":["words of this one"]}') }) })],
  });
  const snapshot = aSnapshot([shop, parameters]);
  const tell = createTell(snapshot, await guarding(snapshot, "constant"));
  const withheld = "(withheld: it holds a secret value)";

  it("is withheld: messages, hosts, names of Secrets, notes, failures and what the cluster says", () => {
    const said = `words with ${PASSWORD} in them`;
    const about = { name: "mp-shop", id: uuid(1) };
    const plan = aPlan({
      setAside: [{ ...about, reason: "InvalidName", message: said }],
      degraded: [{ ...about, reason: "PathCollision", bundle: null, message: said }],
      held: [{ ...about, secret: `applications/mp-shop/secrets/${PASSWORD}.yaml`, reason: "OverLimit", until: null }],
      destinationChanges: [{ ...about, bundle: "b", from: [`${PASSWORD}.example.com`], to: ["fine"], isHeld: false }],
    });
    const controller = { kind: "Kustomization", namespace: "n", name: "k", reason: "r", message: said };

    const outcome = anOutcome(plan, {
      tell,
      notes: [said, "fine"],
      failure: new Failure(said, { code: "Internal", stage: "plan", hint: said }),
      applied: { ...anApplied, controller, unsealed: [{ name: "s", message: said }] },
    });

    expect(JSON.stringify(outcome)).not.toContain(PASSWORD);
    expect(outcome.notes).toEqual([withheld, "fine"]);
    expect(outcome.applications.destinationChanges[0]).toMatchObject({ from: [withheld], to: ["fine"] });
    expect(outcome.applications.held[0]).toMatchObject({ name: "mp-shop", secret: withheld });
    expect(outcome.applied).toMatchObject({ controller: { message: withheld }, unsealed: [{ message: withheld }] });
  });

  it("is told where it is the agent's own, which holds nothing that was fetched", async () => {
    const clash = aSnapshot([
      anApplicationNamed("mp-shop", 1, "everybody who can read"),
      anApplicationNamed("mp-other", 2, "mode and recipients"),
    ]);
    const notes = [
      "secrets.mode is plain: everybody who can read the repository can read the credentials",
      "Secrets are sealed anew for the mode and recipients configured: 5 in this cycle, 12 wait",
      "somebody says: everybody who can read",
    ];

    const outcome = anOutcome(aPlan({}), { tell: createTell(clash, await guarding(clash)), notes });

    expect(outcome.notes).toEqual([...notes.slice(0, 2), withheld]);
  });

  it("may be a word of every day that is a parameter's value of another Application, but not of its own", () => {
    const message = "repeats words of this one";
    const plan = aPlan({
      setAside: [
        { name: "mp-words", id: uuid(6), reason: "InvalidName", message },
        { name: "mp-shop", id: uuid(1), reason: "InvalidName", message },
      ],
    });

    const { setAside } = anOutcome(plan, { tell }).applications;

    expect(setAside.map((each) => each.message)).toEqual([withheld, message]);
  });
});
