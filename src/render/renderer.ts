/** Renders one Application in a cdk8s App of its own: one App for many is quadratic (docs/decisions/0004-render.md). */

import { App, Chart } from "cdk8s";
import { readPlaceholder, template as shipped, type TemplateSettings } from "../../templates/index.js";
import { formatYaml } from "../adapters/yaml/index.js";
import { DIGEST_ANNOTATION } from "../base/index.js";
import { sha256 } from "../common/sha256.js";
import { type ApplicationModel, NO_DESCRIPTION, type SetAside } from "../model/index.js";
import { CANARY_NAME, REVISION_NAME } from "./common-files.js";
import { type LoadedTemplate, loadTemplate } from "./load-template.js";
import { type KubernetesObject, type Manifest, manifestPath, SUBSTITUTION_OPT_OUT } from "./manifest.js";
import { loadApplicationSchema, type SchemaCheck } from "./schema.js";

export interface RendererOptions {
  /** Folder of the user's templates; null: the ones shipped. */
  readonly templates: string | null;
  readonly settings: TemplateSettings;
  readonly allowedKinds: readonly string[];
  readonly version: string;
}

export type Rendered =
  | { readonly manifests: readonly Manifest[]; readonly setAside: null }
  | { readonly manifests: null; readonly setAside: SetAside };

export interface Renderer {
  /** Digest of what an Application is rendered from: its public model, the templates, the settings, the version. */
  input(application: ApplicationModel): string;
  render(application: ApplicationModel): Rendered;
  /**
   * What the shipped templates write whatever the Application. Not what a user's write: that may be from anywhere.
   */
  readonly constants: string;
}

/** The API server's limit of one object (etcd's), in bytes. */
const LARGEST_OBJECT = 1024 * 1024;

/** Loads templates and schema once. Throws `TemplateBroken` for templates that cannot be loaded. */
export async function loadRenderer(options: RendererOptions): Promise<Renderer> {
  const { settings, allowedKinds, version } = options;
  const loaded = await loadTemplate(options.templates);
  const checkSchema = await loadApplicationSchema();
  const common = sha256(JSON.stringify([loaded.digest, version, settings, allowedKinds]));
  const blank = attempt(() =>
    synthesize({ template: shipped, digest: "" }, BLANK, settings).map((object) => manifestOf(BLANK.name, object).text),
  );
  return {
    constants: blank?.join("\n") ?? "",
    input: (application) => sha256(`${common} ${application.digest}`),
    render: (application) => {
      const setAside = (reason: SetAside["reason"], message: string): Rendered => ({
        manifests: null,
        setAside: { name: application.name, id: application.id, reason, message },
      });
      const objects = attempt(() => synthesize(loaded, application, settings));
      if (objects === null) return setAside("InvalidByTemplate", "its template threw an error");
      const fault = objectsFault(objects, application, { allowedKinds, checkSchema });
      if (fault !== null) return setAside(fault.reason, fault.message);
      const manifests = attempt(() => objects.map((object) => manifestOf(application.name, object)));
      if (manifests === null) return setAside("InvalidByTemplate", "its template gives what YAML cannot hold");
      const large = manifests.find(({ text }) => Buffer.byteLength(text) > LARGEST_OBJECT);
      if (large !== undefined) {
        return setAside("TooLarge", `${large.path} would be larger than the 1 MiB that Kubernetes stores`);
      }
      return { manifests, setAside: null };
    },
  };
}

const NO_ID = "00000000-0000-0000-0000-000000000000";

/** One of each part, with nothing of anybody in it: what is left of its manifests is the templates' own text. */
const BLANK: ApplicationModel = {
  id: NO_ID,
  name: "a",
  description: NO_DESCRIPTION,
  clientIDs: [],
  digest: "",
  intent: null,
  services: [
    {
      id: NO_ID,
      name: "a",
      displayName: "a",
      description: NO_DESCRIPTION,
      authCreateParameterSchema: null,
      path: "a",
      entries: [
        {
          type: "API",
          id: NO_ID,
          name: "a",
          targetURL: "",
          path: "a",
          credentials: null,
          requestParametersSecretName: null,
        },
        { type: "Events", id: NO_ID, name: "a" },
      ],
    },
  ],
  secrets: [],
};

function synthesize(
  { template }: LoadedTemplate,
  application: ApplicationModel,
  settings: TemplateSettings,
): KubernetesObject[] {
  const chart = new Chart(new App(), "application");
  const given: unknown = template(chart, { application, settings });
  if (given instanceof Promise) {
    // Nobody waits for it, and a rejection that nobody takes would end the process.
    given.catch(() => undefined);
    throw new TypeError("a template is not asynchronous");
  }
  return chart.toJson() as KubernetesObject[];
}

