/** Cycle after cycle in surroundings that change: nothing is committed but what has changed, and of that not a byte too much. */

import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, it } from "vitest";
import { formatDocument } from "../../src/adapters/yaml/index.js";
import { git } from "../fakes/git-server.js";
import { aSealingPair } from "../seal/sealing-pair.js";
import { aWorld, GIT_PATH, type Landscape, parseObject, RECIPIENT, type Run, type World } from "./world.js";

const { RUNTIME_AGENT_CYCLES, RUNTIME_AGENT_NODES = "", RUNTIME_AGENT_SEED = "1" } = process.env;

/** `RUNTIME_AGENT_CYCLES=1000` for as many. */
const CYCLES = Number(RUNTIME_AGENT_CYCLES ?? 30);

/** Cycles of one process. Then the next one begins, in other surroundings and with an empty cache. */
const LIFE = 10;

/** `RUNTIME_AGENT_NODES` names more of them, with a colon between. */
const NODES = [process.execPath, ...RUNTIME_AGENT_NODES.split(":").filter((path) => path !== "")];
const ZONES = ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"];
const LOCALES = ["C", "tr_TR.UTF-8", "ja_JP.UTF-8"];

const AGENT = join(import.meta.dirname, "cycling-agent.mjs");

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** A process of the agent that does one command after the other. */
function startAgent(world: World, life: number) {
  const at = <T>(all: readonly T[]) => all[life % all.length] as T;
  const surroundings = { node: at(NODES), TZ: at(ZONES), LC_ALL: at(LOCALES) };
  const { node, ...env } = surroundings;
  const child = spawn(node, [AGENT], {
    cwd: world.folder,
    env: { PATH: process.env.PATH, TMPDIR: world.folder, ...env, LANG: env.LC_ALL },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => child.once("close", resolve));
  return {
    surroundings,
    run: async (args: readonly string[]): Promise<Run> => {
      child.stdin.write(`${JSON.stringify(["--config", world.config, ...args])}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the agent ended in ${JSON.stringify(surroundings)}`);
      return JSON.parse(value) as Run;
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map(async (file) => (await stat(file)).size))).reduce((sum, size) => sum + size, 0);
}

/** Ids and sizes of all file contents that were ever written to the repository. */
async function blobs(repository: string): Promise<Map<string, number>> {
  const listed = await git(repository, "cat-file", "--batch-check", "--batch-all-objects");
  const rows = listed.split("\n").map((line) => line.split(" "));
  return new Map(rows.filter(([, type]) => type === "blob").map(([id = "", , size]) => [id, Number(size)]));
}

/** What the latest commit changed: ids by path, relative to `git.path`. */
async function changed(repository: string): Promise<Map<string, string>> {
  const text = await git(repository, "diff-tree", "-r", "--root", "--no-commit-id", "--no-renames", "main");
  const rows = text.split("\n").filter((line) => line !== "");
  return new Map(
    rows.map((line) => {
      const [meta = "", path = ""] = line.split("\t");
      return [path.slice(GIT_PATH.length + 1), meta.split(" ")[3] ?? ""] as const;
    }),
  );
}

const BOOKKEEPING = [".runtime-agent/inventory.json", "revision.yaml"];

const WORDS = ["true", "0123", "null", "12:30:45", "ıİß", "日本語", "{FOO}", " ", "~"];

type Roll = ReturnType<typeof dice>;

/** Changes something, and gives the paths that a commit may then touch beside the bookkeeping; null: none at all. */
type Change = (roll: Roll) => Promise<readonly string[] | null>;

interface Place {
  readonly world: World;
  readonly paths: readonly string[];
  /** Folder by Director's id. */
  readonly folders: ReadonlyMap<string, string>;
  readonly settings: Record<string, unknown>;
}

const one = <T>(all: readonly T[], roll: Roll): T => all[roll(all.length)] as T;

/** Of everything that there is of Compass, in both modes alike. */
function changesOfCompass({ world, paths, folders }: Place): Record<string, Change> {
  const credentialsOf = ({ applications }: Landscape) =>
    applications
      .flatMap(({ bundles }) => bundles ?? [])
      .flatMap(({ id, defaultInstanceAuth }) => {
        const { credential } = (defaultInstanceAuth ?? {}) as { credential?: Record<string, string> | null };
        const path = paths.find((each) => new RegExp(`/secrets/(?!params-)[^/]*-${id}\\.yaml$`).test(each));
        return credential && path !== undefined ? [{ credential, path }] : [];
      });
  return {
    nothing: async () => null,
    "the order in which Director answers": async (roll) => {
      await world.edit(({ applications }) => applications.sort(() => roll(3) - 1));
      return null;
    },
    "one value": async (roll) => {
      let touched = "";
      await world.edit((landscape) => {
        const { credential, path } = one(credentialsOf(landscape), roll);
        const key = one(
          ["password", "username", "clientSecret", "clientId"].filter((each) => each in credential),
          roll,
        );
        credential[key] = `${one(WORDS, roll)}${roll(2 ** 32)}`;
        touched = path;
      });
      return [touched];
    },
    "one description": async (roll) => {
      let id = "";
      await world.edit(({ applications }) => {
        const application = one(applications, roll);
        application.description = `${one(WORDS, roll)} ${roll(2 ** 32)}`;
        id = application.id;
      });
      return [`${folders.get(id)}/application.yaml`];
    },
  };
}

const isSecret = (path: string) => path.includes("/secrets/");

/** Of the configuration, by turns there and back. */
function toggle(
  place: Place,
  change: (on: boolean, settings: Record<string, unknown>) => void,
  touched: string[] | null,
) {
  let on = false;
  return async () => {
    on = !on;
    change(on, place.settings);
    await writeFile(place.world.config, formatDocument(place.settings));
    return touched;
  };
}

async function aPlace(secrets: object, applications = 6): Promise<Place> {
  const world = await aWorld({ sandbox: { applications }, settings: { secrets } });
  await world.pair();
  const { code, stderr } = await world.run(["sync"]);
  if (code !== 0) throw new Error(stderr);
  const files = await world.files();
  const settings = parseObject(await readFile(world.config, "utf8")) as unknown as Record<string, unknown>;
  const { applications: served } = JSON.parse(await readFile(world.sandbox.snapshotFile, "utf8")) as Landscape;
  const folders = new Map(
    served.map(({ id }) => {
      const found = [...files].find(([path, text]) => path.endsWith("/application.yaml") && text.includes(id));
      return [id, found?.[0].replace(/\/application\.yaml$/, "") ?? ""] as const;
    }),
  );
  const templates = join(world.folder, "templates");
  await mkdir(templates);
  const source = `import { application, secrets } from "runtime-agent/templates";
export const template = (chart, input) => {
  secrets(chart, input);
  application(chart, input).metadata.addLabel("team", "integration");
};`;
  await writeFile(join(templates, "index.js"), source);
  return { world, paths: [...files.keys()], folders, settings };
}

/** How often each change comes, of all turns. */
async function cycles(place: Place, changes: readonly (readonly [number, string, Change])[]): Promise<void> {
  const { world } = place;
  const { repository, folder } = world;
  const roll = dice(Number(RUNTIME_AGENT_SEED));
  const deck = changes.flatMap(([often, name, change]) => Array.from({ length: often }, () => ({ name, change })));
  // Each of them once at least, then as they come.
  const turns = [...new Map(deck.map((each) => [each.name, each])).values()];
  const expected = new Map(await blobs(repository));
  const count = { commits: 0, quiet: 0 };
  let agent = startAgent(world, 0);
  try {
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      if (cycle > 0 && cycle % LIFE === 0) {
        await agent.stop();
        await rm(join(folder, "state", "cache"), { recursive: true, force: true });
        agent = startAgent(world, cycle / LIFE);
      }
      const { name, change } = turns[cycle] ?? one(deck, roll);
      const touched = await change(roll);
      const before = { tip: await git(repository, "rev-parse", "main"), size: await sizeOf(repository) };
      const { code, stderr } = await agent.run(["sync"]);
      const tip = await git(repository, "rev-parse", "main");
      const turn = { cycle, name, ...agent.surroundings };

      expect({ ...turn, code, stderr: code === 0 ? "" : stderr }).toEqual({ ...turn, code: 0, stderr: "" });
      if (touched === null) {
        const size = await sizeOf(repository);
        expect({ ...turn, tip, size }).toEqual({ ...turn, ...before });
        count.quiet++;
        continue;
      }
      const parents = (await git(repository, "rev-list", "--parents", "-1", "main")).split(" ");
      const written = await changed(repository);
      expect({ ...turn, parent: parents[1] }).toEqual({ ...turn, parent: before.tip });
      expect({ ...turn, paths: [...written.keys()].sort() }).toEqual({
        ...turn,
        paths: [...BOOKKEEPING, ...touched].sort(),
      });
      for (const id of written.values()) expected.set(id, Number(await git(repository, "cat-file", "-s", id)));
      count.commits++;
    }
  } finally {
    await agent.stop();
  }

  // Nothing was ever sent there but what the commits that had to be hold: the bytes of all contents, to the last one.
  const all = await blobs(repository);
  const total = (each: ReadonlyMap<string, number>) => [...each.values()].reduce((sum, size) => sum + size, 0);
  expect([all.size, total(all)]).toEqual([expected.size, total(expected)]);
  expect(count.commits + count.quiet).toBe(CYCLES);
  expect(Math.min(count.commits, count.quiet)).toBeGreaterThan(2);
}

