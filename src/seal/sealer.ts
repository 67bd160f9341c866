/** What a way of sealing is. */

import type { KubernetesObject } from "../render/index.js";

/** The file of a Secret as Git has it, sealed in the same way. */
export interface FormerFile {
  readonly text: string;
  /** Keys of which the value is still the same. */
  readonly keys: ReadonlySet<string>;
}

export interface Sealer {
  /** Mode and recipients as one text: when it changes, every Secret is sealed anew. Part of every fingerprint. */
  readonly identity: string;
  /** True where each value is sealed by itself, so that one that did not change keeps its bytes beside one that did. */
  readonly byKey: boolean;
  /** Why a Secret as a template gives it cannot be sealed in this way; null where it can. @default each can */
  fault?(object: KubernetesObject): string | null;
  /**
   * The file of one Secret, opened and checked again before it is given. `data` is its data in base64, as Kubernetes wants
   * it. Without `former` nothing of a file in Git is kept.
   */
  seal(
    object: KubernetesObject,
    data: Readonly<Record<string, string>>,
    now: Date,
    former?: FormerFile | null,
  ): Promise<string>;
}
