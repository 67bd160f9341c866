/** Paths that the gateway cannot tell apart: within an Application, and over all of them (contract 4.3, consumers 11). */

import type { Staying } from "../base/index.js";
import type { ApplicationModel, Degraded } from "./estate.js";

interface Route {
  readonly application: ApplicationModel;
  readonly bundle: string;
  readonly parts: readonly [application: string, service: string, entry: string];
}

export function collisions(applications: readonly ApplicationModel[]): Degraded[] {
  const routes = routesOf(applications);
  // The gateway looks an API up by its path, and caches its proxy by the same parts *without* a separator.
  const byPath = group(routes, ({ parts }) => parts.join("/"));
  const byCacheKey = group(routes, ({ parts }) => parts.join(""));

  const found = new Map<string, Degraded>();
  for (const route of routes) {
    const { application, bundle, parts } = route;
    const add = (reason: Degraded["reason"], message: string) => {
      const key = `${application.id} ${bundle} ${reason}`;
      if (!found.has(key)) found.set(key, { name: application.name, id: application.id, reason, bundle, message });
    };
    if (parts.includes("")) {
      add(
        "EmptyPathPart",
        "a bundle or API name has no letter or digit of A to Z and 0 to 9, so the gateway has no path for it",
      );
    }
    const same = byPath.get(parts.join("/"))?.length ?? 0;
    if (same > 1) {
      add("PathCollision", `${same} APIs share the path /${parts.join("/")}, so the gateway answers 400 for each`);
      continue;
    }
    const other = byCacheKey.get(parts.join(""))?.find((candidate) => candidate !== route);
    if (other !== undefined) add("PathCollision", taken(parts, other.parts));
  }
  return [...found.values()];
}

/** Like those over all of them, with APIs in Git whose Application is left as it is: they answer calls all the same. */
export function collisionsWith(applications: readonly ApplicationModel[], staying: readonly Staying[]): Degraded[] {
  const others = staying.flatMap(({ id, routes }) => routes.map((parts) => ({ id, parts })));
  if (others.length === 0) return [];
  const byCacheKey = group(others, ({ parts }) => parts.join(""));
  const found = new Map<string, Degraded>();
  for (const { application, bundle, parts } of routesOf(applications)) {
    const { id, name } = application;
    const other = byCacheKey.get(parts.join(""))?.find((each) => each.id !== id);
    if (other !== undefined)
      found.set(`${id} ${bundle}`, { name, id, reason: "PathCollision", bundle, message: taken(parts, other.parts) });
  }
  return [...found.values()];
}

const taken = (parts: Route["parts"], other: Route["parts"]) =>
  `the gateway takes /${parts.join("/")} and /${other.join("/")} for one: a call of one can reach the other's target with the other's credentials`;

const routesOf = (applications: readonly ApplicationModel[]): Route[] =>
  applications.flatMap((application) =>
    application.services.flatMap((service) =>
      service.entries.flatMap((entry): Route[] =>
        entry.type === "API"
          ? [{ application, bundle: service.id, parts: [application.name, service.path, entry.path] }]
          : [],
      ),
    ),
  );

function group<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const list = groups.get(key(item));
    if (list === undefined) groups.set(key(item), [item]);
    else list.push(item);
  }
  return groups;
}
