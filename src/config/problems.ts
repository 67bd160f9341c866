/** What is wrong with a configuration: every mistake at once, each with its place, what is allowed and the likely meaning. */

import { Failure } from "../common/failure.js";
import { forTerminal } from "../common/quote.js";

export type OriginKind = "option" | "environment" | "file" | "go-agent" | "default";

/** Where a value comes from: `agent.yaml:12`, `RUNTIME_AGENT_GIT_URL`, `APP_RUNTIME_CONSOLE_URL`. */
export interface Origin {
  readonly kind: OriginKind;
  readonly name: string;
}

export interface Problem {
  /** The dotted path, or the variable when there is no such path. */
  readonly path: string;
  readonly origin: Origin;
  /** The value given, as JSON; null when there is none, or when it is or could be a secret. */
  readonly value: string | null;
  /** What is wrong, continuing a sentence that begins with the value or path. */
  readonly message: string;
  /** What is allowed; null when the message says it all. */
  readonly allowed: string | null;
  /** The known key, variable or word that was probably meant. */
  readonly nearest: string | null;
}

/** All that is wrong with a configuration. */
export class ConfigurationError extends Failure {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(render).join("\n"), {
      code: "ConfigurationInvalid",
      stage: "config",
      hint: "Correct what is listed; `runtime-agent config validate` checks again, `config schema` shows what is allowed.",
    });
    this.problems = problems;
  }
}

/** One line: `agent.yaml:7  git.brnch: unknown key; did you mean git.branch?` */
function render({ path, origin, value, message, allowed, nearest: meant }: Problem): string {
  const place = origin.kind === "default" || origin.name === path ? "" : `${origin.name}  `;
  const subject = path === "" ? "" : `${path}: `;
  const given = value === null ? "" : `${value} `;
  const mend = meant !== null ? `; did you mean ${meant}?` : allowed !== null ? `; allowed: ${allowed}` : "";
  return forTerminal(`${place}${subject}${given}${message}${mend}`);
}

/** The candidate that a word was probably meant to be, after `prefix`; null when none is near. */
export function nearest(word: string, candidates: Iterable<string>, prefix = ""): string | null {
  const lower = word.toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase());
    if (distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance };
  }
  // A third of the letters wrong is still a slip; more is another word.
  return best !== null && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? prefix + best.candidate : null;
}

/** Letters to insert, remove, replace or swap with their neighbour (optimal string alignment). */
function editDistance(left: string, right: string): number {
  // Neither keys nor variables are that long; a pasted text must not cost time.
  if (left.length > 100) return Number.POSITIVE_INFINITY;
  let [before, row]: [number[], number[]] = [[], Array.from({ length: right.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1;
      let cost = Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      const swapped = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return row.at(-1) ?? 0;
}
