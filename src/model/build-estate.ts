/** Turns a snapshot into an estate: names first, then one Application after the other, then what only shows in the whole. */

import type { Secret } from "../common/secret.js";
import type { Application, Snapshot } from "../fetch/index.js";
import { modelApplication } from "./application.js";
import { collisions } from "./collisions.js";
import type { ApplicationModel, Degraded, Estate, SecretKey, SetAside, SetAsideReason } from "./estate.js";
import { credentialsSecretName, isName, isUUID, normalizeApplicationName } from "./names.js";
import { isPrintable } from "./text.js";

/** Where a secret value stands: the name of its Secret and the key in it. */
export interface SecretPlace {
  readonly secret: string;
  readonly key: SecretKey;
}

export interface ModelOptions {
  /** Gives a keyed fingerprint of a value at its place; null for a redacted value. */
  readonly fingerprint: (place: SecretPlace, value: Secret) => string | null;
  /** Director ids of those that own a folder in Git, by its name. @default nobody does */
  readonly owners?: ReadonlyMap<string, string>;
  /** Ids of bundles whose credentials Git has, by the name and by the id of their Application. @default Git has none */
  readonly bundles?: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Named {
  readonly application: Application;
  readonly name: string;
}

/** What a rule knows of all: how many share a name, and who has it in Git. */
interface Surroundings {
  readonly sharing: ReadonlyMap<string, number>;
  readonly owners: ReadonlyMap<string, string>;
}

/** A rule gives a reason and the words for it, or null when it has nothing against the Application. */
type Rule = (named: Named, surroundings: Surroundings) => readonly [SetAsideReason, string] | null;

/** In this order: the first reason stands. */
const rules: readonly Rule[] = [
  ({ application }) =>
    isUUID(application.id) ? null : ["InvalidName", "its id in Compass is no UUID; register it there anew"],
  ({ name }) =>
    isName(name)
      ? null
      : ["InvalidName", "its name is no Kubernetes name of at most 63 lower-case characters; mend it in Compass"],
  // A bundle's id becomes part of the names of its Secrets, and of their paths.
  ({ application, name }) =>
    application.bundles.every(({ id }) => isName(credentialsSecretName(name, id)))
      ? null
      : ["InvalidName", "the id of one of its bundles cannot be part of a Kubernetes name; mend it in Compass"],
  // None of them can be told to be the right one, but for the one that Git has under this name.
  ({ name, application }, { sharing, owners }) =>
    (sharing.get(name) ?? 0) > 1 && owners.get(name) !== application.id
      ? ["DuplicateName", `${sharing.get(name)} Applications have this name; rename all but one in Compass`]
      : null,
  ({ application }) => {
    const place = unprintable(application);
    return place === null
      ? null
      : [
          "UnprintableName",
          `a control character stands in ${place}, which would stop every consumer; mend it in Compass`,
        ];
  },
];

const UNREADABLE =
  "Director cannot write its answer about it (HTTP 422), as control characters in a schema do; mend the text in Compass";

const EQUAL_SECRETS =
  "its name begins so that the Secrets of a bundle's credentials and of its parameters would have one name; mend it in Compass";

const CUT =
  "its name, cut to where the ids of its bundles begin, leaves a dot before a dash, which no name of a Secret may have; mend it in Compass";

const SHARED_SECRETS =
  "a Secret of it would have the name of one of another Application, since the ids of their bundles are no UUIDs; mend them in Compass";

/** One object twice would stop every consumer, and no rule of names tells which of the two is right. */
function sharedSecrets(applications: readonly ApplicationModel[]): ReadonlySet<string> {
  const all = Map.groupBy(
    applications.flatMap(({ id, secrets }) => secrets.map(({ name }) => ({ id, name }))),
    ({ name }) => name,
  );
  return new Set([...all.values()].flatMap((same) => (same.length > 1 ? same.map(({ id }) => id) : [])));
}

/** Names of Secrets are cut (contract 4.4): after `params-`, again and again, nothing is left to tell two of them apart. */
const hasEqualSecrets = ({ secrets }: ApplicationModel) =>
  new Set(secrets.map(({ name }) => name)).size < secrets.length;

/** Models every Application that has nothing against it; the others are set aside, each with its reason. */
export function buildEstate(snapshot: Snapshot, options: ModelOptions): Estate {
  const { fingerprint, owners = new Map(), bundles = new Map<string, ReadonlySet<string>>() } = options;
  const normalized = snapshot.runtime.labels.isNormalized === "true";
  const nameOf = ({ name }: { readonly name: string }) => (normalized ? name : normalizeApplicationName(name));
  const named = snapshot.applications.map((application): Named => ({ application, name: nameOf(application) }));
  const unreadable = snapshot.unreadable.map((each) => ({ id: each.id, name: nameOf(each) }));
  const sharing = new Map<string, number>();
  for (const { name } of [...named, ...unreadable]) sharing.set(name, (sharing.get(name) ?? 0) + 1);

  const applications: ApplicationModel[] = [];
  const setAside = unreadable.map((each): SetAside => ({ ...each, reason: "Unreadable", message: UNREADABLE }));
  const degraded: Degraded[] = [];
  for (const each of named) {
    const against = firstReason(each, { sharing, owners });
    if (against !== null) {
      setAside.push({ name: each.name, id: each.application.id, reason: against[0], message: against[1] });
      continue;
    }
    const known = [...(bundles.get(each.name) ?? []), ...(bundles.get(each.application.id) ?? [])];
    const result = modelApplication(each.application, each.name, fingerprint, known);
    const { secrets } = result.model;
    const flaw = hasEqualSecrets(result.model) ? EQUAL_SECRETS : secrets.every(({ name }) => isName(name)) ? null : CUT;
    if (flaw !== null) {
      setAside.push({ name: each.name, id: each.application.id, reason: "InvalidName", message: flaw });
      continue;
    }
    applications.push(result.model);
    degraded.push(...result.degraded);
  }
  const sharers = sharedSecrets(applications);
  for (const { id, name } of applications) {
    if (sharers.has(id)) setAside.push({ name, id, reason: "InvalidName", message: SHARED_SECRETS });
  }
  const sound = applications.filter(({ id }) => !sharers.has(id));
  degraded.push(...collisions(sound));
  return {
    applications: sound.sort(byName),
    setAside: setAside.sort(byName),
    degraded: degraded.filter(({ id }) => !sharers.has(id)).sort(byName),
  };
}

function firstReason(named: Named, surroundings: Surroundings): ReturnType<Rule> {
  for (const rule of rules) {
    const reason = rule(named, surroundings);
    if (reason !== null) return reason;
  }
  return null;
}

/** The first place among names, ids and URLs that cannot be written; null when all can. */
function unprintable({ auths, bundles }: Application): string | null {
  const places: [string, string | null | undefined][] = auths.map((id) => ["a system auth's id", id]);
  for (const bundle of bundles) {
    const { credential, csrfTokenEndpointURL } = bundle.defaultInstanceAuth ?? {};
    places.push(["a bundle's name", bundle.name], ["a bundle's id", bundle.id]);
    places.push(["a token endpoint", credential?.kind === "OAuth" ? credential.url : null]);
    places.push(["a token endpoint", csrfTokenEndpointURL]);
    for (const api of bundle.apiDefinitions) {
      places.push(["an API's name", api.name], ["an API's id", api.id], ["a target URL", api.targetURL]);
    }
    for (const event of bundle.eventDefinitions) {
      places.push(["an event's name", event.name], ["an event's id", event.id]);
    }
  }
  return places.find(([, text]) => typeof text === "string" && !isPrintable(text))?.[0] ?? null;
}

// By code unit, not by locale: the same on every machine. Ties (duplicates) by id.
const byName = (a: { name: string; id: string }, b: { name: string; id: string }) =>
  compare(a.name, b.name) || compare(a.id, b.id);

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