describe(`${CYCLES} cycles in changing surroundings`, () => {
  const limit = 120_000 + CYCLES * 8_000;

  it(
    "commit what changed and nothing else in mode sops",
    async () => {
      const other = await identityToRecipient(await generateX25519Identity());
      const place = await aPlace({ mode: "sops", sops: { age: [RECIPIENT] } });
      const compass = changesOfCompass(place);
      const applications = [...place.folders.values()].map((folder) => `${folder}/application.yaml`);
      await cycles(place, [
        [16, "nothing", compass.nothing as Change],
        [6, "order", compass["the order in which Director answers"] as Change],
        [6, "value", compass["one value"] as Change],
        [3, "description", compass["one description"] as Change],
        [
          1,
          "recipients",
          toggle(
            place,
            (on, settings) => {
              settings.secrets = { mode: "sops", sops: { age: on ? [RECIPIENT, other] : [RECIPIENT] } };
            },
            place.paths.filter(isSecret),
          ),
        ],
        [1, "template", toggle(place, templates, applications)],
      ]);
    },
    limit,
  );

  it(
    "commit what changed and nothing else in mode sealed-secrets, whatever key the controller has",
    async () => {
      const pairs = [await aSealingPair(), await aSealingPair()];
      const place = await aPlace({ mode: "plain", acknowledgePlain: true });
      const file = join(place.world.folder, "sealing.pem");
      const keep = (on: boolean) => writeFile(file, pairs[on ? 1 : 0]?.certificate ?? "");
      await keep(false);
      const compass = changesOfCompass(place);
      const applications = [...place.folders.values()].map((folder) => `${folder}/application.yaml`);
      const secrets = place.paths.filter(isSecret);
      const mode = (scope: string) => ({ mode: "sealed-secrets", sealedSecrets: { certificate: { file }, scope } });
      let renewed = false;
      await cycles(place, [
        [
          1,
          "scope",
          toggle(
            place,
            (on, settings) => {
              settings.secrets = mode(on ? "strict" : "namespace-wide");
            },
            secrets,
          ),
        ],
        [16, "nothing", compass.nothing as Change],
        [6, "order", compass["the order in which Director answers"] as Change],
        [6, "value", compass["one value"] as Change],
        [3, "description", compass["one description"] as Change],
        [
          2,
          "renewed key",
          async () => {
            renewed = !renewed;
            await keep(renewed);
            return null;
          },
        ],
        [1, "template", toggle(place, templates, applications)],
      ]);
    },
    limit,
  );
});

function templates(on: boolean, settings: Record<string, unknown>): void {
  if (on) settings.applications = { templates: "./templates" };
  else delete settings.applications;
}
