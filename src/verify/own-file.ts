/** Whether one file is what the agent could have written: its form, its kind, its place, and a Secret only sealed. Pure. */

import { formatYaml, parseYamlDocuments } from "../adapters/yaml/index.js";
import { applicationOf, isSecretPath, ownDigest } from "../base/index.js";
import { forTerminal } from "../common/quote.js";
import { CANARY_PATH, type KubernetesObject, manifestPath } from "../render/index.js";
import type { Fault } from "./finding.js";
import { isCanary, metadataVerdict } from "./own-metadata.js";
import { beside, clear, type Fields, type FileRules, fieldsOf, isRecord, type Verdict } from "./rules.js";
import { ownSealedSecretVerdict } from "./sealed-secret-verdict.js";
import { sopsVerdict } from "./sops-verdict.js";

/** Of the agent's own file, by its path below `git.path`. */
export function ownFileFault(path: string, bytes: Buffer, rules: FileRules): Fault | null {
  const verdict = verdictOf(path, bytes, rules);
  return verdict === null ? null : { path, ...verdict };
}

function verdictOf(path: string, bytes: Buffer, rules: FileRules): Verdict {
  const fixed = rules.fixed.get(path);
  if (fixed !== undefined) {
    return bytes.equals(Buffer.from(fixed)) ? null : notAsWritten("is not what the agent writes there");
  }
  const documents = parseYamlDocuments(bytes.toString("utf8"));
  const [object] = documents ?? [];
  if (documents?.length !== 1 || !isRecord(object)) {
    return { code: "Unreadable", message: "is not one YAML document" };
  }
  return (
    kindVerdict(path, object, rules) ??
    contentVerdict(path, object, rules) ??
    (isCanonical(object, bytes)
      ? null
      : notAsWritten("is not in the agent's form: comments, tags, anchors, other order"))
  );
}

const notAsWritten = (message: string): Verdict => ({ code: "NotAsWritten", message });

/** What the agent's formatter makes of the same object; SOPS wants its own key last. */
function isCanonical(object: Fields, bytes: Buffer): boolean {
  const { sops, ...rest } = object;
  try {
    const text = sops === undefined ? formatYaml(object) : `${formatYaml(rest)}${formatYaml({ sops })}`;
    return bytes.equals(Buffer.from(text));
  } catch {
    return false;
  }
}

/** Of these kinds other API groups have others, which a cluster's tools obey. */
const API_VERSIONS: Readonly<Record<string, string>> = {
  Application: "applicationconnector.kyma-project.io/v1alpha1",
  ConfigMap: "v1",
  Secret: "v1",
  SealedSecret: "bitnami.com/v1alpha1",
};

const SHIPPED = ["Application", "Secret"];

function kindVerdict(path: string, { kind: given }: Fields, rules: FileRules): Verdict {
  const kind = typeof given === "string" ? given : "";
  const sealed = sealedKind(rules);
  const isInPlaceOfSecret = isSecretPath(path) || path === CANARY_PATH;
  if (isInPlaceOfSecret && rules.secrets.mode === "cluster") {
    return clear("stands in the place of a Secret, though secrets.mode is cluster: none is in Git");
  }
  if (kind === "Secret" && sealed !== "Secret") return clear("is a Secret that is not sealed");
  if (isInPlaceOfSecret && kind !== sealed) return clear(`stands in the place of a ${sealed}, but is none`);
  // Whoever allows Secrets allows what they are sealed as.
  const asked = kind === sealed ? "Secret" : kind;
  if (!rules.allowedKinds.includes(asked) && path !== CANARY_PATH) {
    const shown = kind === "" ? "no kind" : `kind ${forTerminal(kind, 60)}`;
    return { code: "KindNotAllowed", message: `has ${shown}, which applications.allowedKinds does not list` };
  }
  if (!rules.ownTemplates && !SHIPPED.includes(asked)) {
    return {
      code: "KindNotAllowed",
      message: `has kind ${forTerminal(kind, 60)}, which the agent's templates do not give`,
    };
  }
  return null;
}

function versionVerdict({ kind: given, apiVersion }: Fields): Verdict {
  const kind = String(given);
  const wanted = Object.hasOwn(API_VERSIONS, kind) ? API_VERSIONS[kind] : undefined;
  const isKnown = wanted === undefined ? VERSION.test(String(apiVersion)) : apiVersion === wanted;
  if (isKnown) return null;
  const shown = `has kind ${forTerminal(kind, 60)} of ${forTerminal(String(apiVersion), 100)}`;
  return { code: "KindNotAllowed", message: wanted === undefined ? shown : `${shown}, not of ${wanted}` };
}

const VERSION = /^(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/)?v[0-9][a-z0-9]*$/;

const sealedKind = ({ secrets: { mode } }: FileRules) => (mode === "sealed-secrets" ? "SealedSecret" : "Secret");

function contentVerdict(path: string, object: Fields, rules: FileRules): Verdict {
  const { ownTemplates, secrets } = rules;
  const kind = String(object.kind);
  const metadata = fieldsOf(object.metadata);
  const verdict = (kind === sealedKind(rules) ? sealingVerdict(object, rules) : null) ?? versionVerdict(object);
  if (verdict !== null) return verdict;
  const inner = fieldsOf(fieldsOf(object.spec).template).metadata;
  const found =
    placeVerdict(path, kind, metadata) ??
    metadataVerdict(path, kind, metadata, { ownTemplates }) ??
    (secrets.mode === "sealed-secrets" && kind === "SealedSecret"
      ? metadataVerdict(path, kind, inner, { ownTemplates, inner: true })
      : null);
  return found ?? (kind === "Application" ? applicationVerdict(path, object, rules) : null);
}

function sealingVerdict(object: Fields, { secrets }: FileRules): Verdict {
  switch (secrets.mode) {
    case "sops":
      return sopsVerdict(object, secrets, "agent");
    case "sealed-secrets":
      return ownSealedSecretVerdict(object, secrets);
    case "cluster":
      return clear("is a Secret, though secrets.mode is cluster: none is in Git");
    case "plain": {
      const more = beside(object, ["apiVersion", "kind", "metadata", "type", "immutable", "data"]);
      return more === undefined ? null : notAsWritten(`has ${forTerminal(more, 60)}, which the agent does not write`);
    }
  }
}

/** A path is made of the kind and the name. */
function placeVerdict(path: string, kind: string, metadata: Fields): Verdict {
  if (path === CANARY_PATH) return isCanary(metadata) ? null : notAsWritten("is not the canary");
  const folder = applicationOf(path);
  const name = String(metadata.name);
  const object = { kind: kind === "SealedSecret" ? "Secret" : kind, metadata: { name } } as KubernetesObject;
  const isThere = folder !== null && manifestPath(folder, object) === path;
  const isNamed = kind !== "Application" || name === folder;
  return isThere && isNamed
    ? null
    : notAsWritten(`does not belong there by its kind and name: ${forTerminal(name, 60)}`);
}

function applicationVerdict(path: string, object: Fields, { ownTemplates }: FileRules): Verdict {
  const text = Buffer.from(textOf(object));
  if (ownDigest(text) === null) {
    return { code: "DigestDisagrees", message: "does not carry the digest of its own text" };
  }
  const more = ownTemplates ? undefined : beside(object, ["apiVersion", "kind", "metadata", "spec"]);
  return more === undefined
    ? null
    : notAsWritten(`${path} has ${forTerminal(more, 60)}, which the agent does not write`);
}

function textOf(object: Fields): string {
  try {
    return formatYaml(object);
  } catch {
    return "";
  }
}
