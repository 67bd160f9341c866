/** What a way of sealing is. */

import type { KubernetesObject } from "../render/index.js";

export interface Sealer {
  /** Mode and recipients as one text: when it changes, every Secret is sealed anew. Part of every fingerprint. */
  readonly identity: string;
  /** The file of one Secret. `data` is its data in base64, as Kubernetes wants it. */
  seal(object: KubernetesObject, data: Readonly<Record<string, string>>, now: Date): Promise<string>;
}
