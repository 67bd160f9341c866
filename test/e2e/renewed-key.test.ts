/** A renewed key of the Sealed Secrets controller, while a request is open or was closed. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { git } from "../fakes/git-server.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { aHostedWorld } from "./hosted-world.js";
import { aFolder } from "./world.js";

async function aSealingWorld(resealAfter: string) {
  const file = join(await aFolder(), "sealing.pem");
  const renew = async () => writeFile(file, (await aSealingPair()).certificate);
  await renew();
  const secrets = { mode: "sealed-secrets", sealedSecrets: { certificate: { file }, resealAfter } };
  const world = await aHostedWorld("github", {}, { settings: { secrets } });
  const tip = () => git(world.repository, "rev-parse", world.branch);
  return { ...world, renew, tip };
}

describe("a renewed key", () => {
  it.each(["36500d", "0s"])("proposes nothing that a person refused, due or not: %s", async (resealAfter) => {
    const world = await aSealingWorld(resealAfter);
    await world.sync();
    await git(world.repository, "update-ref", "-d", `refs/heads/${world.branch}`);
    await world.sync();
    await world.renew();

    const { outcome } = await world.sync();

    expect([outcome.result, world.host.requests.length]).toEqual(["unchanged", 1]);
  });

  it("takes what is sealed for the former one out of an open request, once that is due, and leaves its words", async () => {
    const world = await aSealingWorld("0s");
    await world.sync();
    const [before, { body = "" } = {}] = [await world.tip(), world.host.requests[0]];
    await world.renew();

    const renewed = await world.sync();
    const after = await world.tip();
    const idle = await world.sync();

    expect([renewed.outcome.result, renewed.outcome.commit?.id]).toEqual(["proposed", after]);
    expect(after).not.toBe(before);
    expect([idle.outcome.result, idle.outcome.commit]).toEqual(["proposed", null]);
    expect(world.host.requests.map((each) => each.body)).toEqual([body]);
  });

  it("leaves an open request alone before that", async () => {
    const world = await aSealingWorld("36500d");
    await world.sync();
    await world.renew();

    const { outcome } = await world.sync();

    expect([outcome.result, outcome.commit]).toEqual(["proposed", null]);
  });
});
