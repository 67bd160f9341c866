/** The CompassConnection (contract 6.2): it has no status subresource, so that spec and status are written in one. */

import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject } from "@kubernetes/client-node";
import type { SendCall } from "./calls.js";
import { type ClusterObject, createObjects, type Objects } from "./objects.js";

/** It is in no namespace: its `namespace` is "". */
export interface ClusterCompassConnection extends ClusterObject {
  /** Null for one that does not exist yet. */
  readonly uid: string | null;
  readonly annotations: Readonly<Record<string, string>>;
  /** As they stand: whoever reads them checks them. */
  readonly spec: unknown;
  readonly status: unknown;
}

interface RawConnection extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

const [GROUP, VERSION] = ["compass.kyma-project.io", "v1alpha1"];
const KIND = { group: GROUP, version: VERSION, plural: "compassconnections" };

/** What Events and new objects name it by. */
export const COMPASS_CONNECTION = { apiVersion: `${GROUP}/${VERSION}`, kind: "CompassConnection" };

export function createCompassConnections(send: SendCall): Objects<ClusterCompassConnection> {
  return createObjects<RawConnection, ClusterCompassConnection>(
    {
      title: COMPASS_CONNECTION.kind,
      resource: KIND.plural,
      get: async (configuration, { name }) => (await api(configuration)).getClusterCustomObject({ ...KIND, name }),
      create: async (configuration, _place, body, options) =>
        (await api(configuration)).createClusterCustomObject({ ...KIND, body, ...options }),
      replace: async (configuration, { name }, body, options) =>
        (await api(configuration)).replaceClusterCustomObject({ ...KIND, name, body, ...options }),
      read: ({ spec, status, ...frame }, object) => ({
        ...object,
        frame,
        uid: frame.metadata?.uid ?? null,
        annotations: frame.metadata?.annotations ?? {},
        spec,
        status,
      }),
      compose: ({ annotations, spec, status }, { metadata: { annotations: _former, ...metadata } = {}, ...frame }) => ({
        ...COMPASS_CONNECTION,
        ...frame,
        // An update replaces all of it: what is not sent is removed.
        metadata: Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations },
        spec,
        status,
      }),
      isSame: (found, wanted) => isDeepStrictEqual(written(found), written(wanted)),
    },
    send,
  );
}

/** As JSON has it, without what is undefined. */
const written = ({ spec, status, annotations }: ClusterCompassConnection): unknown =>
  JSON.parse(JSON.stringify({ spec, status, annotations }));

type Configuration = Parameters<Parameters<SendCall>[1]>[0];

async function api(configuration: Configuration) {
  const { CustomObjectsApi } = await import("@kubernetes/client-node");
  return new CustomObjectsApi(configuration);
}
