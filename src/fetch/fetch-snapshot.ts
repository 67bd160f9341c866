/** Reads everything Director lists for one runtime, to the last page of every list. */

import { z } from "zod";
import type { Clock } from "../common/clock.js";
import { Failure, type FailureCode } from "../common/failure.js";
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
  unreadableApplication,
} from "./answers.js";
import type { Director } from "./director.js";
import { API_DEFINITIONS, APPLICATION_NAMES, APPLICATIONS, BUNDLES, EVENT_DEFINITIONS } from "./documents.js";
import { isolate, isUnprocessable } from "./isolate.js";
import { allPages, incomplete } from "./pages.js";
import type { Application, Bundle, Runtime, Snapshot, UnreadableApplication } from "./snapshot.js";

export interface FetchOptions {
  readonly director: Director;
  readonly runtimeID: string;
  /** Applications on a page. Nested lists are asked by at most 200, which is Director's limit. */
  readonly pageSize: number;
  /** How long anything is tried again, in milliseconds, from the beginning of the whole fetch. @default 10 minutes */
  readonly patience?: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress?: ((fetched: number, total: number) => void) | undefined;
}

const NESTED_LIMIT = 200;

// Time for a restart of Compass in the middle, and still an end that somebody waits for: every call that runs into its
// own deadline may be made four times, and a fetch has many.
const PATIENCE = 10 * 60_000;

/** What a smaller page may come around: Director's limit, ours, and Director's time for one operation. */
const TOO_MUCH_AT_ONCE: ReadonlySet<FailureCode> = new Set(["PageSizeRefused", "AnswerTooLarge", "DirectorTimedOut"]);

/** Page sizes below the configured one that are tried: halves, and at last single Applications. */
const SMALLER_SIZES = 5;

const listAnswer = <T>(item: z.ZodType<T>) =>
  z.object({ runtime: runtime.nullable(), applicationsForRuntime: page(item) });

const applicationsAnswer = listAnswer(pagedApplication);
const namesAnswer = listAnswer(unreadableApplication);
const bundlesAnswer = z.object({ application: z.object({ bundles: page(pagedBundle) }).nullable() });
const apiDefinitionsAnswer = z.object({
  application: z.object({ bundle: z.object({ apiDefinitions: page(apiDefinition) }).nullable() }).nullable(),
});
const eventDefinitionsAnswer = z.object({
  application: z.object({ bundle: z.object({ eventDefinitions: page(eventDefinition) }).nullable() }).nullable(),
});

/**
 * All four lists to the end by the algorithm of contract 2.7: one parent per request for nested pages, names from the
 * first query only, credentials from `bundles` only. A fetch whose proof fails is repeated twice; one that asks for too
 * much at once begins anew with smaller pages (contract 2.5, 2.10, 12.3 O11). Then it is a `Failure`, as anything is
 * that is left after the retries; none of them waits beyond `patience`.
 */
export async function fetchSnapshot(options: FetchOptions): Promise<Snapshot> {
  const { clock, signal, patience = PATIENCE } = options;
  const deadline = new Date(clock.now().getTime() + patience);
  const director = options.director.until(deadline);
  // Whatever else may pass was retried where it was asked.
  const when = ({ code }: Failure) => code === "FetchIncomplete";
  let { pageSize } = options;
  for (let smaller = 1; ; smaller++) {
    const once = () => fetchOnce({ ...options, director, pageSize });
    try {
      return await retry(once, { clock, signal, attempts: 3, deadline, when });
    } catch (thrown) {
      const tooMuch = thrown instanceof Failure && TOO_MUCH_AT_ONCE.has(thrown.code);
      if (!tooMuch || pageSize === 1 || clock.now() >= deadline) throw thrown;
      pageSize = smaller < SMALLER_SIZES ? Math.floor(pageSize / 2) : 1;
    }
  }
}

/** How one attempt asks. */
interface Attempt {
  readonly director: Director;
  readonly nested: number;
}

async function fetchOnce({ director, runtimeID, pageSize, onProgress }: FetchOptions): Promise<Snapshot> {
  const attempt = { director, nested: Math.min(pageSize, NESTED_LIMIT) };
  let described: Runtime | null = null;
  let fetched = 0;

  const taken = <T>(answer: z.infer<ReturnType<typeof listAnswer<T>>>): Page<T> => {
    if (answer.runtime === null) throw unknownRuntime();
    described ??= answer.runtime;
    return answer.applicationsForRuntime;
  };
  const isolated = isolate<PagedApplication>({
    pageSize,
    whole: async (first, after) => {
      const variables = { runtime: runtimeID, first, after, nested: attempt.nested };
      return taken(await director.ask("Applications", APPLICATIONS, variables, applicationsAnswer));
    },
    skeleton: async (first, after) => {
      const variables = { runtime: runtimeID, first, after };
      return taken(await director.ask("ApplicationNames", APPLICATION_NAMES, variables, namesAnswer));
    },
  });

  // What is asked on the way to a page is no progress.
  const nextPage = async (after: string | null) => {
    const page = await isolated(after);
    fetched += page.data.length;
    onProgress?.(fetched, page.totalCount);
    return page;
  };
  const listed = await allPages("applications", await nextPage(null), nextPage);
  const applications: Application[] = [];
  const unreadable: UnreadableApplication[] = [];
  for (const application of listed) {
    const whole = "bundles" in application ? await completeApplication(attempt, application) : null;
    if (whole === null) unreadable.push({ id: application.id, name: application.name });
    else applications.push(whole);
  }
  if (described === null) throw unknownRuntime();
  return { runtime: described, applications, unreadable };
}

/** The Application with all of its lists; null when Director cannot write one of them. */
async function completeApplication(attempt: Attempt, application: PagedApplication): Promise<Application | null> {
  try {
    return { ...application, bundles: await allBundles(attempt, application) };
  } catch (thrown) {
    if (isUnprocessable(thrown)) return null;
    throw thrown;
  }
}

async function allBundles(attempt: Attempt, { id: application, bundles: first }: PagedApplication): Promise<Bundle[]> {
  if (first === null) return [];
  const { director, nested } = attempt;
  const paged = await allPages("bundles", first, async (after) => {
    const variables = { application, after, nested };
    const answer = await director.ask("Bundles", BUNDLES, variables, bundlesAnswer);
    return present(answer.application, "bundles").bundles;
  });
  const bundles: Bundle[] = [];
  for (const bundle of paged) bundles.push(await completeBundle(attempt, application, bundle));
  return bundles;
}

async function completeBundle(attempt: Attempt, application: string, bundle: PagedBundle): Promise<Bundle> {
  const { director, nested } = attempt;
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
