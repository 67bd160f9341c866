/** Whether names, labels and annotations are those that the agent gives. Pure. */

import { applicationOf, DIGEST_ANNOTATION } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import { CANARY_NAME, CANARY_PATH, canaryObject, SUBSTITUTION_OPT_OUT } from "../render/index.js";
import { MANAGED_ANNOTATION, SCOPE_ANNOTATIONS } from "../seal/index.js";
import { beside, clear, type Fields, fieldsOf, isRecord, type Verdict } from "./rules.js";

const wrong = (message: string): Verdict => ({ code: "NotAsWritten", message });

/** What tools leave behind in which a whole Secret can be read. */
const COPIES = ["kubectl.kubernetes.io/last-applied-configuration"];

/** Annotations that hold the object once more, readable. */
export function copyVerdict(metadata: unknown): Verdict {
  const annotations = fieldsOf(fieldsOf(metadata).annotations);
  const copy = COPIES.find((name) => Object.hasOwn(annotations, name));
  return copy === undefined ? null : clear(`holds its readable values once more in the annotation ${copy}`);
}

const NAMED = ["name", "namespace", "labels", "annotations"];

/** What a template may give beside these; a server's own fields are no part of a manifest. */
const BY_TEMPLATES = ["finalizers", "ownerReferences"];

const OWN_ANNOTATIONS = [...Object.keys(SUBSTITUTION_OPT_OUT), DIGEST_ANNOTATION];
const CANARY_ANNOTATIONS = Object.keys(canaryObject("").metadata.annotations ?? {});
const SEALING_ANNOTATIONS = [...Object.values(SCOPE_ANNOTATIONS), MANAGED_ANNOTATION];

/** `inner`: the template within a SealedSecret, which Flux's mark does not reach. */
export function metadataVerdict(
  path: string,
  kind: string,
  given: unknown,
  { ownTemplates, inner = false }: { readonly ownTemplates: boolean; readonly inner?: boolean },
): Verdict {
  const metadata = fieldsOf(given);
  const copy = copyVerdict(metadata);
  if (copy !== null) return copy;
  const more = beside(metadata, ownTemplates ? [...NAMED, ...BY_TEMPLATES] : NAMED);
  if (more !== undefined) return wrong(`has metadata that the agent does not write: ${forTerminal(more, 60)}`);
  const { labels = {}, annotations = {} } = metadata;
  if (!isTexts(labels) || !isTexts(annotations)) return wrong("has labels or annotations that are no texts");
  if (!inner && !Object.entries(SUBSTITUTION_OPT_OUT).every(([key, value]) => annotations[key] === value)) {
    return wrong("lacks the annotation by which Flux replaces nothing in it");
  }
  if (ownTemplates && path !== CANARY_PATH) return null;
  const odd = beside(annotations, [
    ...(path === CANARY_PATH ? CANARY_ANNOTATIONS : OWN_ANNOTATIONS),
    ...(kind === "SealedSecret" ? SEALING_ANNOTATIONS : []),
  ]);
  if (odd !== undefined) return wrong(`has the annotation ${forTerminal(odd, 100)}, which the agent does not write`);
  return kind === "Application" ? null : secretLabels(path, labels);
}

function secretLabels(path: string, labels: Fields): Verdict {
  const known = path === CANARY_PATH ? [] : ["app", "bundleId"];
  const odd = beside(labels, known);
  if (odd !== undefined) return wrong(`has the label ${forTerminal(odd, 100)}, which the agent does not write`);
  return path === CANARY_PATH || labels.app === applicationOf(path)
    ? null
    : wrong("is labelled for another Application");
}

const isTexts = (value: unknown): value is Readonly<Record<string, string>> =>
  isRecord(value) && Object.values(value).every((text) => typeof text === "string");

/** The canary's name is known, all others are part of their path. */
export const isCanary = (metadata: unknown): boolean => fieldsOf(metadata).name === CANARY_NAME;
