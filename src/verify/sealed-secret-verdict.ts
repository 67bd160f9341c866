/** Whether a SealedSecret is sealed, all of it. To whom nobody can tell from the file. Pure. */

import { forTerminal } from "../common/quote.js";
import { MANAGED_ANNOTATION, partsOf, SCOPE_ANNOTATIONS } from "../seal/index.js";
import { beside, clear, type Fields, fieldsOf, isRecord, type SealedSecretRules, type Verdict } from "./rules.js";

/** Of whoever's SealedSecret: no value in it can be read. */
export function sealedSecretVerdict({ spec }: Fields): Verdict {
  const { encryptedData = {}, template, data } = fieldsOf(spec);
  if (!isRecord(encryptedData)) return clear("is a SealedSecret whose values cannot be read");
  if (data !== undefined && !isSealed(data)) return clear("is a SealedSecret with readable data");
  const readable = Object.entries(encryptedData).find(([, value]) => !isSealed(value));
  if (readable !== undefined) return clear(`has the value ${forTerminal(readable[0], 60)}, which is not sealed`);
  const { data: inside = {}, stringData = {} } = fieldsOf(template);
  const [shown] = [...Object.keys(fieldsOf(inside)), ...Object.keys(fieldsOf(stringData))];
  return shown === undefined ? null : clear(`has the readable value ${forTerminal(shown, 60)} in its template`);
}

/** Bytes of the longest RSA modulus that anybody has: the beginning of a readable text could be taken for the length of a longer one. */
const LONGEST_KEY = 2048;

const isSealed = (value: unknown) => {
  const parts = typeof value === "string" ? partsOf(value) : null;
  return parts !== null && parts.key.length <= LONGEST_KEY;
};

/** Of the agent's: what it writes beside the values, and nothing more. */
export function ownSealedSecretVerdict(object: Fields, { scope, managed }: SealedSecretRules): Verdict {
  const sealed = sealedSecretVerdict(object);
  if (sealed !== null) return sealed;
  const spec = fieldsOf(object.spec);
  const template = fieldsOf(spec.template);
  const more =
    beside(object, ["apiVersion", "kind", "metadata", "spec"]) ??
    beside(spec, ["encryptedData", "template"]) ??
    beside(template, ["metadata", "type", "immutable"]);
  if (more !== undefined) return clear(`has the readable part ${forTerminal(more, 60)}`);
  const [outer, inner] = [object, template].map(({ metadata }) => fieldsOf(metadata));
  const marks = [outer, inner].map((metadata) => fieldsOf(metadata?.annotations));
  const scoped = Object.entries(SCOPE_ANNOTATIONS).every(([name, annotation]) =>
    marks.every((annotations) => annotations[annotation] === (name === scope ? "true" : undefined)),
  );
  if (!scoped)
    return { code: "ForeignRecipient", message: `is not bound as secrets.sealedSecrets.scope says: ${scope}` };
  if ((marks[1]?.[MANAGED_ANNOTATION] === "true") !== managed) {
    return { code: "NotAsWritten", message: "is marked as managed otherwise than secrets.sealedSecrets.managed says" };
  }
  const isSame = outer?.name === inner?.name && outer?.namespace === inner?.namespace;
  return isSame ? null : { code: "NotAsWritten", message: "gives a Secret of another name or namespace" };
}
