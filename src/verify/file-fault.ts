/** Whether one committed file is what the agent may write: an allowed kind, and a Secret only sealed. Pure. */

import { parseYaml } from "../adapters/yaml/index.js";
import { isSecretPath } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import type { Fault, FindingCode } from "./finding.js";

export interface FileRules {
  readonly allowedKinds: readonly string[];
  /** Who may open a Secret; null: Secrets are not sealed with SOPS, so that nothing can be said of them. */
  readonly recipients: readonly string[] | null;
}

type Verdict = { readonly code: FindingCode; readonly message: string } | null;

/** Of the agent's own file, by its path below `git.path`. */
export function fileFault(path: string, bytes: Buffer, rules: FileRules): Fault | null {
  const object = parse(path, bytes);
  if (object === null) return { path, code: "Unreadable", message: "is not one YAML document" };
  const kind = typeof object.kind === "string" ? object.kind : "";
  if (isSecretPath(path) && kind !== "Secret" && rules.recipients !== null) {
    return { path, code: "ClearSecret", message: "stands in the place of a Secret, but is none" };
  }
  if (!rules.allowedKinds.includes(kind)) {
    const shown = kind === "" ? "no kind" : `kind ${forTerminal(kind, 60)}`;
    return { path, code: "KindNotAllowed", message: `has ${shown}, which applications.allowedKinds does not list` };
  }
  return kind === "Secret" ? withPath(path, secretVerdict(object, rules.recipients)) : null;
}

/** Of anybody's file: a person may write what the agent may not, but no Secret in the clear. */
export function foreignFileFault(path: string, bytes: Buffer, { recipients }: FileRules): Fault | null {
  if (recipients === null || !/\.(?:ya?ml|json)$/i.test(path)) return null;
  const object = parse(path, bytes);
  if (object?.kind === "Secret") return withPath(path, secretVerdict(object, recipients));
  // Within a list, behind a second document, or in what our reader does not take and another may.
  const mentions = /\bkind["']?\s*:\s*["']?Secret\b/.test(bytes.toString("utf8"));
  if (object?.kind === "Kustomization" || !mentions) return null;
  return { path, code: "ClearSecret", message: "holds a Secret beside something else, where it cannot be checked" };
}

const withPath = (path: string, verdict: Verdict): Fault | null => (verdict === null ? null : { path, ...verdict });

function parse(path: string, bytes: Buffer): Record<string, unknown> | null {
  try {
    const value = parseYaml(bytes.toString("utf8"), { file: path, stage: "base", code: "BaseUnusable" });
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Keys that a sealed Secret may have at the top. */
const TOP = new Set(["apiVersion", "kind", "metadata", "type", "immutable", "data", "sops"]);

/** What SOPS makes of a text; of an empty one it makes nothing. */
const BASE64 = "[A-Za-z0-9+/]*={0,2}";
const SEALED = new RegExp(`^ENC\\[AES256_GCM,data:${BASE64},iv:${BASE64},tag:${BASE64},type:str\\]$`);

function secretVerdict(object: Record<string, unknown>, recipients: readonly string[] | null): Verdict {
  if (recipients === null) return null;
  const { data = {}, sops } = object;
  if (!isRecord(sops)) return clear("is a Secret that is not sealed");
  if (!isRecord(data)) return clear("is a Secret whose data cannot be read");
  const readable = Object.entries(data).find(([, value]) => value !== "" && !SEALED.test(String(value)));
  if (readable !== undefined) return clear(`has the readable value ${forTerminal(readable[0], 60)}`);
  const [beside] = Object.keys(object).filter((key) => !TOP.has(key));
  if (beside !== undefined) return clear(`has the readable part ${forTerminal(beside, 60)}`);
  return recipientVerdict(sops, recipients);
}

const clear = (message: string): Verdict => ({ code: "ClearSecret", message });
const foreign = (message: string): Verdict => ({ code: "ForeignRecipient", message });

/** Other ways in that SOPS knows, each of which opens the file for somebody. */
const OTHER_KEYS = ["kms", "gcp_kms", "azure_kv", "hc_vault", "pgp", "hckms", "key_groups", "shamir_threshold"];

function recipientVerdict(sops: Record<string, unknown>, recipients: readonly string[]): Verdict {
  const other = OTHER_KEYS.find((key) => {
    const value = sops[key];
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  });
  if (other !== undefined) return foreign(`is sealed with ${other}, too`);
  const entries = Array.isArray(sops.age) ? sops.age.filter(isRecord) : [];
  const named = entries.map(({ recipient }) => String(recipient));
  const unknown = named.find((recipient) => !recipients.includes(recipient));
  if (unknown !== undefined) return foreign(`is sealed to ${forTerminal(unknown, 80)}, which is not configured`);
  const missing = recipients.find((recipient) => !named.includes(recipient));
  if (missing !== undefined) return foreign(`is not sealed to ${forTerminal(missing, 80)}`);
  if (new Set(named).size !== named.length) return foreign("names a recipient twice");
  const hidden = entries.find(({ enc }) => stanzas(String(enc)) !== 1);
  return hidden === undefined ? null : foreign("has a data key that does not open for exactly one recipient");
}

/** Recipients of an armored age file: lines `-> …` in front of its header's code. */
function stanzas(armored: string): number {
  const body = /^-----BEGIN AGE ENCRYPTED FILE-----\n([\s\S]*?)\n-----END AGE ENCRYPTED FILE-----\s*$/.exec(
    armored,
  )?.[1];
  const lines = Buffer.from(body ?? "", "base64")
    .toString("latin1")
    .split("\n");
  const end = lines.findIndex((line) => line.startsWith("--- "));
  return lines.slice(0, Math.max(end, 0)).filter((line) => line.startsWith("-> ")).length;
}
