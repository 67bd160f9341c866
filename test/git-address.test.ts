import { describe, expect, it } from "vitest";
import { isApiOf, onOneHost } from "../src/git-address.js";

describe("two addresses are of one host", () => {
  it.each([
    ["https://github.com/a/b.git", "https://GitHub.com/c/b"],
    ["https://github.com/a/b.git", "https://github.com:443/c/b"],
    ["https://github.com/a/b.git", "git@github.com:c/b.git"],
    ["git@github.com:a/b.git", "ssh://git@github.com/c/b.git"],
    ["https://github.com/a/b.git", "ssh://git@ssh.github.com:443/c/b.git"],
    ["git@gitlab.com:a/b.git", "ssh://git@altssh.gitlab.com:443/c/b.git"],
    ["https://git.example.com:8443/a/b.git", "ssh://git@git.example.com:2222/c/b.git"],
    ["https://git.example.com:8443/a/b.git", "https://git.example.com:8443/c/b.git"],
    ["http://127.0.0.1:3000/a/b.git", "http://localhost:3000/c/b.git"],
    ["http://[::1]:3000/a/b.git", "git@[::1]:c/b.git"],
  ])("%s and %s", (one, other) => {
    expect([onOneHost(one, other), onOneHost(other, one)]).toEqual([true, true]);
  });
});

describe("two addresses are not of one host", () => {
  it.each([
    ["https://github.com/a/b.git", "https://gitlab.com/a/b.git"],
    ["https://github.com/a/b.git", "https://github.com.example.com/a/b.git"],
    ["https://github.com/a/b.git", "https://api.github.com/a/b.git"],
    ["https://github.com/a/b.git", "git@example.com:github.com/b.git"],
    ["https://github.com/a/b.git", "https://ssh.github.com/a/b.git"],
    ["https://git.example.com/a/b.git", "https://git.example.com:8443/a/b.git"],
    ["http://git.example.com/a/b.git", "https://git.example.com/a/b.git"],
    ["git@git.example.com:a/b.git", "ssh://git@git.example.com:2222/a/b.git"],
    ["http://127.0.0.1:3000/a/b.git", "http://localhost:3001/a/b.git"],
    ["https://git.example.com/a/b.git", "/srv/git/b.git"],
    ["/srv/git/a.git", "/srv/git/b.git"],
    ["file:///srv/git/a.git", "file:///srv/git/b.git"],
  ])("%s and %s", (one, other) => {
    expect([onOneHost(one, other), onOneHost(other, one)]).toEqual([false, false]);
  });
});

describe("an API is of a repository's host", () => {
  it.each([
    ["https://api.github.com", "https://github.com/a/b.git", true],
    ["https://api.octo.ghe.com", "git@octo.ghe.com:a/b.git", true],
    ["https://git.example.com/api/v4", "https://git.example.com:8443/a/b.git", true],
    ["http://localhost:3000/api/v1", "http://127.0.0.1:4000/a/b.git", true],
    ["https://example.com/api/v4", "https://git.example.com/a/b.git", false],
    ["https://api.github.com", "https://git.example.com/a/b.git", false],
    ["https://git.example.com.evil.example/api/v4", "https://git.example.com/a/b.git", false],
  ])("%s of %s: %s", (api, repository, expected) => {
    expect(isApiOf(api, repository)).toBe(expected);
  });
});
