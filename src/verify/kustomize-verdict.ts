/** Whether a part of a kustomization, or of what carries one, gives a Secret readable values: by a generator or by a patch. Pure. */

import { parseYamlDocuments } from "../adapters/yaml/index.js";
import { clear, type Fields, fieldsOf, isRecord, type Verdict } from "./rules.js";

/** Of one mapping, wherever it stands. */
export const kustomizeVerdict = (value: Fields): Verdict =>
  generatorVerdict(value) ?? kindVerdict(value) ?? patchVerdict(value) ?? placeVerdict(value);

/** Of a file that is a patch by itself: whose it is stands elsewhere. */
export function patchFileVerdict(document: unknown): Verdict {
  if (!isOperations(document) || !document.some(reachesValues)) return null;
  return clear(
    "is a patch of data, which may be a Secret's: let it stand in the kustomization, beside a target's kind",
  );
}

/** From where a generator takes values. */
const SOURCES = { literals: "readable values", envs: "values from files", env: "values from files", files: "files" };

function generatorVerdict(value: Fields): Verdict {
  const isGenerator = isWord(value.kind, "SecretGenerator");
  const generators = [...spelled(value, "secretGenerator").flat(), ...(isGenerator ? [value] : [])];
  for (const each of generators) {
    const source = Object.entries(SOURCES).find(([key]) => spelled(fieldsOf(each), key).some(isFilled));
    if (source !== undefined) return clear(`has a secretGenerator with ${source[1]}`);
  }
  return null;
}

/** What is a Secret only once it is patched: its values stood in another kind before. */
function kindVerdict(value: Fields): Verdict {
  const isAllowed = spelled(value, "options").some((each) =>
    spelled(fieldsOf(each), "allowKindChange").some((allowed) => allowed !== false),
  );
  const operations = patchesOf(value).flatMap((patch) => (isOperations(patch) ? patch : []));
  const isDone = operations.some((operation) => isWritten(operation, /^(?:$|\/kind$)/));
  return isAllowed || isDone ? clear("has a patch that changes the kind, which may become Secret") : null;
}

/** Under which `labels`, transformers and their configurations name the places that they write to. */
const PLACES = [
  ...["fieldSpecs", "targets", "labels", "commonLabels", "templateLabels", "commonAnnotations"],
  ...["namePrefix", "nameSuffix", "namespace", "images", "replicas", "varReference"],
];

/** In which a Secret has its values, or may have: by its name, or by what stands for any. */
const VALUES = /^\/?(?:(?:data|stringData)\b|[*[\\"'])/;

function placeVerdict(value: Fields): Verdict {
  // Many kinds have fields, and only kustomize's labels have pairs beside them.
  const keys = spelled(value, "pairs").length > 0 ? ["fields"] : PLACES;
  const specs = keys.flatMap((key) => spelled(value, key).flat()).map(fieldsOf);
  const mayWrite = (spec: Fields) => {
    const selectors = [spec, ...spelled(spec, "selector").map(fieldsOf)];
    const paths = [...spelled(spec, "path"), ...spelled(spec, "fieldPath")];
    return selectors.every(reachesSecrets) && paths.some((path) => typeof path === "string" && VALUES.test(path));
  };
  return specs.some(mayWrite)
    ? clear("writes to a place that may be a Secret's value: name another kind beside it")
    : null;
}

/** A patch with its target, as kustomize, Flux and Argo CD write them, and as the transformers behind them. */
function patchVerdict(value: Fields): Verdict {
  const targets = spelled(value, "target").filter(isRecord);
  const hasTarget = targets.length > 0;
  if (hasTarget && !targets.some(reachesSecrets)) return null;
  const patches = patchesOf(value);
  // With a target, kind and name of a merge patch do not count.
  const brings = (document: unknown) =>
    isOperations(document)
      ? document.some(reachesValues)
      : hasTarget && (isFilled(fieldsOf(document).data) || isFilled(fieldsOf(document).stringData));
  if (patches.some(brings)) {
    return clear("has a patch that gives a Secret readable values, or may do: its target does not say another kind");
  }
  const isByFile =
    targets.some((each) => spelled(each, "kind").some(isFilled)) && spelled(value, "path").some(isFilled);
  return isByFile ? clear("patches Secrets by a file, whatever that says it is: let the patch stand in place") : null;
}

const patchesOf = (value: Fields) => [...spelled(value, "patch"), ...spelled(value, "jsonOp")].flatMap(documentsOf);

/** Kustomize takes its keys in whatever case. */
const spelled = (value: Fields, key: string): unknown[] =>
  Object.keys(value).flatMap((each) => (each.toLowerCase() === key.toLowerCase() ? [value[each]] : []));

function documentsOf(patch: unknown): readonly unknown[] {
  return typeof patch === "string" ? (parseYamlDocuments(patch) ?? []) : [patch];
}

/** Kustomize takes these for regular expressions, which nobody's tool has to run here: one may be a Secret's. */
function reachesSecrets(target: Fields): boolean {
  const isOther = (key: string, own: string, plain: RegExp) => {
    const texts = spelled(target, key);
    return texts.length > 0 && texts.every((text) => typeof text === "string" && text !== own && plain.test(text));
  };
  return !isOther("kind", "Secret", /^[A-Za-z0-9]+$/) && !isOther("group", "", /^[A-Za-z0-9.-]+$/);
}

const isOperations = (document: unknown): document is readonly unknown[] =>
  Array.isArray(document) && document.some((each) => typeof fieldsOf(each).op === "string");

/** Of one operation of a JSON patch: all but `remove` and `test` show what they bring, or copy it from where it can be read. */
const reachesValues = (operation: unknown) => isWritten(operation, /^(?:$|\/(?:data|stringData)(?:\/|$))/);

function isWritten(operation: unknown, place: RegExp): boolean {
  const { op, path } = fieldsOf(operation);
  return op !== "remove" && op !== "test" && typeof path === "string" && place.test(path);
}

const isWord = (value: unknown, word: string) => typeof value === "string" && value.trim() === word;

/** Says anything: a list, a mapping, or a text where kustomize would take one for a list. */
const isFilled = (value: unknown) =>
  (typeof value === "string" && value !== "") ||
  (Array.isArray(value) && value.length > 0) ||
  (isRecord(value) && Object.keys(value).length > 0);
