/** Where a secret value is to be read, and the reading. The configuration never holds the value itself. */

import { type FileHandle, open } from "node:fs/promises";
import { readClusterSecret } from "../adapters/kubernetes/index.js";
import { Failure, type FailureOptions, type Stage } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";
import { Secret } from "../common/secret.js";
import { SecretMissing } from "../common/secret-missing.js";

export type SecretReference =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "kubernetes"; readonly namespace: string; readonly name: string; readonly key: string };

export interface ReadSecretOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stage: Stage;
  /** What the value is for, completing "the …": `Git access token`. */
  readonly purpose: string;
  /** Ends a call of the API server. @default its deadline alone does */
  readonly signal?: AbortSignal;
}

/** No key, token or certificate bundle is near this; a mistaken path may lead to anything. */
const LARGEST = 1024 * 1024;

/**
 * Reads the value, without the line break at its end. Throws a Failure SecretUnreadable that names the purpose and the
 * place when it is missing, empty (then a `SecretMissing`), not readable, not text or too large. Called each time it is needed, so that a
 * rotated value is picked up.
 */
export async function readSecret(reference: SecretReference, options: ReadSecretOptions): Promise<Secret> {
  const place = placeOf(reference);
  const content = await read(reference, place, options);
  const value = content.replace(/\r?\n$/, "");
  if (value.trim() === "") throw missing(place, "is empty", `Put the value into ${place}.`, options);
  return Secret.of(value);
}

function placeOf(reference: SecretReference): string {
  switch (reference.kind) {
    case "file":
      return `file ${forTerminal(reference.path)}`;
    case "env":
      return `variable ${reference.name}`;
    case "kubernetes":
      return `Secret ${reference.namespace}/${reference.name}, key ${reference.key}`;
  }
}

async function read(reference: SecretReference, place: string, options: ReadSecretOptions): Promise<string> {
  switch (reference.kind) {
    case "file":
      return readText(reference.path, place, options);
    case "env": {
      const value = options.env[reference.name];
      if (value === undefined) throw missing(place, "is not set", "Set it for the agent's process.", options);
      return value;
    }
    case "kubernetes": {
      const { namespace, name, key } = reference;
      const data = await readClusterSecret({ namespace, name, ...options });
      const value = data.get(key);
      if (value === undefined) throw missing(place, "does not exist", "Add the key to the Secret.", options);
      return value.reveal();
    }
  }
}

async function readText(path: string, place: string, options: ReadSecretOptions): Promise<string> {
  let bytes: Buffer | null;
  try {
    const handle = await open(path, "r");
    try {
      bytes = await readUpTo(handle, LARGEST);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const [reason, hint] = REASONS[code] ?? ["cannot be read", "Check the file and the disk it is on."];
    throw (reason === ABSENT ? missing : unreadable)(place, reason, hint, options, cause);
  }
  if (bytes === null) throw unreadable(place, "is larger than 1 MiB", "Check the path: this is not a secret.", options);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Without the cause, which is of no help.
    throw unreadable(place, "is not UTF-8 text", "Check the path; keys and certificates must be PEM.", options);
  }
}

/** Null when there is more. The size that the file system tells is of no use for pipes. */
async function readUpTo(handle: FileHandle, limit: number): Promise<Buffer | null> {
  const buffer = Buffer.alloc(limit + 1);
  let length = 0;
  while (length <= limit) {
    const { bytesRead } = await handle.read(buffer, length, limit + 1 - length, null);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  return null;
}

const ABSENT = "does not exist";

const REASONS: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  ENOENT: [ABSENT, "Create it, or correct the path in the configuration."],
  ENOTDIR: [ABSENT, "Create it, or correct the path in the configuration."],
  EACCES: ["may not be read", "Give the agent's user the right to read it."],
  EPERM: ["may not be read", "Give the agent's user the right to read it."],
  EISDIR: ["is a folder", "Name the file within it."],
};

type Complaint = [place: string, reason: string, hint: string, options: ReadSecretOptions, cause?: unknown];

const unreadable = (...complaint: Complaint): Failure => new Failure(...complained(complaint));
const missing = (...complaint: Complaint): Failure => new SecretMissing(...complained(complaint));

function complained([place, reason, hint, { stage, purpose }, cause]: Complaint): [string, FailureOptions] {
  return [`the ${purpose}: ${place} ${reason}`, { code: "SecretUnreadable", stage, hint, cause }];
}
