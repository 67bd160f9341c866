/** The Application CRD's own schema, applied before anything is committed: one refused object blocks all of them in Flux. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import { parseYaml } from "../adapters/yaml/index.js";
import { packageRoot } from "../common/package-root.js";
import type { KubernetesObject } from "./manifest.js";

/** Gives the first place at which an object does not fit, without its value; null when it fits. */
export type SchemaCheck = (object: KubernetesObject) => string | null;

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; items?: Schema };

export async function loadApplicationSchema(): Promise<SchemaCheck> {
  const file = join(packageRoot(), "crds", "applications.yaml");
  const crd = parseYaml(await readFile(file, "utf8"), {
    file: "crds/applications.yaml",
    stage: "render",
    code: "Internal",
  }) as {
    spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] };
  };
  const validate = new Ajv({ strict: false }).compile(closed(crd.spec.versions[0].schema.openAPIV3Schema));
  return (object) => {
    if (validate(object)) return null;
    const error = validate.errors?.[0];
    const extra = error?.params.additionalProperty as string | undefined;
    return `${error?.instancePath || "/"}${extra === undefined ? "" : `/${extra}`} ${error?.keyword}`;
  };
}

/** Refuses fields that the schema does not name: Flux refuses them too, and Argo CD never comes to rest over them. */
function closed(schema: Schema, path = ""): Schema {
  const { properties, items } = schema;
  if (items !== undefined) return { ...schema, items: closed(items, `${path}[]`) };
  if (properties === undefined || path === "/metadata") return schema;
  return {
    ...schema,
    properties: Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, closed(inner, `${path}/${name}`)]),
    ),
    additionalProperties: false,
  };
}
