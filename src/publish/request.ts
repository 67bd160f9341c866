/** Opens the request, completes it, and says what is to be said about it: each thing once, also after a call that failed. */

import { type HostRequest, type NewText, waitUntil } from "../adapters/hosts/index.js";
import { Failure } from "../common/failure.js";
import type { Blocked, Proposal, Wish } from "../state/index.js";
import { BLOCKED_LABEL } from "./look-up.js";
import { isTheirs, type Marker, markedBody, othersWords } from "./marker.js";
import type { Keep, ProposeOptions } from "./options.js";

/** Room for the marker, the line that ends the agent's words, and the empty lines between. */
const MARKER_ROOM = 300;

export async function openRequest(options: ProposeOptions): Promise<HostRequest> {
  const { host, base, own } = options;
  const words = await wordsOf(options);
  const given = { branch: own.branch, base: base.branch, ...words };
  return host.create(given).catch(async (thrown: unknown) => {
    // Made before an answer that was lost, or by a person.
    if (!(thrown instanceof Failure) || thrown.code !== "HostRefused") throw thrown;
    const open = (await host.find(own.branch, base.branch)).find(({ state }) => state === "open");
    if (open === undefined) throw thrown;
    await host.update(open.number, await newWordsOf(options, open));
    return open;
  });
}

/** What a new request is to get. */
export function wishesOf({ settings: { labels, reviewers, autoMerge } }: ProposeOptions): Proposal["undone"] {
  const wishes: Wish[] = [];
  if (labels.length > 0) wishes.push("labels");
  if (reviewers.length > 0) wishes.push("reviewers");
  if (autoMerge) wishes.push("autoMerge");
  return wishes.length === 0 ? null : { wishes, attempts: 0 };
}

/** Cycles in which the same is tried. */
const MOST_ATTEMPTS = 5;

/** Does what was not done yet; what may pass is left to the next cycles, as long as they are few. */
export async function fulfil(
  { host, settings }: ProposeOptions,
  number: number,
  undone: NonNullable<Proposal["undone"]>,
  keep: Keep,
): Promise<readonly string[]> {
  const { labels, reviewers } = settings;
  const ways: Readonly<Record<Wish, () => Promise<void>>> = {
    labels: async () => (labels.length > 0 ? host.label(number, labels) : undefined),
    reviewers: async () => (reviewers.length > 0 ? host.review(number, reviewers) : undefined),
    autoMerge: async () => (settings.autoMerge ? host.autoMerge(number) : undefined),
  };
  const attempts = undone.attempts + 1;
  const left = new Set(undone.wishes);
  const notes: string[] = [];
  const rest = () => (left.size === 0 ? null : { wishes: [...left], attempts });
  for (const wish of undone.wishes) {
    try {
      await ways[wish]();
      left.delete(wish);
    } catch (thrown) {
      // The proposal stands without it; but a host that wants to be left alone ends the cycle.
      if (!(thrown instanceof Failure) || thrown.code === "Aborted" || waitUntil(thrown) !== null) {
        await keep({ undone: rest() });
        throw thrown;
      }
      const isLast = !thrown.retryable || attempts >= MOST_ATTEMPTS;
      if (isLast) left.delete(wish);
      const state = isLast ? "is not done" : "is not done yet, the next cycle tries again";
      notes.push(`pullRequest.${wish} ${state}: ${thrown.message}`);
    }
  }
  await keep({ undone: rest() });
  return notes;
}

async function wordsOf({ host, words, settings, ...options }: ProposeOptions, others = "") {
  const { title, body } = await words({ ...host.limits, body: host.limits.body - MARKER_ROOM - others.length });
  return { title, body: markedBody(markerOf(options), body, others), draft: settings.draft };
}

/**
 * In place of those of `former`, of which the words of others are kept where they leave room for the agent's. What a person
 * opened keeps all of them, and gets the marker alone.
 */
export async function newWordsOf(options: ProposeOptions, { body, isDraft }: HostRequest): Promise<NewText> {
  const others = othersWords(body);
  if (isTheirs(body)) return { title: null, body: markedBody(markerOf(options), "", others), draft: isDraft };
  const isRoom = others.length <= (options.host.limits.body - MARKER_ROOM) / 2;
  return { ...(await wordsOf(options, isRoom ? others : "")), draft: isDraft };
}

