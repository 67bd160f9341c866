/** One file of an installation: what a chart draws, by name. */

import { App, Chart } from "cdk8s";

export interface InstallManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  /** Of a ConfigMap. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ManifestFile {
  readonly name: string;
  /** What is in it, for a line at its top. */
  readonly about: string;
  readonly manifests: readonly InstallManifest[];
}

export type Draw = (chart: Chart) => void;

export function file(name: string, about: string, draw: Draw): ManifestFile {
  const chart = new Chart(new App(), "install");
  draw(chart);
  return { name, about, manifests: chart.toJson() as InstallManifest[] };
}
