/** Whether anybody's file under `git.path` holds a readable Secret, in whatever form. Pure. */

import { isUtf8 } from "node:buffer";
import { parseYamlDocuments } from "../adapters/yaml/index.js";
import type { Fault } from "./finding.js";
import { kustomizeVerdict, patchFileVerdict } from "./kustomize-verdict.js";
import { copyVerdict } from "./own-metadata.js";
import { clear, type Fields, type FileRules, fieldsOf, isRecord, type Verdict } from "./rules.js";
import { sealedSecretVerdict } from "./sealed-secret-verdict.js";
import { sopsVerdict } from "./sops-verdict.js";

/** Beyond it nothing is read; Kubernetes stores no object of more than 1 MiB. */
const LARGEST = 4 * 1024 * 1024;

/** Of texts within texts. */
const DEEPEST = 3;

/** `isNear`: where what cannot be read is refused, for a reader in the cluster may be less strict. */
export function foreignFileFault(
  path: string,
  bytes: Buffer,
  { secrets }: Pick<FileRules, "secrets">,
  isNear: boolean,
): Fault | null {
  if (secrets.mode === "plain") return null;
  // The last is a name that kustomize takes.
  const isYaml = /(?:\.(?:ya?ml|json)\s*|(?:^|\/)kustomization)$/i.test(path);
  const text = bytes.length <= LARGEST && isUtf8(bytes) && !bytes.includes(0) ? bytes.toString("utf8") : null;
  // Of what is named otherwise most is prose.
  const documents = text === null || !(isYaml || mayHold(text)) ? null : parseYamlDocuments(text);
  if (documents === null) {
    const message = "cannot be read for sure, so that a Secret could hide in it";
    return isNear && (isYaml || looksLikeSecret(bytes)) ? { path, code: "Unreadable", message } : null;
  }
  for (const document of documents) {
    const verdict = documentVerdict(document, secrets, isYaml);
    if (verdict !== null) return { path, ...verdict };
  }
  return null;
}

/** The word itself, or a character that an escape may stand for. */
const mayHold = (text: string) => /Secret|secretGenerator|stringData|\\/.test(text);

/** Of what no reader here takes, in whatever encoding: a kustomization may list a file of any name. */
function looksLikeSecret(bytes: Buffer): boolean {
  const text = bytes.toString("latin1").replaceAll("\0", "");
  const isSecretive = /Secret|stringData|\\[xuU]/.test(text);
  const isKeyed = /\bkind["']?\s*:/.test(text) || /"[^"\n]*\\[xuU][^"\n]*"\s*:/.test(text);
  return /secretGenerator["']?\s*:/i.test(text) || (isSecretive && isKeyed && /\b(?:string)?data["']?\s*:/i.test(text));
}

const isWord = (value: unknown, word: string) => typeof value === "string" && value.trim() === word;

function documentVerdict(document: unknown, secrets: FileRules["secrets"], isYaml: boolean): Verdict {
  if (!isRecord(document)) return patchFileVerdict(document) ?? nestedVerdict(document, 0);
  const { kind, metadata } = document;
  // A patch with a target elsewhere is a Secret's whatever kind it says; nothing else has such a part.
  if (isWord(kind, "Secret") || (isYaml && holds(document.stringData))) {
    // Prose may say `kind: Secret` and mean no object.
    if (!isYaml && !holdsValues(document)) return null;
    const rules = secrets.mode === "sops" ? secrets : null;
    return sopsVerdict(document, rules, "person") ?? copyVerdict(metadata) ?? nestedVerdict(metadata, 0);
  }
  if (isWord(kind, "SealedSecret")) return sealedSecretVerdict(document) ?? nestedVerdict(document, 0);
  return nestedVerdict(document, 0);
}

const holds = (value: unknown) =>
  (Array.isArray(value) && value.length > 0) || (isRecord(value) && Object.keys(value).length > 0);

const holdsValues = ({ data, stringData }: Fields) => holds(data) || holds(stringData);

const hidden = () => clear("holds a Secret beside something else, where it cannot be checked");

/** Within a list, a patch, an annotation. */
function nestedVerdict(value: unknown, depth: number): Verdict {
  if (typeof value === "string") return depth < DEEPEST ? embeddedVerdict(value, depth + 1) : null;
  if (Array.isArray(value)) return first(value, (each) => nestedVerdict(each, depth));
  if (!isRecord(value)) return null;
  if (isWord(value.kind, "Secret") && holdsValues(value)) return hidden();
  if (Array.isArray(value.items) && typeof value.kind === "string") {
    const areSecrets = isWord(value.kind, "SecretList") && value.items.length > 0;
    const isAmong = value.kind.endsWith("List") && value.items.some((each) => isWord(fieldsOf(each).kind, "Secret"));
    if (areSecrets || isAmong) return hidden();
  }
  return kustomizeVerdict(value) ?? first(Object.values(value), (each) => nestedVerdict(each, depth));
}

function first<T>(items: readonly T[], judge: (item: T) => Verdict): Verdict {
  for (const item of items) {
    const verdict = judge(item);
    if (verdict !== null) return verdict;
  }
  return null;
}

function embeddedVerdict(text: string, depth: number): Verdict {
  if (!mayHold(text) || !text.includes(":")) return null;
  return first(parseYamlDocuments(text) ?? [], (document) =>
    typeof document === "string" ? null : nestedVerdict(document, depth),
  );
}
