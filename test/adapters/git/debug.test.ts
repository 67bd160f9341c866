import { describe, expect, it, vi } from "vitest";

// simple-git's logger reads it when it is loaded, so it must come before the imports.
vi.hoisted(() => {
  process.env.DEBUG = "simple-git,simple-git:*";
});

import { commitAs, createBareRepository, startGitServer } from "../../fakes/git-server.js";
import { basic, useWorkshop } from "./setup.js";

const workshop = useWorkshop();

describe("credentials", () => {
  it("are not in what simple-git prints when DEBUG asks for everything", async () => {
    let printed = "";
    const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      printed += text;
      return true;
    });
    workshop.later(async () => write.mockRestore());
    const token = "canary-t0ken-0123456789";
    const path = await createBareRepository(workshop.directory, "fleet.git");
    await commitAs(path, { files: { a: "1" } });
    const server = await startGitServer({ directory: workshop.directory, token });
    workshop.later(() => server.close());
    const proxy = "http://agent:canary-pr0xy@127.0.0.1:1";
    const repository = await workshop.open(server.url("fleet.git"), {
      auth: basic(token),
      proxy,
      noProxy: ["127.0.0.1"],
    });

    await repository.remote();

    expect(printed).toContain("GIT_CONFIG_COUNT");
    expect(printed).not.toContain(token);
    expect(printed).not.toContain(Buffer.from(`x-access-token:${token}`).toString("base64"));
    expect(printed).not.toContain("canary-pr0xy");
  });
});