/** What a user's template throws is not repeated: it may hold anything. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

interface Fault {
  readonly reason: "InvalidByTemplate" | "InvalidBySchema";
  readonly message: string;
}

function objectsFault(
  objects: readonly KubernetesObject[],
  application: ApplicationModel,
  { allowedKinds, checkSchema }: { allowedKinds: readonly string[]; checkSchema: SchemaCheck },
): Fault | null {
  const byTemplate = (message: string): Fault => ({ reason: "InvalidByTemplate", message });
  if (!objects.every(isNamed)) return byTemplate("its template gives an object without a valid kind or name");
  const applications = objects.filter(({ kind }) => kind === "Application");
  if (applications.length !== 1 || applications[0]?.metadata.name !== application.name) {
    return byTemplate(`its template must give exactly one Application named ${application.name}`);
  }
  const forbidden = objects.find(({ kind }) => !allowedKinds.includes(kind));
  if (forbidden !== undefined)
    return byTemplate("its template gives a kind that applications.allowedKinds does not list");
  const paths = objects.map((object) => manifestPath(application.name, object));
  if (new Set(paths).size !== paths.length) return byTemplate("its template gives two objects of one kind and name");
  // What a template writes into a Secret by itself would be readable in Git before anything could seal it.
  const readable = objects.find((object) => object.kind === "Secret" && !onlyPlaceholders(object, application));
  if (readable !== undefined)
    return byTemplate("its template gives a Secret with something else than placeholders in `data`");
  const hidden = objects.find((object) => object.kind === "Secret" && !isSealable(object));
  if (hidden !== undefined)
    return byTemplate(
      "its template gives a Secret with a key `data`, `stringData` or `sops` where sops would take it for its own",
    );
  if (objects.some(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === REVISION_NAME)) {
    return byTemplate(`its template gives the ConfigMap ${REVISION_NAME}, which is the agent's own`);
  }
  if (objects.some(({ kind, metadata }) => kind === "Secret" && metadata.name === CANARY_NAME)) {
    return byTemplate(`its template gives the Secret ${CANARY_NAME}, which is the agent's own`);
  }
  const place = checkSchema(applications[0]);
  return place === null
    ? null
    : { reason: "InvalidBySchema", message: `the API server would refuse the Application at ${place}` };
}

/** What a file can be called by: the path is made of the kind and the name. */
function isNamed({ kind, metadata }: Partial<KubernetesObject>): boolean {
  const name: unknown = metadata?.name;
  return (
    typeof kind === "string" &&
    /^[A-Za-z]+$/.test(kind) &&
    typeof name === "string" &&
    name.length <= 253 &&
    name.split(".").every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part))
  );
}

function onlyPlaceholders({ data, stringData }: KubernetesObject, { secrets }: ApplicationModel): boolean {
  if (stringData !== undefined || data === null || typeof data !== "object") return false;
  return Object.values(data).every((value) => {
    const place = typeof value === "string" ? readPlaceholder(value) : null;
    return (
      place !== null &&
      secrets.some(({ bundle, keys }) => bundle === place.bundle && keys.some(({ key }) => key === place.key))
    );
  });
}

/** SOPS looks for what it sealed at any depth, so a label named `data` would count as such (sealing formats 1). */
function isSealable({ data: _data, ...rest }: KubernetesObject): boolean {
  const reserved = (value: unknown): boolean =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).some(([key, inner]) => key === "data" || key === "stringData" || reserved(inner));
  return !("sops" in rest) && !reserved(rest);
}

function manifestOf(application: string, object: KubernetesObject): Manifest {
  const annotated = annotate(object, SUBSTITUTION_OPT_OUT);
  const path = manifestPath(application, object);
  if (object.kind !== "Application") return { path, object: annotated, text: formatYaml(annotated) };
  return { path, ...withDigest(annotated) };
}

const UNKNOWN = `sha256:${"0".repeat(64)}`;

/**
 * Adds the annotation with the SHA-256 of the file without that annotation's line. The YAML is written once, with a
 * stand-in of the same length, since writing it is nine tenths of rendering.
 */
function withDigest(object: KubernetesObject): { object: KubernetesObject; text: string } {
  const text = formatYaml(annotate(object, { [DIGEST_ANNOTATION]: UNKNOWN }));
  const line = `    ${DIGEST_ANNOTATION}: ${UNKNOWN}\n`;
  const digest = `sha256:${sha256(text.replace(line, ""))}`;
  return {
    object: annotate(object, { [DIGEST_ANNOTATION]: digest }),
    text: text.replace(line, line.replace(UNKNOWN, digest)),
  };
}

function annotate(object: KubernetesObject, annotations: Record<string, string>): KubernetesObject {
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
  };
}
