/** What Flux, Argo CD and the Sealed Secrets controller say, as it is told in every view. */

import { describe, expect, it } from "vitest";
import { createTell, outcomeEvents, outcomeText, withControllersWords } from "../../src/report/index.js";
import { createControllersGate, createGuards } from "../../src/seal/index.js";
import { anApplicationNamed, aSnapshot, cycle } from "../builders.js";
import { anApplied, anOutcome } from "./an-outcome.js";

const PASSWORD = "hunter2x";
const snapshot = aSnapshot([anApplicationNamed("mp-shop", 1, PASSWORD)]);

/** Every view of an outcome in which both controllers say these words. */
async function viewsOf(words: string) {
  const guards = await createGuards(snapshot, "", new AbortController().signal);
  const tell = withControllersWords(createTell(snapshot, guards), createControllersGate(snapshot));
  const { plan } = await cycle(new Map(), snapshot);
  const by = { kind: "Kustomization", namespace: "flux-system", name: "runtime-agent", reason: "ReconciliationFailed" };
  const applied = {
    ...anApplied,
    current: false,
    controller: { ...by, message: words },
    unsealed: [{ name: "mp-shop", message: words }],
  };
  const outcome = anOutcome(plan, { tell, applied });
  return [JSON.stringify(outcome), outcomeText(outcome, { color: false }), JSON.stringify(outcomeEvents(outcome))];
}

describe("the words of who applies", () => {
  it.each([
    ["as it is", PASSWORD],
    ["in base64", Buffer.from(PASSWORD).toString("base64")],
    ["where a sentence is cut", `${"x".repeat(495)} ${PASSWORD}`],
    ["within others", `x${PASSWORD}x`],
  ])("are in no view with a short password in them, %s", async (_, planted) => {
    const views = await viewsOf(`Secret/kyma-system/mp-shop dry-run failed: ${planted} is too weak`);

    expect(views.filter((view) => view.includes(planted))).toEqual([]);
    expect(views[0]).toContain("(withheld: its words hold a secret value)");
  });

  it("are told without one", async () => {
    const [json] = await viewsOf("Secret/kyma-system/mp-shop dry-run failed: it is too weak");

    expect(json).toContain("dry-run failed: it is too weak");
  });
});
