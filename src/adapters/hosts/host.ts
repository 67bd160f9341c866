/** What the agent asks of a Git host, whichever it is: one request to merge for one branch, and what is said about it. */

/** A pull request; on GitLab a merge request. */
export interface HostRequest {
  readonly number: number;
  /** Where people read it. */
  readonly url: string;
  readonly state: "open" | "closed" | "merged";
  /** The branch that it asks to merge, without its repository. */
  readonly branch: string;
  /** The branch that it asks to merge into, as it stands: people may change it. */
  readonly base: string;
  /** As it stands on the host, whoever wrote it last. */
  readonly body: string;
  readonly labels: readonly string[];
  /** Whether people see it as a draft by now. */
  readonly isDraft: boolean;
  /** Tip of its branch, or the last one it had; null when the host does not say. */
  readonly head: string | null;
  /** Null where the host has not found out, or was not asked. */
  readonly hasConflict: boolean | null;
  /** ISO 8601. */
  readonly openedAt: string;
}

export interface NewRequest {
  readonly branch: string;
  /** The branch to merge into. */
  readonly base: string;
  readonly title: string;
  readonly body: string;
  readonly draft: boolean;
}

export interface NewText {
  /** Null leaves it as it is, and with it what it tells of a draft. */
  readonly title: string | null;
  readonly body: string;
  readonly draft: boolean;
}

/**
 * A host that has no room for something (a draft, a label) throws a Failure `HostRefused` from that method alone. All
 * writes are one after the other and at least a second apart; every method throws a Failure.
 */
export interface GitHost {
  readonly kind: HostKind;
  /** `GitHub`, for messages. */
  readonly name: string;
  /** Of the title and of the body, in characters. */
  readonly limits: { readonly title: number; readonly body: number };
  /** Calls made so far. */
  readonly requests: number;
  /** All that were ever open from `branch` into `base`, as far as the host lists them: the newest first. */
  find(branch: string, base: string): Promise<readonly HostRequest[]>;
  /** Null when there is none with that number. */
  get(number: number, options?: GetOptions): Promise<HostRequest | null>;
  create(request: NewRequest): Promise<HostRequest>;
  update(number: number, text: NewText): Promise<void>;
  close(number: number): Promise<void>;
  comment(number: number, text: string): Promise<void>;
  /** Whether somebody's comment holds these words. */
  hasComment(number: number, words: string): Promise<boolean>;
  /** Adds labels, which need not be known to the host. */
  label(number: number, labels: readonly string[]): Promise<void>;
  unlabel(number: number, label: string): Promise<void>;
  /** Asks people or teams for a review. */
  review(number: number, reviewers: readonly string[]): Promise<void>;
  /** Has the host merge it once it may. */
  autoMerge(number: number): Promise<void>;
  /** Ends the connections. */
  end(): Promise<void>;
}

export interface GetOptions {
  /** Look again for a moment where a host cannot tell a conflict from not knowing yet. @default one look */
  readonly awaitsConflict?: boolean;
}

export type HostKind = "github" | "gitlab" | "gitea" | "forgejo";

/** A repository on a host. */
export interface HostPlace {
  readonly kind: HostKind;
  /** Without a slash at the end. */
  readonly api: string;
  /** `owner/name`, on GitLab with as many groups as it has. */
  readonly repository: string;
}

/** Where requests are opened, and where the agent's branch is. */
export interface ProposalPlace extends HostPlace {
  /** A fork of `repository`, or that itself. */
  readonly from: string;
}
