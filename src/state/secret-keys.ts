/** The keys of one Secret that are ours, changed by compare and swap; whatever else is in it stays as it is. */

import { type Cluster, type ClusterSecret, isConflict, type Place } from "../adapters/kubernetes/index.js";
import { Failure } from "../common/failure.js";
import { Secret } from "../common/secret.js";

/** Values in base64, by key; null where there is none. */
export type Values<K extends string> = Readonly<Record<K, Secret | null>>;

export interface WriteOptions {
  /** Asked of each version that is to be replaced; false: `StateConflict`. @default (always true) */
  readonly when?: (found: ClusterSecret | null) => boolean;
}

export interface SecretKeys {
  /** How messages name it. */
  readonly title: string;
  /** Values as they stand, which the next write of these keys takes as known. */
  read<K extends string>(...keys: K[]): Promise<Values<K>>;
  /** Values as they stand, for a look that decides nothing. */
  peek<K extends string>(...keys: K[]): Promise<Values<K>>;
  /** All keys, as they stand. */
  names(): Promise<string[]>;
  /** What `read` or `write` last saw of a key; undefined when neither did. */
  known(key: string): Secret | null | undefined;
  /** Rejects as `write` would now, and writes nothing. */
  check(changes: Changes, options?: WriteOptions): Promise<void>;
  /**
   * Sets keys, and removes those whose value is null, in one update; none when all stand so already. Rejects with
   * `StateConflict` when one of them is not what was last known of it.
   */
  write(changes: Changes, options?: WriteOptions): Promise<void>;
  /** Rejects as the API would refuse a write of these values beside all that stands there; nothing is stored. */
  rehearse(changes: Changes): Promise<void>;
}

type Changes = Readonly<Record<string, Secret | null>>;

// Of writes that met another's write of other keys: each of those was a success for somebody.
const ATTEMPTS = 8;

export function openSecretKeys(cluster: Cluster, place: Place): SecretKeys {
  const title = `Secret ${place.namespace}/${place.name}`;
  const known = new Map<string, Secret | null>();
  const pick = <K extends string>(found: ClusterSecret | null, keys: readonly K[]) =>
    Object.fromEntries(keys.map((key) => [key, valueAt(found, key)])) as Values<K>;

  /** The version that is to be replaced. Throws `StateConflict` when it is not what it is taken for. */
  const readFor = async (changes: Changes, { when = () => true }: WriteOptions = {}) => {
    const found = await cluster.secrets.get(place);
    let [isDone, isForeign] = [true, false];
    for (const [key, wanted] of Object.entries(changes)) {
      const now = valueAt(found, key);
      // Of what nobody asked before, this is what is known from here on: another may write before we do.
      const before = known.get(key) ?? null;
      if (!known.has(key)) known.set(key, now);
      else if (!isSame(before, now) && !isSame(wanted, now)) isForeign = true;
      if (!isSame(wanted, now)) isDone = false;
    }
    if (!isDone && (isForeign || !when(found))) throw changedByAnother(title);
    return { found, isDone };
  };

  return {
    title,
    known: (key) => known.get(key),
    peek: async (...keys) => pick(await cluster.secrets.get(place), keys),
    read: async (...keys) => {
      const values = pick(await cluster.secrets.get(place), keys);
      for (const key of keys) known.set(key, values[key]);
      return values;
    },
    names: async () => [...((await cluster.secrets.get(place))?.data.keys() ?? [])],
    rehearse: async (changes) => {
      const found = await cluster.secrets.get(place);
      await cluster.secrets.rehearse(merge(found, Object.entries(changes), place)).catch((thrown: unknown) => {
        if (!isConflict(thrown)) throw thrown;
      });
    },
    check: async (changes, options) => {
      await readFor(changes, options);
    },
    write: async (changes, options) => {
      const wanted = Object.entries(changes);
      for (let attempt = 1; ; attempt++) {
        const { found, isDone } = await readFor(changes, options);
        try {
          if (!isDone) await cluster.secrets.write(merge(found, wanted, place));
        } catch (thrown) {
          if (!isConflict(thrown)) throw thrown;
          if (attempt >= ATTEMPTS) throw changedByAnother(title);
          continue;
        }
        for (const [key, value] of wanted) known.set(key, value);
        return;
      }
    },
  };
}

/** An empty value is none: it is what somebody who only may not create keys can leave. */
function valueAt(found: ClusterSecret | null, key: string): Secret | null {
  const value = found?.data.get(key);
  return value === undefined || value.isEmpty ? null : value;
}

const isSame = (left: Secret | null, right: Secret | null) =>
  left === null || right === null ? left === right : left.equals(right);

function merge(
  found: ClusterSecret | null,
  changes: readonly (readonly [string, Secret | null])[],
  place: Place,
): ClusterSecret {
  const data = new Map(found?.data);
  for (const [key, value] of changes) {
    if (value === null) data.delete(key);
    else data.set(key, value);
  }
  return found === null ? { ...place, resourceVersion: null, frame: {}, data } : { ...found, data };
}

const changedByAnother = (title: string) =>
  new Failure(`another agent or person changed ${title} meanwhile; it was left as it is`, {
    code: "StateConflict",
    stage: "connect",
    retryable: true,
    hint: "The next run goes on from what is there now. When it stays, look for a second agent on this cluster.",
  });

export const encode = (value: string | Uint8Array): Secret => Secret.of(Buffer.from(value).toString("base64"));

export const decode = (value: Secret): Buffer => Buffer.from(value.reveal(), "base64");
