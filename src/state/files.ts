/** State in a directory: mode 0700, files 0600, each replaced by rename so that no reader sees half of one. */

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  access,
  constants,
  link as hardLink,
  lstat,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { z } from "zod";
import { Failure } from "../common/failure.js";
import { makeFolder } from "../common/make-folder.js";
import { equalSecrets } from "../common/same.js";
import { Secret } from "../common/secret.js";
import { sha256 } from "../common/sha256.js";
import { connectionSchema, memorySchema, pendingSchema, understood } from "./schemas.js";
import type { Identity, State } from "./state.js";

const SEAL_KEY_BYTES = 32;

/** Opens nothing yet: the folder is made by the first write. */
export function openFileState(directory: string): State {
  const at = (...parts: string[]) => join(directory, ...parts);
  const identityAt = (folder: string) => at("identity", folder);

  const readIdentity = async (folder: string) => {
    const file = (name: string) => read(join(identityAt(folder), name));
    return {
      key: await file("key.pem"),
      certificate: await file("certificate.pem"),
      chain: await file("chain.pem"),
      ca: await file("ca.pem"),
    };
  };
  const folderInUse = () => folderOf(at("identity"));
  /** The link is read once: a promotion meanwhile must not mix two identities. If it moved, all is read again. */
  const inUse = async <T>(readFrom: (folder: string) => Promise<T>): Promise<T> => {
    for (;;) {
      const folder = await folderInUse();
      const found = await readFrom(folder);
      if ((await folderInUse()) === folder) return found;
    }
  };
  const writeIssued = async (folder: string, { certificate, chain, ca }: Omit<Identity, "key">) => {
    await replace(join(identityAt(folder), "ca.pem"), ca);
    await replace(join(identityAt(folder), "chain.pem"), chain);
    // Last: where it stands, the other two do.
    await replace(join(identityAt(folder), "certificate.pem"), certificate);
  };
  const discardPending = async () => {
    // First: without it nothing else of the folder counts, however far the removal comes.
    await remove(join(identityAt("pending"), "pairing.json"));
    await remove(identityAt("pending"));
  };

  return {
    description: directory,
    cache: at("cache"),
    checkWritable: () => checkFolder(directory),
    lock: async () => {
      const unlock = await lockDirectory(directory);
      try {
        await linkFolder(at("identity"));
        await removeLeftovers(directory);
      } catch (thrown) {
        await unlock();
        throw thrown;
      }
      return unlock;
    },

    identity: async () => {
      const { key, certificate, chain, ca } = await inUse(readIdentity);
      if (key === null || (certificate === null && chain === null)) return null;
      // With one of both it still serves, until it is renewed.
      return { key: Secret.of(key), certificate: certificate ?? "", chain: chain ?? "", ca: ca ?? "" };
    },
    connection: () => inUse((folder) => parse(join(identityAt(folder), "connection.json"), connectionSchema)),

    pending: async () => {
      const text = await read(join(identityAt("pending"), "pairing.json"));
      // Damaged it cannot go on, and does not stand in the way of the identity in use.
      const pairing = text === null ? null : understood(text, pendingSchema);
      const { key, certificate, chain, ca } = await readIdentity("pending");
      if (pairing === null || key === null) return null;
      const token = await read(join(identityAt("pending"), "token"));
      return {
        ...pairing,
        key: Secret.of(key),
        nextToken: token === null ? null : Secret.of(token),
        issued: certificate === null || chain === null || ca === null ? null : { certificate, chain, ca },
      };
    },
    savePending: async ({ key, nextToken, issued, ...pairing }) => {
      // A beginning: nothing of a former pairing may be taken for a part of this one.
      if (issued === null) await discardPending();
      const stored = issued === null ? null : await read(join(identityAt("pending"), "key.pem"));
      if (!equalSecrets(stored, key.reveal())) await replace(join(identityAt("pending"), "key.pem"), key.reveal());
      if (nextToken !== null) await replace(join(identityAt("pending"), "token"), nextToken.reveal());
      if (issued !== null) await writeIssued("pending", issued);
      // Last: where it stands, the key and the token do.
      await replace(join(identityAt("pending"), "pairing.json"), json(pairing));
      if (nextToken === null) await remove(join(identityAt("pending"), "token"));
    },
    discardPending,

    promote: async ({ key, ...issued }, connection) => {
      const folder = sha256(issued.certificate).slice(0, 16);
      await replace(join(identityAt(folder), "key.pem"), key.reveal());
      await writeIssued(folder, issued);
      // Beside the certificate, so that the link switches both.
      await replace(join(identityAt(folder), "connection.json"), json(connection));
      await linkFolder(at("identity"));
      await link(folder, identityAt("current"));
      // For readers, at its published place: it follows the link above.
      await link(join("identity", "current", "connection.json"), at("connection.json"));
      await discardPending();
      for (const other of await readdir(at("identity"))) {
        if (other !== "current" && other !== folder) await remove(identityAt(other));
      }
    },

    forgetIdentity: async () => {
      await linkFolder(at("identity"));
      // First: without it none is in use, however far the removal comes.
      await remove(identityAt("current"));
      await remove(at("connection.json"));
      await remove(at("identity"));
    },

    memory: async () => (await parse(at("memory.json"), memorySchema)) ?? memorySchema.parse({}),
    saveMemory: (memory) => replace(at("memory.json"), json(memory)),

    sealKey: async (create) => {
      const encoded = await read(at("seal.key"));
      if (encoded !== null) {
        const key = Buffer.from(encoded.trim(), "base64");
        if (key.length !== SEAL_KEY_BYTES) throw damaged(at("seal.key"));
        return key;
      }
      if (!create) return null;
      const key = randomBytes(SEAL_KEY_BYTES);
      await replace(at("seal.key"), `${key.toString("base64")}\n`);
      return key;
    },
  };
}

