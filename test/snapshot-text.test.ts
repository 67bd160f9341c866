import { describe, expect, it } from "vitest";
import { snapshotText } from "../src/snapshot-text.js";
import { anApplicationNamed, aSnapshot } from "./builders.js";

const PASSWORD = "password of mp-shop";
const { signal } = new AbortController();

describe("a recording for others", () => {
  it("holds no secret value in what the runtime is called and labelled, whatever its labels are called", async () => {
    const snapshot = aSnapshot([anApplicationNamed("mp-shop", 1, PASSWORD)]);
    const labels = {
      id: PASSWORD,
      __typename: [PASSWORD, { id: PASSWORD }],
      [PASSWORD]: "fine",
      [`x ${PASSWORD}`]: { id: PASSWORD, fine: true },
      fine: "fine",
    };
    const runtime = { ...snapshot.runtime, name: `runtime, ${PASSWORD}`, labels };

    const { text, withheld } = await snapshotText({ ...snapshot, runtime } as never, signal);

    const said = "(withheld: it holds a secret value)";
    expect(`${text}${withheld.join()}`).not.toContain(PASSWORD);
    expect(JSON.parse(text).runtime).toEqual({
      id: runtime.id,
      name: said,
      labels: {
        id: said,
        __typename: [said, { id: said }],
        [`${said} 1`]: "fine",
        [`${said} 2`]: { id: said, fine: true },
        fine: "fine",
      },
    });
    expect(withheld).toHaveLength(7);
    expect(JSON.parse(text).applications[0].id).toBe(snapshot.applications[0]?.id);
  });
});
