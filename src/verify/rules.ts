/** What the configuration says of the files that the agent writes. */

import type { Scope } from "../seal/index.js";
import type { FindingCode } from "./finding.js";

export interface TransitKey {
  /** Without a slash at its end. */
  readonly address: string;
  readonly engine: string;
  readonly key: string;
}

/** Who may open a SOPS file: all of these, and nobody else. */
export interface SopsRules {
  readonly age: readonly string[];
  readonly vault: TransitKey | null;
}

export interface SealedSecretRules {
  readonly scope: Scope;
  readonly managed: boolean;
}

export type SecretRules =
  | ({ readonly mode: "sops" } & SopsRules)
  | ({ readonly mode: "sealed-secrets" } & SealedSecretRules)
  | { readonly mode: "cluster" }
  /** Nothing can be said of readable Secrets where they are allowed. */
  | { readonly mode: "plain" };

export interface FileRules {
  readonly allowedKinds: readonly string[];
  readonly secrets: SecretRules;
  /** Users' own templates may give any label and annotation; of the shipped ones all are known. */
  readonly ownTemplates: boolean;
  /** Files of which every byte is known, by path. */
  readonly fixed: ReadonlyMap<string, string>;
}

/** What is wrong with a file; null for nothing. */
export type Verdict = { readonly code: FindingCode; readonly message: string } | null;

export const clear = (message: string): Verdict => ({ code: "ClearSecret", message });

export type Fields = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The fields, none where there is no mapping. */
export const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});

/** The first key that is not among these. */
export const beside = (object: Fields, keys: readonly string[]): string | undefined =>
  Object.keys(object).find((key) => !keys.includes(key));
