/** Stage render: manifests from the cdk8s templates, for what changed; secret values as placeholders. Pure once loaded. */

export {
  ATTRIBUTES_PATH,
  ATTRIBUTES_TEXT,
  CANARY_NAME,
  CANARY_PATH,
  canaryObject,
  KUSTOMIZATION_PATH,
  kustomizationText,
  REVISION_NAME,
  REVISION_PATH,
  revisionText,
  SOPS_CONFIG_PATH,
} from "./common-files.js";
export { type KubernetesObject, type Manifest, manifestPath, SUBSTITUTION_OPT_OUT } from "./manifest.js";
export { type RenderedApplication, type Rendering, renderEstate } from "./render-estate.js";
export { loadRenderer, type Renderer, type RendererOptions } from "./renderer.js";
