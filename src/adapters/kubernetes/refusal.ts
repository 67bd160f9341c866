/** Whether an answer refuses an object for what it is; everything else is told as a failure of the call. */

import { z } from "zod";
import { type RawAnswer, statusError } from "./raw.js";

/** Codes by which admission and validation refuse an object; 409 where it cannot become what it is to be. */
const REFUSED: ReadonlySet<number> = new Set([400, 403, 409, 413, 422]);

/** What a webhook or policy says, whatever code it gives. */
const DENIED = /^admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' .*denied request/s;

/** A missing right, which tells nothing of the object. */
const NO_RIGHT = /^\S+ "[^"]*" is forbidden: User "/;

/** Of an object in a namespace that is not there; of a kind that is not there nothing is known. */
const NO_NAMESPACE = /^namespaces "[^"]*" not found/;

const statusBody = z.object({ kind: z.literal("Status"), message: z.string() });

/** The words of a refusal, which are foreign text. Throws what the client would for everything that is none. */
export async function refusalOf({ status, body }: RawAnswer): Promise<string> {
  const { data } = statusBody.safeParse(body);
  const words = data?.message ?? "";
  if (DENIED.test(words) || (status === 404 && NO_NAMESPACE.test(words))) return words;
  const isRight = status === 403 && NO_RIGHT.test(words);
  if (!REFUSED.has(status) || data === undefined || isRight) throw await statusError(status);
  return words;
}
