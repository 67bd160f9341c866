/** Credentials that stay while the host they are sent to changes: what an attacker in Compass would do. Pure. */

import { type Folder, hostsOf, type InventoryFile, isSecretPath, type SecretReference } from "../base/index.js";
import { type ApplicationModel, type Estate, isVanished } from "../model/index.js";

export interface DestinationChange {
  readonly name: string;
  readonly id: string;
  /** Id of the bundle that the credentials belong to. */
  readonly bundle: string;
  /** Hosts as Git has them, and those that are new. Sorted. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/**
 * By the committed references: the values are the same, and one of the hosts is new. Told by the ids of the Application
 * and the bundle, so that a new name hides nothing. What Compass gives no more but Git keeps (`staying`, by path) is the
 * same; so is what nobody can compare, in an inventory that was rebuilt.
 */
export function destinationChanges(
  estate: Estate,
  folders: ReadonlyMap<string, Folder>,
  staying: ReadonlySet<string>,
): DestinationChange[] {
  const rows = Map.groupBy(
    [...folders.values()].flatMap((folder) => folder.rows),
    ({ id }) => id,
  );
  return estate.applications.flatMap((application) => {
    const { name, id } = application;
    const committed = (rows.get(id) ?? []).filter(({ path }) => isSecretPath(path));
    const pairs = [...given(application, committed), ...kept(application, committed, staying)];
    const bundles = Map.groupBy(pairs, ({ bundle }) => bundle);
    return [...bundles].flatMap(([bundle, same]): DestinationChange[] => {
      const from = new Set(same.flatMap((each) => each.from));
      const to = new Set(same.flatMap((each) => each.to).filter((host) => !from.has(host)));
      return to.size === 0 ? [] : [{ name, id, bundle, from: [...from].sort(), to: [...to].sort() }];
    });
  });
}

interface Pair {
  readonly bundle: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

const isParameters = ({ type }: SecretReference) => type === "Parameters";

/** Credentials that Compass gives with the values that Git has. */
function given({ secrets }: ApplicationModel, committed: readonly InventoryFile[]): Pair[] {
  return secrets.flatMap(({ reference: now }) => {
    if (now.values === null) return [];
    const same = committed
      .flatMap(({ reference }) => reference ?? [])
      .filter((before) => before.bundle === now.bundle && isParameters(before) === isParameters(now))
      .filter(({ values }) => values === null || values === now.values);
    return same.map(({ hosts }) => ({ bundle: now.bundle, from: hosts, to: now.hosts }));
  });
}

/** Credentials that Compass gives no more, while the APIs of their bundle go on with them. */
function kept(model: ApplicationModel, committed: readonly InventoryFile[], staying: ReadonlySet<string>): Pair[] {
  return committed.flatMap((row): Pair[] => {
    const { reference } = row;
    if (reference === undefined || !staying.has(row.path) || !isVanished(row, model)) return [];
    const { bundle, authenticationURL, csrfTokenEndpointURL, hosts } = reference;
    const entries = model.services.find(({ id }) => id === bundle)?.entries ?? [];
    const targets = entries.flatMap((entry) => (entry.type === "API" ? [entry.targetURL] : []));
    return [{ bundle, from: hosts, to: hostsOf([...targets, authenticationURL, csrfTokenEndpointURL]) }];
  });
}
