/** What a template is: the agreement between the agent and the charts that render an Application. */

import type { Chart } from "cdk8s";
import type { ApplicationModel, SecretKey } from "../src/model/index.js";

/** What does not come from Compass but from the configuration. */
export interface TemplateSettings {
  /** Namespace of the credential Secrets (`applications.namespace`). */
  readonly namespace: string;
  /** Prefix of every `centralGatewayUrl`, without a slash at its end (`applications.gatewayURL`). */
  readonly gatewayURL: string;
  /** `spec.skipVerify` of every Application (`applications.skipVerify`). */
  readonly skipVerify: boolean;
}

export interface TemplateInput {
  readonly application: ApplicationModel;
  readonly settings: TemplateSettings;
}

/**
 * Adds the objects of one Application to an empty chart. A template folder has an `index.js` (or `index.ts`) that
 * exports such a function as `template`.
 *
 * - Exactly one `Application`, named `application.name`; Secrets and other allowed kinds beside it.
 * - Construct ids are constant texts or ids, never names: names make every later object slower.
 * - Secret values are not here: `data` holds placeholders, which are replaced when the Secret is sealed.
 */
export type Template = (chart: Chart, input: TemplateInput) => void;

const PLACEHOLDER = "runtime-agent:secret/";

/** Stands for a secret value in a Secret's `data` until it is sealed. */
export function placeholder(bundle: string, key: SecretKey): string {
  return `${PLACEHOLDER}${bundle}/${key}`;
}

/** The bundle and key of a placeholder; null for any other text. */
export function readPlaceholder(text: string): { readonly bundle: string; readonly key: string } | null {
  if (!text.startsWith(PLACEHOLDER)) return null;
  const [bundle, key, ...rest] = text.slice(PLACEHOLDER.length).split("/");
  return bundle && key && rest.length === 0 ? { bundle, key } : null;
}
