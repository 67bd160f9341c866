/** `verify`: an offline check of a range of commits, for continuous integration. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { type History, type HistoryCommit, openHistory } from "../adapters/git/index.js";
import { createSignatureCheck, namesSigners } from "../adapters/signing/index.js";
import { asFailure, Failure, inOtherWords } from "../common/failure.js";
import type { Config } from "../config/index.js";
import { ATTRIBUTES_PATH, ATTRIBUTES_TEXT, SOPS_CONFIG_PATH } from "../render/index.js";
import { settingMissing } from "../setup.js";
import { sopsConfigText } from "../sops-config.js";
import { type Checked, type SecretRules, verifyRange, verifyText } from "../verify/index.js";
import type { Context } from "./context.js";
import type { Register } from "./run.js";

interface VerifyFlags {
  readonly base: string;
  readonly head: string;
  readonly sealKey?: string;
  readonly signers?: string;
}

export function verifyCommand(register: Register): void {
  const command = new Command("verify")
    .description("check a range of commits offline: paths, kinds, sealed Secrets, inventory, digest, signatures")
    .requiredOption("--base <ref>", "the commit before the range, such as origin/main")
    .option("--head <ref>", "the last commit of the range", "HEAD")
    .option("--seal-key <file>", "the agent's seal key (state folder, seal.key): checks the inventory's code, too")
    .option("--signers <file>", "who may sign: allowed signers, public SSH keys or armored OpenPGP keys")
    .addHelpText("after", "\nExample:\n  runtime-agent verify --base origin/main --head HEAD");
  register(command, verify);
}

async function verify(
  context: Context,
  { base, head, sealKey: keyFile, signers: signersFile }: VerifyFlags,
): Promise<number> {
  const { config } = await context.load();
  const { git, secrets, applications, runtime } = config;
  if (git === null) throw settingMissing("git.url", "the repository whose commits are checked");
  const history = await openAnyHistory(context, git.url);
  const sealKey = keyFile === undefined ? null : await readSealKey(resolve(context.cwd, keyFile), keyFile);
  const knows =
    signersFile === undefined ? null : await readSignersFile(resolve(context.cwd, signersFile), signersFile);
  const isGood = async ({ payload, signature, committer }: HistoryCommit) =>
    signature !== null && (knows === null || (await knows(payload, signature, committer.date)));
  const range = await verifyRange({
    history,
    base,
    head,
    path: git.path,
    email: git.author.email,
    runtimeID: runtime.id,
    allowedKinds: applications.allowedKinds,
    secrets: secretRules(secrets),
    ownTemplates: applications.templates !== null,
    fixed: new Map([
      [ATTRIBUTES_PATH, ATTRIBUTES_TEXT],
      ...(secrets.mode === "sops" ? [[SOPS_CONFIG_PATH, sopsConfigText(secrets.sops)] as const] : []),
    ]),
    sealKey,
    signatures: git.signing === null && knows === null ? null : { names: knows !== null, isGood },
  });
  const checked: Checked = {
    inventoryCode: sealKey === null ? "not checked" : "checked",
    signatures: knows !== null ? "checked" : git.signing === null ? "not configured" : "not checked",
    secrets: secrets.mode === "plain" ? "not checked" : "checked",
    recipients: RECIPIENTS[secrets.mode],
  };
  context.answer({ kind: "VerifyResult", version: 1, ...range, checked }, verifyText(range, checked, context.text));
  return range.findings.length === 0 ? 0 : 1;
}

const RECIPIENTS = {
  sops: "checked",
  "sealed-secrets": "not checked",
  cluster: "not applicable",
  plain: "not applicable",
} as const;

function secretRules({ mode, sops, sealedSecrets }: Config["secrets"]): SecretRules {
  if (mode === "sealed-secrets") return { mode, scope: sealedSecrets.scope, managed: sealedSecrets.managed };
  if (mode !== "sops") return { mode };
  const { age, vault } = sops;
  const key = vault && { address: vault.address.replace(/\/+$/, ""), engine: vault.engine, key: vault.keyName };
  return { mode, age, vault: key };
}

/** That of the working folder, which is the checkout of a build server; else `git.url` when it is a folder. */
async function openAnyHistory({ cwd, signal }: Context, url: string): Promise<History> {
  try {
    return await openHistory(cwd, signal);
  } catch (thrown) {
    const failure = asFailure(thrown, "base");
    const folder = folderOf(url, cwd);
    if (failure.code !== "RepositoryNotFound") throw failure;
    if (folder !== null) return openHistory(folder, signal);
    throw inOtherWords(failure, "the working folder is no Git repository", "Run verify in a clone of git.url.");
  }
}

function folderOf(url: string, cwd: string): string | null {
  if (/^file:/i.test(url)) return fileURLToPath(url);
  return /^[^/]+:/.test(url) ? null : resolve(cwd, url);
}

async function readSignersFile(path: string, named: string) {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw badSigners(`the file of signers ${named} cannot be read`, cause);
  });
  if (!namesSigners(text)) throw badSigners(`the file of signers ${named} names nobody`);
  return createSignatureCheck(text);
}

const badSigners = (message: string, cause?: unknown) =>
  new Failure(message, {
    code: "Usage",
    stage: "config",
    hint: "Give lines as in git's allowed signers file, the .pub of git.signing.key, or what `gpg --armor --export ID` prints.",
    cause,
  });

const SEAL_KEY_BYTES = 32;

async function readSealKey(path: string, named: string): Promise<Buffer> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw badKey(`the seal key ${named} cannot be read`, cause);
  });
  const key = Buffer.from(text.trim(), "base64");
  if (key.length !== SEAL_KEY_BYTES) throw badKey(`the file ${named} is no seal key`);
  return key;
}

const badKey = (message: string, cause?: unknown) =>
  new Failure(message, {
    code: "Usage",
    stage: "config",
    hint: "Name the file seal.key of the agent's state folder, or leave --seal-key out.",
    cause,
  });
