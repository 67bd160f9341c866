/** Whether a Secret is sealed with SOPS, all of it, and for whom. Pure. */

import { forTerminal } from "../common/quote.js";
import { beside, clear, type Fields, fieldsOf, isRecord, type SopsRules, type Verdict } from "./rules.js";

/** Keys that a sealed Secret may have at the top. */
const TOP = ["apiVersion", "kind", "metadata", "type", "immutable", "data", "sops"];

/** What SOPS makes of a text; of an empty one it makes nothing. */
const BASE64 = "[A-Za-z0-9+/]*={0,2}";
const SEALED = new RegExp(`^ENC\\[AES256_GCM,data:${BASE64},iv:${BASE64},tag:${BASE64},type:str\\]$`);

/** `rules` null: whoever may open it, as of a file that a person brings where the agent seals otherwise. */
export function sopsVerdict(object: Fields, rules: SopsRules | null, by: "agent" | "person"): Verdict {
  if (!isRecord(object.sops)) return clear("is a Secret that is not sealed");
  const parts = by === "agent" ? ["data"] : ["data", "stringData"];
  for (const part of parts) {
    const values = object[part] ?? {};
    if (!isRecord(values)) return clear(`is a Secret whose ${part} cannot be read`);
    const readable = Object.entries(values).find(([, value]) => value !== "" && !SEALED.test(String(value)));
    if (readable !== undefined) return clear(`has the readable value ${forTerminal(readable[0], 60)}`);
  }
  const more = beside(object, [...TOP, ...parts]);
  if (more !== undefined) return clear(`has the readable part ${forTerminal(more, 60)}`);
  return (rules === null ? null : recipientVerdict(object.sops, rules)) ?? metadataVerdict(object.sops, by);
}

/** How sops writes its metadata, whoever ran it. */
const METADATA = [
  "age",
  "hc_vault",
  "encrypted_regex",
  "lastmodified",
  "mac",
  "mac_only_encrypted",
  "version",
] as const;

const WAYS_IN = ["kms", "gcp_kms", "azure_kv", "hc_vault", "pgp", "hckms", "age", "key_groups", "shamir_threshold"];

const BY_SOPS = [
  ...METADATA,
  ...WAYS_IN,
  "encrypted_suffix",
  "unencrypted_suffix",
  "unencrypted_regex",
  "encrypted_comment_regex",
  "unencrypted_comment_regex",
];

function metadataVerdict(sops: Fields, by: "agent" | "person"): Verdict {
  const more = beside(sops, by === "agent" ? METADATA : BY_SOPS);
  if (more !== undefined) return clear(`has the part ${forTerminal(more, 60)} in its sops metadata`);
  if (by === "person") return null;
  const { encrypted_regex, lastmodified, mac, mac_only_encrypted, version } = sops;
  const isOurs =
    encrypted_regex === "^(data|stringData)$" &&
    mac_only_encrypted === true &&
    TIME.test(String(lastmodified)) &&
    SEALED.test(String(mac)) &&
    /^\d+\.\d+\.\d+$/.test(String(version));
  return isOurs ? null : clear("has sops metadata that the agent does not write");
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const foreign = (message: string): Verdict => ({ code: "ForeignRecipient", message });

const isEmpty = (value: unknown) =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

function recipientVerdict(sops: Fields, { age, vault }: SopsRules): Verdict {
  const known = ["age", ...(vault === null ? [] : ["hc_vault"])];
  const other = WAYS_IN.find((key) => !known.includes(key) && !isEmpty(sops[key]));
  if (other !== undefined) return foreign(`is sealed with ${other}, too`);
  return (
    ageVerdict(entriesOf(sops.age), age) ?? (vault === null ? null : vaultVerdict(entriesOf(sops.hc_vault), vault))
  );
}

/** What is no mapping stands for nobody, but is counted. */
const entriesOf = (value: unknown): Fields[] =>
  Array.isArray(value) ? value.map(fieldsOf) : isEmpty(value) ? [] : [{}];

function ageVerdict(entries: readonly Fields[], recipients: readonly string[]): Verdict {
  const named = entries.map(({ recipient }) => String(recipient));
  const unknown = named.find((recipient) => !recipients.includes(recipient));
  if (unknown !== undefined) return foreign(`is sealed to ${forTerminal(unknown, 80)}, which is not configured`);
  const missing = recipients.find((recipient) => !named.includes(recipient));
  if (missing !== undefined) return foreign(`is not sealed to ${forTerminal(missing, 80)}`);
  if (new Set(named).size !== named.length) return foreign("names a recipient twice");
  if (entries.some((entry) => beside(entry, ["recipient", "enc"]) !== undefined)) {
    return clear("has more in its sops metadata than recipients and their keys");
  }
  const hidden = entries.find(({ enc }) => stanzas(String(enc)) !== 1);
  return hidden === undefined ? null : foreign("has a data key that does not open for exactly one recipient");
}

const TRANSIT = ["vault_address", "engine_path", "key_name", "created_at", "enc"];

function vaultVerdict(entries: readonly Fields[], { address, engine, key }: NonNullable<SopsRules["vault"]>): Verdict {
  const [entry, ...others] = entries;
  if (entry === undefined) return foreign("is not sealed to the key of secrets.sops.vault");
  const isConfigured = ({ vault_address, engine_path, key_name }: Fields) =>
    String(vault_address).replace(/\/+$/, "") === address && engine_path === engine && key_name === key;
  if (!entries.every(isConfigured)) return foreign("is sealed to a transit key that is not configured");
  if (others.length > 0) return foreign("names a transit key twice");
  if (beside(entry, TRANSIT) !== undefined || !TIME.test(String(entry.created_at))) {
    return clear("has more in its sops metadata than a transit key and what it wrapped");
  }
  return /^vault:v\d+:[A-Za-z0-9+/]+={0,2}$/.test(String(entry.enc))
    ? null
    : foreign("has a data key that the transit key did not wrap");
}

/** Recipients of an armored age file: lines `-> …` in front of its header's code. */
function stanzas(armored: string): number {
  const body = /^-----BEGIN AGE ENCRYPTED FILE-----\n([\s\S]*?)\n-----END AGE ENCRYPTED FILE-----\s*$/.exec(
    armored,
  )?.[1];
  const lines = Buffer.from(body ?? "", "base64")
    .toString("latin1")
    .split("\n");
  const end = lines.findIndex((line) => line.startsWith("--- "));
  return lines.slice(0, Math.max(end, 0)).filter((line) => line.startsWith("-> ")).length;
}
