/** Objects of kinds that others define, as far as the agent looks at them: what is read passes a schema. */

import type { z } from "zod";
import type { SendCall } from "./calls.js";
import { ClusterFailure } from "./errors.js";
import type { Place } from "./objects.js";

/** A kind of object, as the API and as people name it. */
export interface CustomKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** As messages name it: Kustomization. */
  readonly title: string;
}

export interface CustomObjects {
  /** Null when there is no such object, or no such kind. */
  get<T>(kind: CustomKind, place: Place, schema: z.ZodType<T>): Promise<T | null>;
  /** All of a namespace, or of the cluster where that is null; null when there is no such kind. */
  list<T>(kind: CustomKind, namespace: string | null, schema: z.ZodType<T>): Promise<T | null>;
  /** The same without specs and states, which may be large: `metadata` is all that they have. */
  listMetadata<T>(kind: CustomKind, namespace: string | null, schema: z.ZodType<T>): Promise<T | null>;
  /** Puts annotations on an object beside those that it has. Rejects where there is no such object. */
  annotate(kind: CustomKind, place: Place, annotations: Readonly<Record<string, string>>): Promise<void>;
}

/** What the API server takes as a wish to have the metadata alone. */
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

export function createCustomObjects(send: SendCall): CustomObjects {
  const list = async <T>(kind: CustomKind, namespace: string | null, schema: z.ZodType<T>, accept: string | null) => {
    const { group, version, plural, title } = kind;
    const object = namespace === null ? `the ${title}s` : `the ${title}s of ${namespace}`;
    const answer = await orNull(
      send({ verb: "list", resource: plural, object }, async (configuration) => {
        const { CustomObjectsApi, setHeaderOptions } = await import("@kubernetes/client-node");
        const api = new CustomObjectsApi(configuration);
        const options = accept === null ? undefined : setHeaderOptions("Accept", accept);
        return namespace === null
          ? api.listClusterCustomObject({ group, version, plural }, options)
          : api.listNamespacedCustomObject({ group, version, plural, namespace }, options);
      }),
    );
    return answer === null ? null : understood(answer, schema, object);
  };
  return {
    get: async ({ title, ...kind }, { namespace, name }, schema) => {
      const object = `${title} ${namespace}/${name}`;
      const answer = await orNull(
        send({ verb: "get", resource: kind.plural, object }, async (configuration) => {
          const { CustomObjectsApi } = await import("@kubernetes/client-node");
          return new CustomObjectsApi(configuration).getNamespacedCustomObject({ ...kind, namespace, name });
        }),
      );
      return answer === null ? null : understood(answer, schema, object);
    },
    list: (kind, namespace, schema) => list(kind, namespace, schema, null),
    listMetadata: (kind, namespace, schema) => list(kind, namespace, schema, METADATA_ONLY),
    annotate: async ({ title, ...kind }, { namespace, name }, annotations) => {
      const object = `${title} ${namespace}/${name}`;
      await send({ verb: "patch", resource: kind.plural, object }, async (configuration) => {
        const { CustomObjectsApi, PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
        return new CustomObjectsApi(configuration).patchNamespacedCustomObject(
          { ...kind, namespace, name, body: { metadata: { annotations } } },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
      });
    },
  };
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (thrown) {
    if (thrown instanceof ClusterFailure && thrown.status === 404) return null;
    throw thrown;
  }
}

function understood<T>(answer: unknown, schema: z.ZodType<T>, object: string): T {
  const read = schema.safeParse(answer);
  if (read.success) return read.data;
  // Without the cause: it may quote what was read.
  throw new ClusterFailure(`${object} cannot be understood`, {
    code: "AnswerMalformed",
    stage: "report",
    status: null,
    hint: "Check that its definition in the cluster is of a version that the agent knows.",
  });
}