/** Between the two steps of `linkFolder` this names the folder in use, which is no longer, or not yet, `current`. */
const NEXT = "next";

/** The name of the folder in use below `identity`. */
async function folderOf(identity: string): Promise<string> {
  const linked = await readlink(join(identity, "current")).catch((thrown: unknown) => {
    // A real folder, as a backup leaves it that followed the link.
    return isMissing(thrown) ? null : "current";
  });
  return linked ?? (await readlink(join(identity, NEXT)).catch(() => "current"));
}

/**
 * A real folder `current`, as a backup leaves it that followed the link, becomes `<digest>` with the link again: over a folder
 * no link could be renamed. Cut at any moment, the identity is found, and the next call goes on.
 */
async function linkFolder(identity: string): Promise<void> {
  const [current, next] = [join(identity, "current"), join(identity, NEXT)];
  const found = await lstat(current).catch(() => null);
  try {
    if (found?.isDirectory()) {
      const certificate = (await read(join(current, "certificate.pem"))) ?? (await read(join(current, "chain.pem")));
      const folder = sha256(certificate ?? "").slice(0, 16);
      // A copy of the same backup.
      await remove(join(identity, folder));
      await link(folder, next);
      await rename(current, join(identity, folder));
    } else if (found !== null || (await readlink(next).catch(() => null)) === null) return;
    await rename(next, current);
    await flushFolder(identity);
  } catch (thrown) {
    throw thrown instanceof Failure ? thrown : unwritable(current, thrown);
  }
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

async function read(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return null;
    throw unreadable(file, thrown);
  }
}

async function parse<T>(file: string, schema: z.ZodType<T>): Promise<T | null> {
  const text = await read(file);
  if (text === null) return null;
  const found = understood(text, schema);
  if (found === null) throw damaged(file);
  return found;
}

