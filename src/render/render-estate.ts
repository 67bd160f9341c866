/** Renders what changed and says what need not be. */

import { setImmediate } from "node:timers/promises";
import { applicationPath, type Base, type InventoryFile, isSecretPath } from "../base/index.js";
import { equalSecrets } from "../common/same.js";
import { type ApplicationModel, type Estate, isVanished, type SetAside } from "../model/index.js";
import type { Manifest } from "./manifest.js";
import type { Renderer } from "./renderer.js";

/** An Application either with its manifests, or with the committed files that stand for them unchanged. */
export type RenderedApplication = { readonly application: ApplicationModel; readonly input: string } & (
  | { readonly manifests: readonly Manifest[]; readonly kept: null }
  | { readonly manifests: null; readonly kept: readonly InventoryFile[] }
);

export interface Rendering {
  readonly applications: readonly RenderedApplication[];
  readonly setAside: readonly SetAside[];
}

export interface RenderOptions {
  readonly renderer: Renderer;
  readonly estate: Estate;
  readonly base: Base;
  /** Rows of the verified inventory by Director id; empty when there is none. */
  readonly committed: ReadonlyMap<string, readonly InventoryFile[]>;
  /**
   * Keyed fingerprint of a whole Secret, sealed for those that the row names; null when a value is not known, which counts
   * as unchanged.
   */
  readonly fingerprint: (secret: ApplicationModel["secrets"][number], sealing?: string) => string | null;
  /** Ids of Applications that are rendered in any case, since files of theirs are sealed anew. @default none */
  readonly again?: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Renders in turn, giving way to other work between Applications: a large landscape must not hold the process. */
export async function renderEstate(options: RenderOptions): Promise<Rendering> {
  const { renderer, estate, committed, signal, onProgress } = options;
  const applications: RenderedApplication[] = [];
  const setAside: SetAside[] = [];
  for (const [index, application] of estate.applications.entries()) {
    signal.throwIfAborted();
    onProgress?.(index + 1, estate.applications.length);
    if (index % 25 === 0) await setImmediate();
    const input = renderer.input(application);
    // Not those under a name that it had before, nor Secrets that it has no more: they wait for their deletion.
    const folder = `applications/${application.name}/`;
    const rows = (committed.get(application.id) ?? []).filter(
      (row) => row.path.startsWith(folder) && !(isSecretPath(row.path) && isVanished(row, application)),
    );
    if (options.again?.has(application.id) !== true && isUnchanged(application, input, rows, options)) {
      applications.push({ application, input, manifests: null, kept: rows });
      continue;
    }
    await setImmediate();
    const rendered = renderer.render(application);
    if (rendered.setAside !== null) setAside.push(rendered.setAside);
    else applications.push({ application, input, manifests: rendered.manifests, kept: null });
  }
  return { applications, setAside };
}

/** True when everything that the Application is made from is what the inventory records, and Git holds what we wrote. */
function isUnchanged(
  application: ApplicationModel,
  input: string,
  rows: readonly InventoryFile[],
  { base, fingerprint }: RenderOptions,
): boolean {
  const manifest = rows.find(({ path }) => path === applicationPath(application.name));
  if (manifest?.input !== input) return false;
  if (rows.some(({ path, blob, written }) => written !== undefined || base.listing.get(path) !== blob)) return false;
  return application.secrets.every((secret) => {
    const row = rows.find(({ path }) => path.endsWith(`/secrets/${secret.name}.yaml`));
    const current = fingerprint(secret, row?.sealing);
    return row !== undefined && (current === null || equalSecrets(row.fingerprint, current));
  });
}
