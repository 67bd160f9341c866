/** Which branch keeps another one from being made: git keeps names as paths, and a file is no folder. Pure. */

export function branchInTheWay(branch: string, others: Iterable<string>): string | null {
  for (const other of others) {
    if (branch.startsWith(`${other}/`) || other.startsWith(`${branch}/`)) return other;
  }
  return null;
}

/** What git and hosts call it where they say no names. */
const CONFLICT = /refname conflict|(?:directory[ /-]file|file[ /-]directory) conflict/i;

export interface RejectedPush {
  /** Of `push --porcelain`, and what the server said beside. */
  readonly status: readonly string[];
  readonly words: string;
  readonly branch: string;
  /** Branches that the server last told. */
  readonly branches: Iterable<string>;
}

/** The branch that is in the way, by the words or by what is there; "" where it is not told; null where it is something else. */
export function standsInTheWay({ status, words, branch, branches }: RejectedPush): string | null {
  const lines = status.join("\n");
  if (!/cannot lock ref|failed to update ref|failed to lock/.test(lines) && !CONFLICT.test(lines)) return null;
  for (const [, other = "", wanted] of `${lines}\n${words}`.matchAll(EXISTS)) {
    // By the name of what was pushed, for a hook may print anything.
    if (wanted === branch && branchInTheWay(branch, [other]) !== null) return other;
  }
  return branchInTheWay(branch, branches) ?? (CONFLICT.test(lines) ? "" : null);
}

const EXISTS = /'refs\/heads\/([^'\n]+)' exists; cannot create 'refs\/heads\/([^'\n]+)'/g;
