/** What happens in Compass during the demo, as edits of the sandbox's landscape file. */

import { randomUUID } from "node:crypto";

/** The part of a snapshot file that the demo touches. */
export interface Landscape {
  readonly applications: {
    id: string;
    name: string;
    description: string | null;
    auths: unknown;
    bundles: unknown;
  }[];
}

/** Gives the name of the Application whose description was rewritten. */
export function changeDescription({ applications }: Landscape): string {
  const [application] = applications;
  if (application === undefined) return "nothing";
  application.description = "Now also serves the stores in Japan";
  return application.name;
}

/** Gives the name of the Application that is gone. */
export function removeOne({ applications }: Landscape): string {
  return applications.length > 1 ? (applications.pop()?.name ?? "nothing") : "nothing";
}

/** Gives the name, which is too long for a Kubernetes object. */
export function addBroken({ applications }: Landscape): string {
  const name = "Warehouse Management for the Distribution Centres of Northern Europe";
  applications.push({ id: randomUUID(), name, description: null, auths: [], bundles: [] });
  return name;
}
