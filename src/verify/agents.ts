/** Whose a commit is: this agent's, another runtime's agent's, or a person's. Pure. */

import type { HistoryCommit } from "../adapters/git/index.js";

export interface Agent {
  /** Null: not configured here, so that any agent's commits are ours. */
  readonly runtimeID: string | null;
  /** The address of `git.author`. */
  readonly email: string;
}

export type Author = "agent" | "other-agent" | "person";

const TRAILERS = [/^Runtime: (.+)$/gm, /^Digest: (sha256:[0-9a-f]{64})$/gm, /^Agent-Version: (.+)$/gm] as const;

const said = (message: string, trailer: RegExp) => [...message.matchAll(trailer)].map(([, value = ""]) => value.trim());

/** Several where a host made one commit of many. */
export const digestsOf = ({ message }: HistoryCommit): readonly string[] => said(message, TRAILERS[1]);

/** By its trailers, or by the address that it claims, which is one for all agents as long as nobody configures it. */
export function authorOf(commit: HistoryCommit, { runtimeID, email }: Agent): Author {
  const isAgents = TRAILERS.every((trailer) => said(commit.message, trailer).length > 0);
  const named = said(commit.message, TRAILERS[0]);
  if (isAgents && runtimeID !== null && !named.includes(runtimeID)) return "other-agent";
  return isAgents || claims(commit, email) ? "agent" : "person";
}

/** True for a commit that says to be from that address. */
export function claims({ author, committer }: HistoryCommit, email: string): boolean {
  const wanted = plain(email);
  return plain(author.email) === wanted || plain(committer.email) === wanted;
}

const plain = (email: string) => email.trim().toLowerCase();
