/** Credentials that Director gives no more, but whose Secret is still in Git: the Application keeps referring to them. */

import { type InventoryFile, secretNameOf } from "../base/index.js";
import { withDigests } from "./application.js";
import type { APIEntryModel, ApplicationModel, SecretModel } from "./estate.js";

/**
 * True when the model has no such Secret any more. What it is for counts, not its name, which a template may have chosen;
 * the name counts where the inventory does not say what it is for.
 */
export function isVanished({ path, reference }: InventoryFile, { secrets }: ApplicationModel): boolean {
  return !secrets.some((secret) =>
    reference === undefined ? path.endsWith(`/secrets/${secret.name}.yaml`) : standsFor(secret, reference),
  );
}

/** Both are of one bundle, and both are credentials or both parameters. */
const standsFor = ({ reference: { bundle, type } }: SecretModel, other: NonNullable<InventoryFile["reference"]>) =>
  bundle === other.bundle && (type === "Parameters") === (other.type === "Parameters");

/** The model with the references to Secrets that stay in Git, where Director gives nothing in their place. */
export function withReferences(model: ApplicationModel, staying: readonly InventoryFile[]): ApplicationModel {
  const references = staying.flatMap(({ path, reference }) =>
    reference === undefined ? [] : [{ name: secretNameOf(path), reference }],
  );
  if (references.length === 0) return model;
  const services = model.services.map((service) => {
    const own = references.filter(({ reference }) => reference.bundle === service.id);
    const parameters = own.find(({ reference }) => reference.type === "Parameters");
    const credentials = own.find(({ reference }) => reference.type !== "Parameters");
    const referring = (entry: APIEntryModel): APIEntryModel => ({
      ...entry,
      credentials: entry.credentials ?? referenceOf(credentials),
      requestParametersSecretName: entry.requestParametersSecretName ?? parameters?.name ?? null,
    });
    return { ...service, entries: service.entries.map((entry) => (entry.type === "API" ? referring(entry) : entry)) };
  });
  const { intent } = model;
  return { ...withDigests({ ...model, services }, references), intent };
}

function referenceOf(kept: Pick<SecretModel, "name" | "reference"> | undefined): APIEntryModel["credentials"] {
  if (kept === undefined || kept.reference.type === "Parameters") return null;
  const { type, authenticationURL, csrfTokenEndpointURL } = kept.reference;
  return { type, secretName: kept.name, authenticationURL, csrfTokenEndpointURL };
}
