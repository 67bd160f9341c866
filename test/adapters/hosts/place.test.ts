import { describe, expect, it } from "vitest";
import { hostPlace, knownHost } from "../../../src/adapters/hosts/index.js";

const guessed = { kind: null, api: null };

describe("the host of a repository", () => {
  it.each([
    ["https://github.com/team/clusters.git", "github", "https://api.github.com", "team/clusters"],
    ["git@github.com:team/clusters.git", "github", "https://api.github.com", "team/clusters"],
    ["ssh://git@gitlab.com/group/sub/clusters.git", "gitlab", "https://gitlab.com/api/v4", "group/sub/clusters"],
    ["https://codeberg.org/team/clusters", "forgejo", "https://codeberg.org/api/v1", "team/clusters"],
  ])("is known for %s", (url, kind, api, repository) => {
    expect([hostPlace(url, guessed), knownHost(url)]).toEqual([{ kind, api, repository }, kind]);
  });

  it.each([
    "/srv/git/clusters.git",
    "file:///srv/git/clusters.git",
    "https://git.example.com/team/clusters.git",
    "https://github.com.evil.example/team/clusters",
  ])("is not guessed for %s", (url) => {
    expect([hostPlace(url, guessed), knownHost(url)]).toEqual([null, null]);
  });

  it.each([
    [
      "https://git.example.com/team/clusters.git",
      { kind: "github" as const, api: null },
      "https://git.example.com/api/v3",
    ],
    [
      "ssh://git@git.example.com:2222/team/clusters.git",
      { kind: "gitea" as const, api: null },
      "https://git.example.com/api/v1",
    ],
    [
      "https://git.example.com/team/clusters.git",
      { kind: "gitlab" as const, api: "https://api.example.com/v4/" },
      "https://api.example.com/v4",
    ],
  ])("that is one's own has its API in its usual place, or where it is told: %s", (url, given, api) => {
    expect(hostPlace(url, given)).toEqual({ kind: given.kind, api, repository: "team/clusters" });
  });

  it("may live below a path", () => {
    const given = { kind: "gitlab" as const, api: "https://example.com/gitlab/api/v4" };

    expect(hostPlace("https://example.com/gitlab/group/clusters.git", given)?.repository).toBe("group/clusters");
  });

  it("needs an owner and a name", () => {
    expect(hostPlace("https://github.com/clusters.git", guessed)).toBeNull();
  });
});
