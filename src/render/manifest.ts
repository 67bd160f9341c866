/** A rendered object, and where it goes. */

import { applicationPath } from "../base/index.js";

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface Manifest {
  /** Relative to `git.path`. */
  readonly path: string;
  readonly object: KubernetesObject;
  /** The canonical YAML. A Secret's holds placeholders. */
  readonly text: string;
}

// Values in Compass may hold ${…}, which Flux would otherwise replace, or fail on (consumers 3).
export const SUBSTITUTION_OPT_OUT = { "kustomize.toolkit.fluxcd.io/substitute": "disabled" };

/** Where an object of an Application goes (design 4). */
export function manifestPath(application: string, object: KubernetesObject): string {
  if (object.kind === "Application") return applicationPath(application);
  return `applications/${application}/${object.kind.toLowerCase()}s/${object.metadata.name}.yaml`;
}
