import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAddress } from "../../../src/adapters/git/address.js";
import type { Failure } from "../../../src/common/failure.js";

const refusal = (text: string): Failure => {
  try {
    parseAddress(text);
  } catch (failure) {
    return failure as Failure;
  }
  throw new Error(`"${text}" was accepted`);
};

describe("the address of a repository", () => {
  it("is a folder, which git gets as a file address", () => {
    const url = "file:///srv/git/100%25%20%231.git";

    expect(parseAddress("/srv/git/100% #1.git")).toEqual({ url, origin: null, shown: "/srv/git/100% #1.git" });
    expect(parseAddress(url)).toEqual({ url, origin: null, shown: "/srv/git/100% #1.git" });
    expect(parseAddress("./fleet.git").shown).toBe(resolve("fleet.git"));
    expect(parseAddress("./git@host:fleet.git").origin).toBeNull();
  });

  it("is an http address, whose origin gets the credentials", () => {
    expect(parseAddress("https://git.example.com/a/b.git")).toEqual({
      url: "https://git.example.com/a/b.git",
      origin: "https://git.example.com",
      shown: "https://git.example.com/a/b.git",
    });
    expect(parseAddress("HTTP://Git.Example.com:8080/a").origin).toBe("http://git.example.com:8080");
  });

  it("holds no user and no password, and a refusal does not repeat them", () => {
    for (const text of ["https://user:pa55@git.example.com/a", "https://pa55@git.example.com/a", "file://pa55@h/a"]) {
      const failure = refusal(text);

      expect(failure).toMatchObject({ code: "ConfigurationInvalid", stage: "config" });
      expect(failure.message + failure.hint).not.toContain("pa55");
    }
    expect(refusal("https://git.example.com/a?private_token=pa55").message).not.toContain("pa55");
    expect(refusal("https://u:pa55@[bad/a").message).not.toContain("pa55");
  });

  it("is an ssh address in both notations, which goes to git as it is", () => {
    for (const text of [
      "git@github.com:a/b.git",
      "ssh://git@git.example.com:2222/a/b.git",
      "host.example.com:b",
      "[::1]:b",
    ]) {
      expect(parseAddress(text), text).toEqual({ url: text, origin: null, shown: text });
    }
    expect(parseAddress("ssh://git@h/größe a.git").url).toBe("ssh://git@h/gr%C3%B6%C3%9Fe%20a.git");
    for (const text of [
      "ssh://git:pa55@host/a",
      "ssh://-oProxyCommand=x/a",
      "ssh://host/a?x=pa55",
      "ssh://a%20b@host/x",
    ]) {
      expect(refusal(text), text).toMatchObject({ code: "ConfigurationInvalid" });
      expect(refusal(text).message, text).not.toContain("pa55");
    }
  });

  it("is nothing that could run a program, and no protocol without protection", () => {
    for (const text of [
      "git://host/a",
      "ext::sh -c id",
      "-oProxyCommand=x:a",
      "host:-a",
      "a b:c",
      "git+ssh://host/a",
    ]) {
      expect(refusal(text), text).toMatchObject({ code: "BaseUnusable" });
    }
    expect(refusal("git://host/a").hint).toContain("git.url");
    expect(refusal("")).toMatchObject({ code: "ConfigurationInvalid" });
    expect(refusal("file://host/share")).toMatchObject({ code: "ConfigurationInvalid" });
  });

  it("is shown on one harmless line", () => {
    expect(parseAddress("/srv/a\n\u001b[31mb").shown).toBe("/srv/a\\u000a\\u001b[31mb");
  });
});
