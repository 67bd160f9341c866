/** What the agent says as users run it: nothing that is secret, and always that credentials lie open where they do. */

import { describe, expect, it } from "vitest";
import { git } from "../fakes/git-server.js";
import { aWorld } from "./world.js";

const PLAIN = "secrets.mode is plain: everybody who can read the repository can read the credentials";
const PASSWORD = "correcthorsebattery";

describe("what the agent says", () => {
  it("warns in every answer and commit of mode plain, once", async () => {
    const world = await aWorld({ settings: { secrets: { mode: "plain", acknowledgePlain: true } } });
    await world.pair();
    const away = { RUNTIME_AGENT_GIT_URL: `${world.repository}-gone` };

    const answers = [
      await world.run(["sync"]),
      await world.run(["status"]),
      await world.run(["doctor"]),
      await world.run(["config", "validate"]),
      await world.run(["renew"]),
      await world.run(["sync"], { env: away }),
    ];
    const json = [
      await world.run(["status", "-o", "json"]),
      await world.run(["sync", "-o", "json"], { env: away }),
      await world.run(["config", "validate", "-o", "json"]),
    ];
    const snapshot = await world.run(["snapshot"]);

    for (const { stdout } of answers.filter((_, index) => index !== 2)) expect(stdout.split(PLAIN)).toHaveLength(2);
    expect(answers[2]?.stdout).toContain(PLAIN);
    for (const { stdout } of json) expect(JSON.parse(stdout).warnings).toEqual([PLAIN]);
    expect(snapshot.stderr).toContain(PLAIN);
    expect(await git(world.repository, "log", "--format=%B", "main")).toContain(`\nWarning: ${PLAIN}.\n`);
  });

  it("repeats no password that somebody planted in a name, in no answer and no commit", async () => {
    const world = await aWorld();
    await world.pair();
    await world.run(["sync"]);
    let planted = "";
    await world.edit(({ applications }) => {
      const [owner, other, third] = applications;
      const credential = { __typename: "BasicCredentialData", username: "u", password: PASSWORD };
      const auth = { credential, additionalHeaders: null, additionalQueryParams: null, requestAuth: null };
      Object.assign(owner?.bundles[0] ?? {}, { defaultInstanceAuth: auth });
      planted = other?.id ?? "";
      Object.assign(other ?? {}, { name: PASSWORD });
      Object.assign(third ?? {}, { description: "another text" });
    });

    const answers = [
      await world.run(["plan", "-o", "json"]),
      await world.run(["sync", "--log-level", "debug"]),
      await world.run(["sync", "-o", "json"]),
      await world.run(["status", "-o", "json"]),
    ];
    const commits = await git(world.repository, "log", "--format=%B", "main");

    expect(answers.filter(({ stdout, stderr }) => `${stdout}${stderr}`.includes(PASSWORD))).toEqual([]);
    expect(commits).not.toContain(PASSWORD);
    expect(commits).toContain(`  - ${planted} (ReadableSecret)`);
  });
});
