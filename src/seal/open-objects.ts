/** What a changed Application's files become in the cluster: its objects, the secret values in their own type. */

import type { Base } from "../base/index.js";
import type { Secret } from "../common/secret.js";
import type { Application } from "../fetch/index.js";
import type { KubernetesObject, RenderedApplication } from "../render/index.js";
import { placesOf, type SealedApplication } from "./seal-estate.js";
import { secretValues } from "./values.js";

export interface OpenObject {
  /** Relative to `git.path`. */
  readonly path: string;
  /** A Secret's without its data. */
  readonly object: KubernetesObject;
  /** Of a Secret, by key; else null. */
  readonly data: ReadonlyMap<string, Secret> | null;
}

export interface OpenObjectsOptions {
  readonly rendered: RenderedApplication;
  readonly sealed: SealedApplication;
  readonly source: Application;
  readonly base: Pick<Base, "listing">;
}

/** Of the files that would be written. A Secret of which a value is not known, as in a recording, is left out. */
export function openObjects({ rendered, sealed, source, base }: OpenObjectsOptions): OpenObject[] {
  const changed = new Set(
    sealed.files
      .filter(({ row, content }) => content !== null && base.listing.get(row.path) !== row.blob)
      .map(({ row }) => row.path),
  );
  const values = secretValues(source);
  return (rendered.manifests ?? [])
    .filter(({ path }) => changed.has(path))
    .flatMap(({ path, object }): OpenObject[] => {
      if (object.kind !== "Secret") return [{ path, object, data: null }];
      const { data: _placeholders, ...open } = object;
      const data = placesOf(object).map(([key, place]) => [key, place && values(place.bundle, place.key)] as const);
      const known = data.flatMap(([key, value]) => (value === null || value.isRedacted ? [] : [[key, value] as const]));
      return known.length < data.length ? [] : [{ path, object: open as KubernetesObject, data: new Map(known) }];
    });
}
