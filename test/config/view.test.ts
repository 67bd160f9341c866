import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { loadConfig, viewData, viewText } from "../../src/config/index.js";
import { FULL_EXAMPLE } from "./example.js";

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "config-"));
  await writeFile(join(cwd, "agent.yaml"), FULL_EXAMPLE);
});

afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

describe("the view of the configuration", () => {
  it("has one aligned line for each value, with its origin", async () => {
    const text = viewText(await loadConfig({ env: { RUNTIME_AGENT_SCHEDULE_EVERY: "90s" }, cwd }));

    const lines = text.split("\n");
    expect(lines).toContainEqual(expect.stringMatching(/^schedule\.every +1m30s +RUNTIME_AGENT_SCHEDULE_EVERY$/));
    expect(lines).toContainEqual(expect.stringMatching(/^git\.auth\.token\.file +\/run\/git-token +agent\.yaml:27$/));
    expect(lines).toContainEqual(expect.stringMatching(/^runtime\.configuration +- +default$/));
    expect(lines).toContainEqual(expect.stringMatching(/^server\.page +127\.0\.0\.1:8091 +agent\.yaml:65$/));
    const columns = lines.filter((line) => line !== "").map((line) => /^\S+\s+/.exec(line)?.[0].length);
    expect(new Set(columns).size).toBe(1);
  });

  it("is a configuration that means the same", async () => {
    const loaded = await loadConfig({ env: {}, cwd });

    await writeFile(join(cwd, "again.yaml"), formatDocument(viewData(loaded).configuration));
    const again = await loadConfig({ file: "again.yaml", env: {}, cwd });

    expect(again.config).toEqual(loaded.config);
  });

  it("means the same when nearly all is default", async () => {
    const loaded = await loadConfig({ file: "/dev/null", env: { RUNTIME_AGENT_SECRETS_MODE: "cluster" }, cwd });

    await writeFile(join(cwd, "again.yaml"), formatDocument(viewData(loaded).configuration));
    const again = await loadConfig({ file: "again.yaml", env: {}, cwd });

    expect(again.config).toEqual(loaded.config);
  });

  it("is plain data with the origin of every value", async () => {
    const view = viewData(await loadConfig({ env: {}, cwd }));

    expect(view).toMatchObject({ kind: "Configuration", version: 1, file: join(cwd, "agent.yaml"), notes: [] });
    expect(view.origins["compass.token.file"]).toEqual({ kind: "file", name: "agent.yaml:9" });
    expect(JSON.parse(JSON.stringify(view))).toEqual(view);
  });

  it("never holds the value of a secret", async () => {
    await writeFile(join(cwd, "agent.yaml"), "compass: {token: {env: TOKEN}}\n");
    const loaded = await loadConfig({ env: { TOKEN: "S3CRET" }, cwd });

    expect(viewText(loaded)).toMatch(/^compass\.token\.env +TOKEN +agent\.yaml:1$/m);
    expect(viewText(loaded) + JSON.stringify(viewData(loaded))).not.toContain("S3CRET");
  });
});
