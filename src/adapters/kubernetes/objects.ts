/** Objects of the API that are read whole and written by their resourceVersion, so that no write of another is lost. */

import type { KubernetesObject } from "@kubernetes/client-node";
import type { SendCall } from "./calls.js";
import { ClusterFailure, isConflict } from "./errors.js";

export interface Place {
  /** "" for what is in no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** What every object has, whatever it holds. */
export interface ClusterObject extends Place {
  /** Null for one that does not exist yet. */
  readonly resourceVersion: string | null;
  /** All that the agent does not look into (labels, owners, …): written back as it was read. */
  readonly frame: KubernetesObject;
}

export interface Objects<T extends ClusterObject> {
  /** Null when there is none. */
  get(place: Place): Promise<T | null>;
  /**
   * Replaces what was read, or makes it when its resourceVersion is null; gives it as it then stands. Rejects with
   * `ClusterConflict` when it was changed, removed or made meanwhile.
   */
  write(object: T): Promise<T>;
  /** Rejects as `write` would now: the API tries it and stores nothing. */
  rehearse(object: T): Promise<void>;
}

/** What a change is asked with, beside what is to stand there. */
export interface ChangeOptions {
  /** Tried, not stored. */
  readonly dryRun?: "All";
}

/** How one kind of object is called. */
export interface Kind<Raw extends KubernetesObject, T extends ClusterObject> {
  /** As messages name it: Secret. */
  readonly title: string;
  /** As rights name it: secrets. */
  readonly resource: string;
  readonly get: (configuration: Configuration, place: Place) => Promise<Raw>;
  readonly create: (configuration: Configuration, place: Place, body: Raw, options: ChangeOptions) => Promise<Raw>;
  readonly replace: (configuration: Configuration, place: Place, body: Raw, options: ChangeOptions) => Promise<Raw>;
  readonly read: (raw: Raw, object: ClusterObject) => T;
  readonly compose: (object: T, frame: KubernetesObject) => Raw;
  /** Whether what stands there is what was to be written. */
  readonly isSame: (found: T, wanted: T) => boolean;
}

type Configuration = Parameters<Parameters<SendCall>[1]>[0];

export function createObjects<Raw extends KubernetesObject, T extends ClusterObject>(
  kind: Kind<Raw, T>,
  send: SendCall,
): Objects<T> {
  const call = (verb: string, { namespace, name }: Place) => ({
    verb,
    resource: kind.resource,
    object: `${kind.title} ${namespace === "" ? name : `${namespace}/${name}`}`,
  });
  const parse = (raw: Raw, { namespace, name }: Place): T => {
    const resourceVersion = raw.metadata?.resourceVersion ?? null;
    return kind.read(raw, { namespace, name, resourceVersion, frame: raw });
  };

  const get = async (place: Place): Promise<T | null> => {
    try {
      return parse(await send(call("get", place), (configuration) => kind.get(configuration, place)), place);
    } catch (thrown) {
      if (thrown instanceof ClusterFailure && thrown.status === 404) return null;
      throw thrown;
    }
  };

  const change = async (object: T, options: ChangeOptions): Promise<T> => {
    const isNew = object.resourceVersion === null;
    const { namespace, name, frame } = object;
    const metadata = namespace === "" ? { name } : { namespace, name };
    const body = kind.compose(object, isNew ? { ...frame, metadata } : frame);
    const by = isNew ? kind.create : kind.replace;
    const verb = isNew ? "create" : "update";
    try {
      return parse(await send(call(verb, object), (configuration) => by(configuration, object, body, options)), object);
    } catch (thrown) {
      if (thrown instanceof ClusterFailure && thrown.status === 404 && !isNew)
        throw removed(thrown, call("update", object));
      throw thrown;
    }
  };

  const write = async (object: T): Promise<T> => {
    try {
      return await change(object, {});
    } catch (thrown) {
      if (!isConflict(thrown) || !thrown.mayBeOurs) throw thrown;
      const found = await get(object);
      if (found === null || !kind.isSame(found, object)) throw thrown;
      return found;
    }
  };

  const rehearse = async (object: T) => {
    await change(object, { dryRun: "All" });
  };

  return { get, write, rehearse };
}

const removed = ({ stage }: ClusterFailure, { object }: { object: string }) =>
  new ClusterFailure(`the agent cannot update ${object}: it was removed meanwhile (HTTP 404)`, {
    code: "ClusterConflict",
    stage,
    status: 404,
    retryable: true,
    hint: "Try again: it is then read anew.",
  });