const markerOf = ({ runtimeID, intent, target }: Pick<ProposeOptions, "runtimeID" | "intent" | "target">): Marker => ({
  runtime: runtimeID,
  intent: intent ?? "",
  target,
});

/** Once while it is blocked: a note, and a label that says when it may go on. */
export async function tellBlocked(
  { host, own }: ProposeOptions,
  { blocked, saying }: Proposal,
  open: HostRequest | null,
  keep: Keep,
): Promise<Blocked | null> {
  const known = blocked !== null && blocked.tip === own.tip ? blocked : null;
  if (own.tip === null || open === null || known?.isDone === true) return blocked;
  // Told for an earlier commit, or before the memory was lost.
  if (open.labels.includes(BLOCKED_LABEL)) return { tip: own.tip, isLabelled: true, isDone: true };
  // No label may be set here, so that it cannot tell what the note told already.
  if (blocked?.isDone === true && !blocked.isLabelled) return { ...blocked, tip: own.tip };
  // The label last: without it, and with what is remembered, the agent would go on.
  const told = { tip: own.tip, isLabelled: false, isDone: false };
  if (blocked === null || (known === null && blocked.isLabelled)) {
    const note = `blocked-${own.tip}`;
    // Begun for a former tip, it says the same of this one.
    const [, begun] = saying?.startsWith(`${open.number} blocked-`) === true ? saying.split(" ") : [];
    await say(host, open.number, { note: begun ?? note, text: blockedComment(own.branch) }, saying, keep);
    await keep({ blocked: told, saying: null });
  }
  return host.label(open.number, [BLOCKED_LABEL]).then(
    () => ({ ...told, isLabelled: true, isDone: true }),
    (thrown: unknown) => {
      if (!(thrown instanceof Failure) || thrown.code === "Aborted" || waitUntil(thrown) !== null) throw thrown;
      return { ...told, isDone: !thrown.retryable };
    },
  );
}

/** Writes a note. One of which the answer was lost is looked for first: `saying` is what was begun. */
async function say(
  host: ProposeOptions["host"],
  number: number,
  { note, text }: { readonly note: string; readonly text: string },
  saying: string | null,
  keep: Keep,
): Promise<void> {
  const mark = `<!-- runtime-agent note=${note} -->`;
  const begun = `${number} ${note}`;
  if (saying === begun && (await host.hasComment(number, mark))) return;
  await keep({ saying: begun });
  await host.comment(number, `${text}\n\n${mark}`);
}

/** Says once why, and closes it. */
export async function withdraw(
  { host }: ProposeOptions,
  { number }: HostRequest,
  memory: Proposal,
  keep: Keep,
  why: string = WITHDRAWN,
) {
  if (!memory.withdrawn.includes(number)) {
    await say(host, number, { note: "withdrawn", text: why }, memory.saying, keep);
    await keep({ withdrawn: [...memory.withdrawn, number].slice(-MOST_WITHDRAWN), saying: null });
  }
  await host.close(number);
}

/** Requests of which it is remembered. */
const MOST_WITHDRAWN = 20;

const blockedComment = (branch: string) =>
  [
    `Somebody else's commit stands on \`${branch.replaceAll("`", "")}\`, so the agent does not touch this branch any more.`,
    "",
    "It goes on as soon as one of these is done:",
    "",
    "- the changes are in the target branch, by merging this or in another way;",
    "- the branch is deleted;",
    `- the label \`${BLOCKED_LABEL}\` is taken off, which lets the agent replace the commit.`,
  ].join("\n");

/** On a request into a branch that is not the target any more. */
export const ledElsewhere = (to: string) =>
  `The agent proposes to \`${to.replaceAll("`", "")}\` now, and this leads to another branch. The agent closes this.`;

/** On a request of which the branch is not the agent's any more. */
export const movedTo = (branch: string) =>
  `The agent proposes from \`${branch.replaceAll("`", "")}\` in the repository that is configured now. The agent closes this.`;

/** On a request of which nothing but what was refused is left. */
export const refusedBefore = (other: string) =>
  `What is left of this was proposed in ${other} and closed without merging, so it is not proposed again. The agent closes this.`;

const WITHDRAWN =
  "Nothing is left to change: the target branch has it all, or Compass does not ask for it any more. The agent closes this.";