/** Written beside, flushed, renamed: cut at any moment, the file is the old one or the new one. */
async function replace(file: string, content: string): Promise<void> {
  const beside = `${file}.${process.pid}.new`;
  try {
    await makeFolder(dirname(file), 0o700);
    const handle = await open(beside, "w", 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await flushFolder(dirname(file));
  } catch (thrown) {
    throw unwritable(file, thrown);
  }
}

async function link(target: string, path: string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    if ((await readlink(path).catch(() => null)) === target) return;
    await rm(beside, { force: true });
    await symlink(target, beside);
    await rename(beside, path);
    await flushFolder(dirname(path));
  } catch (thrown) {
    throw unwritable(path, thrown);
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (thrown) {
    throw unwritable(path, thrown);
  }
}

/** What an identity on its way and the memory take, with room to spare, in bytes. */
const ROOM = 128 * 1024;

const FILES = 8;

/** What is replaced by a rename, which a folder in its place refuses. */
const FILE_NAMES = ["memory.json", "connection.json", "seal.key"];

const notA = (code: "ENOTDIR" | "EISDIR") => Object.assign(new Error(code), { code });

/** Rejects where nothing could be written; of a folder that is not there yet, the nearest one above it counts. */
async function checkFolder(directory: string): Promise<void> {
  for (let folder = directory; ; folder = dirname(folder)) {
    try {
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (thrown) {
      if (!isMissing(thrown) || dirname(folder) === folder) throw unwritable(directory, thrown);
      continue;
    }
    if (folder !== directory) return;
    // Rights alone tell neither of a full disk nor of a folder that cannot be changed: a file that is removed at once does.
    const identity = await stat(join(directory, "identity")).catch(() => null);
    if (identity !== null && !identity.isDirectory()) throw unwritable(join(directory, "identity"), notA("ENOTDIR"));
    for (const name of FILE_NAMES) {
      const file = await lstat(join(directory, name)).catch(() => null);
      if (file?.isDirectory()) throw unwritable(join(directory, name), notA("EISDIR"));
    }
    const inner = identity === null ? directory : join(directory, "identity");
    const probe = join(inner, `probe.${process.pid}.new`);
    try {
      // As many as a pairing makes: a disk may have room, and none for another file.
      for (let file = 1; file <= FILES; file++) await replace(join(probe, String(file)), "\0".repeat(ROOM / FILES));
    } finally {
      await remove(probe);
    }
    return;
  }
}

/** A lock file with our process id and a word that is ours alone; one whose process is gone is taken over. */
async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const file = join(directory, "lock");
  await makeFolder(directory, 0o700).catch((thrown: unknown) => {
    throw unwritable(directory, thrown);
  });
  const word = randomBytes(8).toString("hex");
  const ours = `${process.pid} ${word} ${startOf(process.pid) ?? ""}\n`;
  const beside = `${file}.${word}.new`;
  const content = () => readFile(file, "utf8").catch(() => "");
  for (let attempt = 0; ; attempt++) {
    try {
      // Linked into place complete: a lock that has no number yet would look like one whose process is gone.
      await writeFile(beside, ours, { mode: 0o600 });
      await hardLink(beside, file);
      return async () => {
        if ((await content()) === ours) await rm(file, { force: true });
      };
    } catch (thrown) {
      if (!hasCode(thrown, "EEXIST")) throw unwritable(file, thrown);
      const found = await content();
      const owner = Number.parseInt(found, 10);
      if (isAlive(owner, found.trim().split(" ")[2]) || attempt > 0) throw locked(directory, owner);
      // Moved away before it is removed: what is then found to be somebody's fresh lock is put back.
      await rename(file, `${beside}.stale`).catch(() => undefined);
      const moved = await readFile(`${beside}.stale`, "utf8").catch(() => "");
      if (moved !== found && moved !== "") await hardLink(`${beside}.stale`, file).catch(() => undefined);
      await rm(`${beside}.stale`, { force: true });
    } finally {
      await rm(beside, { force: true }).catch(() => undefined);
    }
  }
}

/** Removes what runs that were killed had written beside its place. Nobody else writes while we have the lock. */
async function removeLeftovers(directory: string): Promise<void> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  for (const name of names.filter((each) => !each.startsWith("cache") && /\.\w+\.(?:new|stale)$/.test(each))) {
    await remove(join(directory, name));
  }
  // Without it nothing of the folder counts: it was being made, or removed.
  const pending = join(directory, "identity", "pending");
  if ((await read(join(pending, "pairing.json"))) === null) await remove(pending);
}

/** When a process was started, in ticks since the machine was; undefined where the system does not tell. */
function startOf(pid: number): string | undefined {
  try {
    // Behind the name of the program, which may hold anything.
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ")[19];
  } catch {
    return undefined;
  }
}

/**
 * In a container every agent may be process 1, so our own number in a file is a former life of ours; and who has the
 * number of a process that is gone was started at another time.
 */
function isAlive(pid: number, started: string | undefined): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  const now = startOf(pid);
  if (started !== undefined && now !== undefined && now !== started) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return hasCode(thrown, "EPERM");
  }
}

const hasCode = (thrown: unknown, code: string) => thrown instanceof Error && "code" in thrown && thrown.code === code;
const isMissing = (thrown: unknown) => hasCode(thrown, "ENOENT") || hasCode(thrown, "ENOTDIR");
const codeOf = (thrown: unknown) => (thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "");

const unreadable = (file: string, cause: unknown) =>
  new Failure(`the state file ${file} cannot be read${codeOf(cause)}`, {
    code: "StateUnreadable",
    stage: "connect",
    hint: "Give the agent's user the right to read state.directory and what is in it.",
    cause,
  });

const damaged = (file: string) =>
  new Failure(`the state file ${file} is damaged`, {
    code: "StateUnreadable",
    stage: "connect",
    hint: "Restore it from a backup, or remove it: what is lost with it stands in docs/reference/state.md.",
  });

const unwritable = (file: string, cause: unknown) =>
  new Failure(`the state cannot be written at ${file}${codeOf(cause)}`, {
    code: "StateUnwritable",
    stage: "connect",
    hint:
      hasCode(cause, "ENOSPC") || hasCode(cause, "EDQUOT")
        ? "Make room on the disk of state.directory, or name a folder on another one there."
        : "Give the agent's user the right to write to state.directory, or name another folder there.",
    cause,
  });

const locked = (directory: string, owner: number) =>
  new Failure(`another agent (process ${owner}) works with the state in ${directory}`, {
    code: "StateLocked",
    stage: "connect",
    retryable: true,
    hint: "Wait until it has finished, or give this one a state.directory of its own.",
  });
