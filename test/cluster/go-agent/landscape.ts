/** The landscape of test/golden as the Go agent writes it into a cluster, and what of it is there. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubernetesObject } from "../../e2e/world.js";
import { type Access, call, create } from "../api-server.js";

export const GOLDEN = join(import.meta.dirname, "..", "..", "golden");
export const APPLICATIONS = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
export const SECRETS = "/api/v1/namespaces/kyma-system/secrets";
/** As the Go client calls itself by default: the name of the program. */
export const AGENT = "fieldManager=compass-runtime-agent";

const LABELLED = `${SECRETS}?labelSelector=app,bundleId`;

export const recorded = async (name: string) =>
  JSON.parse(await readFile(join(GOLDEN, "expected", name), "utf8")) as KubernetesObject[];

export interface Stored {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly [field: string]: unknown;
}

const items = async (server: Access, path: string) => (await call(server, "GET", path)).body.items as Stored[];

export const applicationsOf = (server: Access) => items(server, APPLICATIONS);
export const secretsOf = (server: Access) => items(server, LABELLED);

/** Takes away what an earlier test left. */
export async function clearLandscape(server: Access): Promise<void> {
  for (const path of [APPLICATIONS, LABELLED]) await call(server, "DELETE", path);
}

/** By kind and name. */
export async function uidsOf(server: Access): Promise<Map<string, string>> {
  const [applications, secrets] = [await applicationsOf(server), await secretsOf(server)];
  const entries = (kind: string, list: readonly Stored[]) =>
    list.map(({ metadata: { name, uid } }) => [`${kind} ${name}`, uid] as const);
  return new Map([...entries("Application", applications), ...entries("Secret", secrets)]);
}

const owned = ({ metadata }: KubernetesObject, ids: ReadonlyMap<string, string>) => {
  const references = (metadata.ownerReferences ?? []) as { name: string }[];
  const ownerReferences = references.map((each) => ({ ...each, uid: ids.get(`Application ${each.name}`) }));
  return { ...metadata, ownerReferences };
};

/** Everything as the Go agent makes it: the Applications first, since their Secrets name them by uid. */
export async function makeLandscape(server: Access): Promise<void> {
  for (const object of await recorded("applications.json")) await create(server, `${APPLICATIONS}?${AGENT}`, object);
  const ids = await uidsOf(server);
  for (const object of await recorded("secrets.json")) {
    await create(server, `${SECRETS}?${AGENT}`, { ...object, metadata: owned(object, ids) });
  }
}
