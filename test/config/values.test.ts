import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatAddress,
  formatDuration,
  formatShare,
  formatSize,
  gitLocation,
  parseAddress,
  parseBranch,
  parseDuration,
  parseGitURL,
  parseNamespacedName,
  parseRepositoryPath,
  parseShare,
  parseSize,
  parseURL,
} from "../../src/config/values.js";

describe("durations", () => {
  it.each([
    ["0s", 0],
    ["250ms", 250],
    ["30s", 30_000],
    ["2m", 120_000],
    ["30m", 1_800_000],
    ["1h30m", 5_400_000],
    ["1h0m0s", 3_600_000],
    ["10d", 864_000_000],
    ["1d1h1m1s1ms", 90_061_001],
    ["PT2M", 120_000],
    ["PT1H30M", 5_400_000],
    ["P10D", 864_000_000],
    ["P1DT1S", 86_401_000],
  ])("read %s as %d milliseconds", (text, value) => {
    expect(parseDuration(text)).toEqual({ value });
  });

  it.each(["", "5", "-1s", "1.5h", "m", "2 m", "30m1h", "P", "PT", "P1DT", "P1M", "1y", "2M", "99999999d", " 1s"])(
    "refuse %j",
    (text) => {
      expect(parseDuration(text)).toHaveProperty("wrong");
    },
  );

  it("are read back from what is written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_000_000_000_000 }), (value) => {
        expect(parseDuration(formatDuration(value))).toEqual({ value });
      }),
    );
  });
});

describe("sizes", () => {
  it.each([
    ["256MiB", 268_435_456],
    ["10MB", 10_000_000],
    ["1.5KiB", 1_536],
    ["2 GiB", 2_147_483_648],
    ["1kB", 1_000],
    ["4096", 4_096],
    ["12B", 12],
    [4_096, 4_096],
  ])("read %s as %d bytes", (text, value) => {
    expect(parseSize(text)).toEqual({ value });
  });

  it.each(["", "MiB", "1.5", "0", "-1", "1mib", "10 apples", "1e3", 1.5, 0, -1, "99999999999GiB"])(
    "refuse %j",
    (text) => {
      expect(parseSize(text)).toHaveProperty("wrong");
    },
  );

  it("are read back from what is written", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.integer({ min: 1 }),
          fc.integer({ min: 1, max: 4_000 }).map((n) => n * 1024 ** 2),
        ),
        (value) => {
          expect(parseSize(formatSize(value))).toEqual({ value });
        },
      ),
    );
  });
});

describe("shares", () => {
  it.each([
    ["20%", 0.2],
    ["67%", 0.67],
    ["12.5%", 0.125],
    ["0%", 0],
    ["100%", 1],
    ["0.2", 0.2],
    [0.67, 0.67],
    [1, 1],
  ])("read %s as %d", (text, value) => {
    expect(parseShare(text)).toEqual({ value });
  });

  it.each(["", "%", "-1%", "101%", 20, -0.1, "a", "1e-1"])("refuse %j", (text) => {
    expect(parseShare(text)).toHaveProperty("wrong");
  });

  it("are read back from what is written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), (tenths) => {
        const value = tenths / 10_000;

        expect(parseShare(formatShare(value))).toEqual({ value });
      }),
    );
  });
});

describe("paths within a repository", () => {
  it.each([
    ["clusters/prod/runtime-agent", "clusters/prod/runtime-agent"],
    ["apps/", "apps"],
    ["", ""],
    [".", ""],
    ["a.b/.c", "a.b/.c"],
  ])("take %j for %j", (text, value) => {
    expect(parseRepositoryPath(text)).toEqual({ value });
  });

  it.each(["/a", "a//b", "..", "a/../b", "./a", "a\\b", "a\nb", "a\u0000", "//", ".git", "a/.GIT/hooks"])(
    "refuse %j",
    (text) => {
      expect(parseRepositoryPath(text)).toHaveProperty("wrong");
    },
  );
});

describe("branch names", () => {
  it.each(["main", "clusters/prod", "a-b_c.d", "ünïcode", "a@b"])("take %j", (text) => {
    expect(parseBranch(text)).toEqual({ value: text });
  });

  it.each([
    "",
    "-a",
    "/a",
    "a/",
    "a//b",
    "a..b",
    "a b",
    "a~",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "a\\b",
    "@",
    "a@{b",
    ".a",
    "a/.b",
    "a.lock",
    "a.lock/b",
    "a.",
    "a\u0007",
    "HEAD",
  ])("refuse %j", (text) => {
    expect(parseBranch(text)).toHaveProperty("wrong");
  });
});

describe("addresses of repositories", () => {
  it.each([
    ["https://git.example.com/a.git", "https"],
    ["http://127.0.0.1:3000/a.git", "https"],
    ["ssh://git@git.example.com/a.git", "ssh"],
    ["git@git.example.com:a/b.git", "ssh"],
    ["host:a/b.git", "ssh"],
    ["/srv/a.git", "path"],
    ["./a.git", "path"],
    ["../with:colon", "path"],
    ["file:///srv/a.git", "path"],
  ] as const)("tell that %s is reached by %s", (text, location) => {
    expect(gitLocation(text)).toBe(location);
    expect(parseGitURL(text)).toEqual({ value: text });
  });

  it.each([
    "",
    "-u",
    "--upload-pack=x",
    "ext::sh -c x",
    "git://h/a",
    "ftp://h/a",
    "fd::3",
    "a\nb",
    "host:",
    "https://u:p@h/a",
    "https://token@h/a",
    "ssh://u:p@h/a",
    "ssh:///a b",
  ])("refuse %j", (text) => {
    expect(parseGitURL(text)).toHaveProperty("wrong");
  });
});

describe("URLs", () => {
  it.each([
    "https://a.example.com/b",
    "http://localhost:1",
    "http://127.0.0.1/",
    "http://[::1]:1/",
    "http://a.localhost",
  ])("take %s where https is asked for", (text) => {
    expect(parseURL(text, { secure: true })).toEqual({ value: text });
  });

  it.each([
    "http://a.example.com",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://0.0.0.0",
    "ftp://a",
    "a.example.com",
    "https://",
    "https://u@a",
    "https://:p@a",
    "https://a b",
    " https://a",
    "javascript:1",
  ])("refuse %j where https is asked for", (text) => {
    expect(parseURL(text, { secure: true })).toHaveProperty("wrong");
  });
});

describe("addresses to listen on", () => {
  it.each([
    ["127.0.0.1:8091", { host: "127.0.0.1", port: 8091 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["localhost:65535", { host: "localhost", port: 65_535 }],
  ])("read %s and write it back", (text, value) => {
    expect(parseAddress(text)).toEqual({ value });
    expect(formatAddress(value)).toBe(text);
  });

  it.each(["", "8091", ":8091", "a:", "a:65536", "a:b", "a b:1", "::1:80"])("refuse %j", (text) => {
    expect(parseAddress(text)).toHaveProperty("wrong");
  });
});

describe("names of Kubernetes objects", () => {
  it("have a namespace and a name", () => {
    expect(parseNamespacedName("kyma-system/agent.config")).toEqual({
      value: { namespace: "kyma-system", name: "agent.config" },
    });
  });

  it.each(["", "a", "a/", "/a", "a/b/c", "A/b", "a/B", "a_b/c", "a.b/c"])("are not %j", (text) => {
    expect(parseNamespacedName(text)).toHaveProperty("wrong");
  });
});
