/** Reads everything Director lists for one runtime, to the last page of every list. */

import { z } from "zod";
import type { Clock } from "../common/clock.js";
import { Failure } from "../common/failure.js";
import { retry } from "../common/retry.js";
import {
  apiDefinition,
  eventDefinition,
  type Page,
  type PagedApplication,
  type PagedBundle,
  page,
  pagedApplication,
  pagedBundle,
  runtime,
} from "./answers.js";
import type { Director } from "./director.js";
import { API_DEFINITIONS, APPLICATIONS, BUNDLES, EVENT_DEFINITIONS } from "./documents.js";
import { allPages, incomplete } from "./pages.js";
import type { Application, Bundle, Runtime, Snapshot } from "./snapshot.js";

export interface FetchOptions {
  readonly director: Director;
  readonly runtimeID: string;
  /** Applications on a page. Nested lists are asked by at most 200, which is Director's limit. */
  readonly pageSize: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: ((fetched: number, total: number) => void) | undefined;
}

const NESTED_LIMIT = 200;

const applicationsAnswer = z.object({
  runtime: runtime.nullable(),
  applicationsForRuntime: page(pagedApplication),
});
const bundlesAnswer = z.object({ application: z.object({ bundles: page(pagedBundle) }).nullable() });
const apiDefinitionsAnswer = z.object({
  application: z.object({ bundle: z.object({ apiDefinitions: page(apiDefinition) }).nullable() }).nullable(),
});
const eventDefinitionsAnswer = z.object({
  application: z.object({ bundle: z.object({ eventDefinitions: page(eventDefinition) }).nullable() }).nullable(),
});

/**
 * All four lists to the end by the algorithm of contract 2.7: one parent per request for nested pages, names from the
 * first query only, credentials from `bundles` only. A fetch whose proof fails is repeated twice, then is a failure.
 */
export async function fetchSnapshot(options: FetchOptions): Promise<Snapshot> {
  const { clock, signal } = options;
  // Whatever else may pass was retried where it was asked.
  const when = ({ code }: Failure) => code === "FetchIncomplete";
  return retry(() => fetchOnce(options), { clock, signal, attempts: 3, when });
}

async function fetchOnce({ director, runtimeID, pageSize, onProgress }: FetchOptions): Promise<Snapshot> {
  const nested = Math.min(pageSize, NESTED_LIMIT);
  let described: Runtime | null = null;
  let fetched = 0;

  const applicationsPage = async (after: string | null): Promise<Page<PagedApplication>> => {
    const variables = { runtime: runtimeID, first: pageSize, after, nested };
    const answer = await director.ask("Applications", APPLICATIONS, variables, applicationsAnswer);
    if (answer.runtime === null) throw unknownRuntime();
    described ??= answer.runtime;
    fetched += answer.applicationsForRuntime.data.length;
    onProgress?.(fetched, answer.applicationsForRuntime.totalCount);
    return answer.applicationsForRuntime;
  };

  const paged = await allPages("applications", await applicationsPage(null), applicationsPage);
  const applications: Application[] = [];
  for (const application of paged) applications.push(await completeApplication(director, application, nested));
  if (described === null) throw unknownRuntime();
  return { runtime: described, applications, unreadable: [] };
}

async function completeApplication(
  director: Director,
  application: PagedApplication,
  nested: number,
): Promise<Application> {
  const { bundles: first, ...rest } = application;
  if (first === null) return { ...rest, bundles: [] };
  const paged = await allPages("bundles", first, async (after) => {
    const variables = { application: application.id, after, nested };
    const answer = await director.ask("Bundles", BUNDLES, variables, bundlesAnswer);
    return present(answer.application, "bundles").bundles;
  });
  const bundles: Bundle[] = [];
  for (const bundle of paged) bundles.push(await completeBundle(director, application.id, bundle, nested));
  return { ...rest, bundles };
}

async function completeBundle(
  director: Director,
  application: string,
  bundle: PagedBundle,
  nested: number,
): Promise<Bundle> {
  const variables = (after: string) => ({ application, bundle: bundle.id, after, nested });
  const apiDefinitions = await allPages("API definitions", bundle.apiDefinitions, async (after) => {
    const answer = await director.ask("APIDefinitions", API_DEFINITIONS, variables(after), apiDefinitionsAnswer);
    return present(answer.application?.bundle, "API definitions").apiDefinitions;
  });
  const eventDefinitions = await allPages("event definitions", bundle.eventDefinitions, async (after) => {
    const answer = await director.ask("EventDefinitions", EVENT_DEFINITIONS, variables(after), eventDefinitionsAnswer);
    return present(answer.application?.bundle, "event definitions").eventDefinitions;
  });
  return { ...bundle, apiDefinitions, eventDefinitions };
}

/** The parent of a list; it may have been removed since its first page. */
function present<T>(parent: T | null | undefined, list: string): T {
  if (parent === null || parent === undefined) throw incomplete(list, "what it belongs to is gone");
  return parent;
}

const unknownRuntime = () =>
  new Failure("Director does not know the runtime", {
    code: "RuntimeUnknown",
    stage: "fetch",
    hint: "Check runtime.id: it is not registered in the tenant of this certificate.",
  });
