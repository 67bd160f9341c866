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
 * By the committed references: the values are the same, and one of the hosts is new. Told by the id of the
 * Application, so that a new name hides nothing, or by its name where it was registered anew; and by the values, whichever
 * of its bundles they were committed for. What Compass gives no more but Git keeps (`staying`, by path) is the same; so is what nobody
 * can compare, in an inventory that was rebuilt.
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
  const owners = new Map(
    estate.applications.flatMap(({ id, services }) => services.map((each) => [each.id, id] as const)),
  );
  return estate.applications.flatMap((application) => {
    const { name, id } = application;
    const own = (rows.get(id) ?? []).filter(({ path }) => isSecretPath(path));
    // A bundle that another Application has, under whatever name, is not this one's.
    const isNobodys = ({ reference }: InventoryFile) => (owners.get(reference?.bundle ?? "") ?? id) === id;
    const former = (folders.get(name)?.rows ?? []).filter((row) => row.id !== id && isNobodys(row));
    const pairs = [...given(application, [...own, ...former]), ...kept(application, own, staying)];
    const bundles = Map.groupBy(pairs, ({ bundle }) => bundle);
    return [...bundles].flatMap(([bundle, same]): DestinationChange[] => {
      const from = new Set(same.flatMap((each) => each.from));
      const to = new Set(same.flatMap((each) => each.to));
      return to.size === 0 ? [] : [{ name, id, bundle, from: [...from].sort(), to: [...to].sort() }];
    });
  });
}

interface Pair {
  readonly bundle: string;
  /** Hosts that the values are sent to: as Git has them, and those that are new. */
  readonly from: readonly string[];
  readonly to: readonly string[];
}

const isParameters = ({ type }: SecretReference) => type === "Parameters";

/** Credentials that Compass gives with the values that Git has. */
function given({ secrets }: ApplicationModel, committed: readonly InventoryFile[]): Pair[] {
  return secrets.flatMap(({ reference: now, elsewhere }) => {
    if (now.values === null) return [];
    const same = committed
      .flatMap(({ reference }) => reference ?? [])
      .filter((before) => isParameters(before) === isParameters(now))
      .filter(({ bundle, values }) => {
        if (bundle !== now.bundle) return values !== null && values === elsewhere[bundle];
        return values === null || values === now.values;
      });
    if (same.length === 0) return [];
    const own = same.filter(({ bundle }) => bundle === now.bundle);
    const from = (own.length > 0 ? own : same).flatMap(({ hosts }) => hosts);
    const known = new Set(same.flatMap(({ hosts }) => hosts));
    return [{ bundle: now.bundle, from, to: now.hosts.filter((host) => !known.has(host)) }];
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
    const to = hostsOf([...targets, authenticationURL, csrfTokenEndpointURL]).filter((host) => !hosts.includes(host));
    return [{ bundle, from: hosts, to }];
  });
}
