/** What the sandbox's landscape says, to compare what is in the cluster with. */

import { readFile } from "node:fs/promises";
import type { Landscape } from "../e2e/world.js";

/** What Compass says are the values of basic or OAuth credentials, by bundle. */
export async function credentials(file: string): Promise<Map<string, Record<string, string>>> {
  const { applications } = JSON.parse(await readFile(file, "utf8")) as Landscape;
  return new Map(
    applications.flatMap(({ bundles }) =>
      bundles.flatMap(({ id, defaultInstanceAuth }): [string, Record<string, string>][] => {
        const { credential } = (defaultInstanceAuth ?? {}) as { credential?: Record<string, string> | null };
        const { url: _url, __typename: _name, ...values } = credential ?? {};
        return Object.keys(values).length === 2 ? [[id, values]] : [];
      }),
    ),
  );
}
