import { describe, expect, it } from "vitest";
import { decideLabels } from "../../src/report/index.js";

const consoleURL = "https://console.example.com";
const eventsURL = "https://gateway.example.com";

describe("the labels of the runtime", () => {
  it.each([
    ["missing", {}],
    ["different", { runtime_consoleUrl: "https://old.example.com" }],
    ["no text", { runtime_consoleUrl: [consoleURL] }],
  ])("are set where Compass's are %s", (_, found) => {
    const { toSet, unchanged } = decideLabels({ consoleURL, eventsURL: null }, found, {});

    expect({ toSet, unchanged }).toEqual({
      toSet: [{ key: "runtime_consoleUrl", value: consoleURL }],
      unchanged: [],
    });
  });

  it("are left as they are where Compass has them so", () => {
    const found = { runtime_consoleUrl: consoleURL, runtime_eventServiceUrl: eventsURL };

    const decision = decideLabels({ consoleURL, eventsURL }, found, {});

    expect(decision).toEqual({ toSet: [], unchanged: ["runtime_consoleUrl", "runtime_eventServiceUrl"], left: [] });
  });

  it("are never set to nothing, which Director refuses", () => {
    expect(decideLabels({ consoleURL: "", eventsURL: null }, {}, {}).toSet).toEqual([]);
  });

  it("are told as left when the agent set them and they are configured no more", () => {
    const found = { runtime_consoleUrl: consoleURL, runtime_eventServiceUrl: eventsURL };

    const { left } = decideLabels({ consoleURL: null, eventsURL: null }, found, { runtime_consoleUrl: consoleURL });

    // The other one is somebody else's.
    expect(left).toEqual([{ key: "runtime_consoleUrl", setting: "runtime.consoleURL" }]);
  });
});
