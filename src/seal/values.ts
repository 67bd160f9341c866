/** Where the values behind the placeholders are: the bundles of the snapshot. */

import type { Secret } from "../common/secret.js";
import type { Application, Auth, Snapshot } from "../fetch/index.js";
import type { SecretKey } from "../model/index.js";

/** Gives the value of a bundle's key; null when the bundle has no such value. */
export type SecretValues = (bundle: string, key: string) => Secret | null;

/** The values of one Application; a bundle of another one is out of its reach. */
export function secretValues(application: Application): SecretValues {
  const bundles = new Map(application.bundles.map(({ id, defaultInstanceAuth }) => [id, defaultInstanceAuth]));
  return (bundle, key) => valuesOf(bundles.get(bundle) ?? null).find(([name]) => name === key)?.[1] ?? null;
}

export interface GuardedValue {
  /** Director id of the Application that the value belongs to. */
  readonly id: string;
  readonly value: string;
  /** Must not stand in anybody's files. Else only in the own ones: a header often has a word of every day as its value (docs/decisions/0008). */
  readonly everywhere: boolean;
}

/** Values that must not be found in the files that are written. */
export function* guardedValues({ applications }: Snapshot): Generator<GuardedValue> {
  for (const { id, bundles } of applications) {
    for (const { defaultInstanceAuth } of bundles) {
      for (const [key, secret] of valuesOf(defaultInstanceAuth)) {
        if (secret.isRedacted) continue;
        if (key === "password" || key === "clientSecret") yield { id, value: secret.reveal(), everywhere: true };
        if (key === "headers" || key === "queryParameters") {
          const lists = Object.values(JSON.parse(secret.reveal()) as Record<string, string[]>);
          for (const value of lists.flat()) yield* parameterValues(id, value);
        }
      }
    }
  }
}

/** A letter and a digit in one word: a key, and no media type, no language, no sentence. */
const LIKE_A_KEY = /^(?=.*\p{L})(?=.*\d)[^\s/]+$/u;

/** What follows the scheme is a key whatever its alphabet: that of base64 has a slash. */
const SCHEME = /^(?:bearer|basic)\s+(?=\S*\p{L})(?=\S*\d)(\S+)\s*$/iu;

function* parameterValues(id: string, value: string): Generator<GuardedValue> {
  yield { id, value, everywhere: LIKE_A_KEY.test(value) };
  const [, key] = SCHEME.exec(value) ?? [];
  if (key !== undefined) yield { id, value: key, everywhere: true };
}

function valuesOf(auth: Auth | null): readonly (readonly [SecretKey, Secret])[] {
  const credential = auth?.credential;
  return [
    ...(credential?.kind === "Basic"
      ? ([
          ["username", credential.username],
          ["password", credential.password],
        ] as const)
      : []),
    ...(credential?.kind === "OAuth"
      ? ([
          ["clientId", credential.clientID],
          ["clientSecret", credential.clientSecret],
        ] as const)
      : []),
    ...(auth?.headers ? [["headers", auth.headers] as const] : []),
    ...(auth?.queryParameters ? [["queryParameters", auth.queryParameters] as const] : []),
  ];
}
