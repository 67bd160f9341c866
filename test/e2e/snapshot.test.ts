/** A snapshot is for others to read, as with a bug report: nothing in it is a secret value, whoever wrote it where. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { aWorld } from "./world.js";

const PASSWORD = "Planted&password 77";

it("leaves out the texts that repeat a secret value, and says where", async () => {
  const world = await aWorld({ sandbox: { applications: 3 } });
  await world.pair();
  await world.edit(({ applications }) => {
    const [one, two] = applications;
    const bundle = one?.bundles[0];
    if (one === undefined || two === undefined || bundle === undefined) throw new Error("too few");
    bundle.defaultInstanceAuth = {
      credential: { __typename: "BasicCredentialData", username: "u", password: PASSWORD },
      additionalHeaders: null,
      additionalQueryParams: null,
      requestAuth: null,
    };
    one.description = `use ${PASSWORD}`;
    two.description = `https://h/?${new URLSearchParams({ key: PASSWORD })}`;
  });
  const file = join(world.folder, "landscape.json");

  const shown = await world.run(["snapshot"]);
  const written = await world.run(["snapshot", "--out", file]);
  const whole = await world.run(["snapshot", "--with-secrets"]);

  for (const text of [shown.stdout, await readFile(file, "utf8")]) {
    expect(text).not.toMatch(/planted/i);
    expect(JSON.parse(text).applications.map(({ description }: { description: string }) => description)).toMatchObject([
      "(withheld: it holds a secret value)",
      "(withheld: it holds a secret value)",
      expect.not.stringContaining("withheld"),
    ]);
  }
  for (const { stderr } of [shown, written])
    expect(stderr).toContain(
      "what repeats a secret value, which plan --snapshot cannot know: applications[0].description and 1 more",
    );
  expect(whole.stdout).toContain(`use ${PASSWORD}`);
  expect(whole.stderr).not.toContain("repeats");
  expect((await world.run(["plan", "--snapshot", file])).code).toBe(0);
});
