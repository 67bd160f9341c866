import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { explicitSettings } from "../../src/config/explicit.js";
import { loadConfig } from "../../src/config/index.js";
import { aFolder } from "../e2e/world.js";

const settingsOf = async (text: string, env: Readonly<Record<string, string>> = {}) => {
  const cwd = await aFolder();
  await writeFile(join(cwd, "agent.yaml"), text);
  const settings = explicitSettings(await loadConfig({ env, cwd }));
  return settings.map(({ path, value, isReference }) => [path.join("."), value, isReference]);
};

describe("what was said", () => {
  it("is what the file and the environment say, in the notation of the file, without any default", async () => {
    const said = await settingsOf("schedule: {every: 120s}\ndeletion: {limit: 0.05}\n", {
      RUNTIME_AGENT_DRIFT: "fail",
      APP_INTEGRATION_NAMESPACE: "apps",
    });

    expect(said).toEqual([
      ["applications.namespace", "apps", false],
      ["deletion.limit", "5%", false],
      ["drift", "fail", false],
      ["schedule.every", "2m", false],
    ]);
  });

  it("has a secret reference as one setting, of whatever kind", async () => {
    const said = await settingsOf(
      "compass: {ca: {file: /ca.pem}, token: {env: TOKEN}}\ngit: {url: https://git.example.com/a.git, path: a, auth: {token: {secret: kyma-system/git, key: token}}}\nsecrets: {mode: plain, acknowledgePlain: true}\n",
    );

    expect(said.filter(([, , isReference]) => isReference)).toEqual([
      ["compass.token", { env: "TOKEN" }, true],
      ["compass.ca", { file: "/ca.pem" }, true],
      ["git.auth.token", { secret: "kyma-system/git", key: "token" }, true],
    ]);
  });

  it("does not take the name of a Secret for a reference to a value", async () => {
    expect(await settingsOf("certificate: {secret: kyma-system/mine}\n")).toEqual([
      ["certificate.secret", "kyma-system/mine", false],
    ]);
  });
});
