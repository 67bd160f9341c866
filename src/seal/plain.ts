/** Secrets as they are: for private repositories whose owners accepted that, in so many words. */

import { formatYaml } from "../adapters/yaml/index.js";
import type { Sealer } from "./sealer.js";

export function createPlainSealer(): Sealer {
  return {
    identity: JSON.stringify(["plain"]),
    byKey: false,
    seal: async (object, data) => formatYaml({ ...object, data }),
  };
}
