import { describe, expect, it } from "vitest";
import { createLogger, type LoggerOptions, silentLogger } from "../../src/common/logger.js";
import { Secret } from "../../src/common/secret.js";

function aLogger(options: Partial<LoggerOptions> = {}) {
  const written: string[] = [];
  const log = createLogger({
    level: "info",
    format: "text",
    terminal: false,
    write: (text) => written.push(text),
    ...options,
  });
  return { log, written, text: () => written.join("") };
}

describe("a log in text", () => {
  it("is one line each, with time, level, message and fields", () => {
    const { log, written } = aLogger();

    log.warn("asking Director again", { code: "ServerError", attempt: 1 });

    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}asking Director again \(code ServerError, attempt 1\)\n$/);
  });

  it("leaves the parentheses out when there are no fields", () => {
    const { log, text } = aLogger();

    log.info("fetched");

    expect(text()).toMatch(/ info {2}fetched\n$/);
  });

  it("stays one line when a field would steer the terminal", () => {
    const { log, text } = aLogger();

    log.info("fetched\nagain", { name: "\u001b]8;;x\u0007\nnext line" });

    expect(text().indexOf("\n")).toBe(text().length - 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
    expect(text()).not.toMatch(/[\u0007\u001b]/);
    expect(text()).toContain("fetched\\u000aagain");
  });
});

describe("a log in JSON", () => {
  it("is one object each, with time, level, message and fields", () => {
    const { log, written } = aLogger({ format: "json" });

    log.error("cycle failed", { stage: "fetch", attempt: 2 });

    expect(written).toHaveLength(1);
    expect(JSON.parse(written[0] ?? "")).toEqual({
      level: "error",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      msg: "cycle failed",
      stage: "fetch",
      attempt: 2,
    });
    expect(written[0]).toMatch(/\}\n$/);
  });
});

describe("the level", () => {
  it.each([
    ["debug", ["debug", "info", "warn", "error"]],
    ["info", ["info", "warn", "error"]],
    ["warn", ["warn", "error"]],
    ["error", ["error"]],
    ["silent", []],
  ] as const)("%s shows what is as weighty or weightier", (level, shown) => {
    const { log, written } = aLogger({ level, format: "json" });

    for (const name of ["debug", "info", "warn", "error"] as const) log[name]("message");

    expect(written.map((line) => JSON.parse(line).level)).toEqual(shown);
  });
});

describe.each(["text", "json"] as const)("a log in %s keeps back", (format) => {
  it.each(["token", "password", "clientSecret", "secret", "key", "authorization"])(
    "a field named %s, also one level below",
    (name) => {
      const { log, text } = aLogger({ format });

      log.info("message", { [name]: "hidden-value", other: 1 });
      log.info("message", { auth: { [name]: "hidden-value" } });

      expect(text()).not.toContain("hidden-value");
    },
  );

  it("secrets under any name", () => {
    const { log, text } = aLogger({ format });

    log.info("message", { value: Secret.of("hidden-value"), list: [Secret.of("hidden-value")] });

    expect(text()).toContain(format === "json" ? '"value":"[secret]"' : "value [secret]");
    expect(text()).not.toContain("hidden-value");
  });

  it.each(["cause", "err", "error"])("the words of an error of somebody else's in a field named %s", (name) => {
    const { log, text } = aLogger({ format });
    const thrown = new TypeError("hidden-value", { cause: new Error("hidden-value") });

    log.error("message", { [name]: Object.assign(thrown, { code: 5 }) });

    expect(text()).not.toContain("hidden-value");
  });
});

it.each([
  ["info", 1],
  ["error", 1],
  ["silent", 0],
] as const)("insists on a warning at the level %s", (level, times) => {
  const { log, text } = aLogger({ level });

  log.with({ cycle: "1" }).insist("nobody is verified");
  log.warn("less");

  expect(text().match(/warn {2}nobody is verified\n/g) ?? []).toHaveLength(times);
  expect(text().includes("less")).toBe(level === "info");
});

it("names the kind of a cause", () => {
  const { log, text } = aLogger();

  log.error("message", { cause: new RangeError("hidden") });

  expect(text()).toContain("cause RangeError");
});

describe("progress", () => {
  it("is a line that replaces itself on a terminal, and is cleared for the next message", () => {
    const { log, written } = aLogger({ terminal: true });

    log.progress("fetch", "1 of 20");
    log.progress("fetch", "2 of 20");
    log.info("fetched");
    log.info("done");

    expect(written.slice(0, 3)).toEqual(["\r\u001b[2Kfetch: 1 of 20", "\r\u001b[2Kfetch: 2 of 20", "\r\u001b[2K"]);
    expect(written.slice(3)).toEqual([expect.stringMatching(/fetched\n$/), expect.stringMatching(/done\n$/)]);
  });

  it.each([
    ["elsewhere than on a terminal", { terminal: false }],
    ["in JSON", { terminal: true, format: "json" }],
    ["when only errors are wanted", { terminal: true, level: "error" }],
    ["when nothing is wanted", { terminal: true, level: "silent" }],
  ] as const)("is not shown %s", (_, options) => {
    const { log, written } = aLogger(options);

    log.progress("fetch", "1 of 20");

    expect(written).toEqual([]);
  });

  it("is taken away before a result is written, once", () => {
    const { log, written } = aLogger({ terminal: true });

    log.progress("fetch", "1 of 20");
    log.endProgress();
    log.endProgress();

    expect(written).toEqual(["\r\u001b[2Kfetch: 1 of 20", "\r\u001b[2K"]);
  });

  it("cannot steer the terminal by what it names", () => {
    const { log, text } = aLogger({ terminal: true });

    log.progress("render", "\u001b[2Jevil\n");

    expect(text()).toBe("\r\u001b[2Krender: \\u001b[2Jevil\\u000a");
  });
});

it("the silent logger takes everything and says nothing", () => {
  expect([
    silentLogger.debug("m"),
    silentLogger.info("m", { a: 1 }),
    silentLogger.warn("m"),
    silentLogger.error("m"),
    silentLogger.insist("m"),
    silentLogger.progress("s", "t"),
    silentLogger.endProgress(),
  ]).toEqual([undefined, undefined, undefined, undefined, undefined, undefined, undefined]);
});
