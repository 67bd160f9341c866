/** What is kept, and what a place to keep it must do. */

import type { Secret } from "../common/secret.js";

/** A certificate that Compass issued, with its private key. */
export interface Identity {
  /** PKCS#1 PEM. */
  readonly key: Secret;
  /** PEM of the client certificate alone. */
  readonly certificate: string;
  /** PEM: client certificate first, then its issuers. */
  readonly chain: string;
  /** PEM of the issuing authorities. */
  readonly ca: string;
}

/** How Compass is reached with the identity. */
export interface Connection {
  readonly connectorURL: string;
  readonly secureConnectorURL: string;
  readonly directorURL: string;
  /** Common name of the certificate: the id of the system auth (contract 0.3). */
  readonly clientID: string;
  /** What Compass wanted as subject when it was last asked; null when it is not known. */
  readonly subject: string | null;
  /** Of the pairing, ISO 8601. */
  readonly establishedAt: string;
  /** Of the last renewal, ISO 8601; null before the first. */
  readonly renewedAt: string | null;
}

/** An identity on its way, by pairing or by renewal: from its key to the moment in which it is put in use. */
export interface PendingIdentity {
  /** SHA-256 of the one-time token that it began with; null for a renewal, which needs none. */
  readonly tokenDigest: string | null;
  /** When it began, ISO 8601. */
  readonly since: string;
  readonly subject: string;
  readonly urls: Pick<Connection, "connectorURL" | "secureConnectorURL" | "directorURL">;
  /** What the configuration calls the Connector that Compass names otherwise; null where the two are the same. */
  readonly knownAs: string | null;
  readonly key: Secret;
  /** The token for the signing request; null once it is used, and for a renewal. */
  readonly nextToken: Secret | null;
  /** What the signing request was answered with; null before. */
  readonly issued: Omit<Identity, "key"> | null;
}

/** What a cycle must know of earlier ones. */
export interface Memory {
  /** SHA-256 of tokens that the Connector itself answered: never sent again. The newest 50. */
  readonly spentTokens: readonly string[];
  /** What is in Git but was missing from complete fetches: by Director id and name, or by id and path of a Secret. */
  readonly missing: Readonly<Record<string, Missing>>;
  /** The set that is held and may be approved; null when there is none. */
  readonly hold: HeldSet | null;
  readonly approvals: readonly Approval[];
  /** Hash of the approval on which the open request rests: good until what it lets go is gone. Null for none. */
  readonly proposedApproval: string | null;
  readonly suspended: Suspended;
  /** What this agent published last, and where. */
  readonly published: Published;
  /** Where the last cycle read its base; null before the first. */
  readonly seen: Place | null;
  /** The latest commit that went out, to the target branch or to the one that is proposed, and was not seen on the target; null for none. */
  readonly underway: Underway | null;
  /** Applications that a person put back to an older version, by name. */
  readonly reverted: Readonly<Record<string, Reverted>>;
  /** Of the runtime in Compass, as the agent set them last. */
  readonly labels: Readonly<Record<string, string>>;
  /** Values of counters, where metrics are kept over runs that end. */
  readonly counters: readonly { name: string; labels: Readonly<Record<string, string>>; value: number }[];
  readonly lastCycle: LastCycle | null;
  /** What the cluster showed when it was asked last; null when it never was. */
  readonly applied: AppliedMemory | null;
  readonly certificate: CertificateMemory;
  /** The request to merge that this agent has, or had last; null before the first. */
  readonly proposal: Proposal | null;
  /** Namespaces in which Secrets may carry the marks of mode `cluster`, whatever the mode is now. */
  readonly marked: readonly string[];
}

/** A target, however the address of its repository is written. */
export interface Place {
  /** Digest of branch and path. */
  readonly within: string;
  /** Commit id of the branch. */
  readonly tip: string;
}

/** What the agent knows of its own branch and of the request to merge it. */
export interface Proposal {
  /** Digest of repository and branch: what is known of one says nothing about another. */
  readonly place: string;
  /** What the agent wrote to its branch last; null when it wrote nothing, or removed the branch. */
  readonly written: WrittenProposal | null;
  /**
   * What it was about to write when this was stored, the newest last: each push may have been done, or may still be. Of a branch
   * that it removed: all that a person can restore there.
   */
  readonly pending: readonly WrittenProposal[];
  /** A tip of the agent's that the host does not let it remove, and when that was tried, ISO 8601; null for none. */
  readonly unremoved: { readonly tip: string; readonly at: string } | null;
  /** Null before the first. */
  readonly request: ProposedRequest | null;
  /** Numbers of requests on which the agent said that it closes them. The newest 20. */
  readonly withdrawn: readonly number[];
  /** What the open request still lacks of what is configured, and how often it was tried; null for nothing. */
  readonly undone: { readonly wishes: readonly Wish[]; readonly attempts: number } | null;
  /** The tip of a person for which the agent wrote its note, and whether it could set the label. */
  readonly blocked: Blocked | null;
  /** Until when the Git host wants to be left alone, ISO 8601. */
  readonly notBefore: string | null;
  /** Request and kind of a note that may have been written, for its answer is not known; null for none. */
  readonly saying: string | null;
  /** The request that was open when the agent's branch was given another place, and what the agent wrote there; null once it was seen to. */
  readonly former: { readonly request: ProposedRequest; readonly commits: readonly string[] } | null;
  /** What requests before the latest one had on the branch, the newest last: whoever opens one again may restore it. */
  readonly earlier: readonly WrittenProposal[];
  /** What earlier versions proposed to, which did not tell it: digest of branch and path; null before it was asked. */
  readonly formerTarget: string | null;
}

/** What a request gets once, beside its words. */
export type Wish = "labels" | "reviewers" | "autoMerge";

export interface Blocked {
  readonly tip: string;
  readonly isLabelled: boolean;
  /** False while the label is to be set, or to be given up. */
  readonly isDone: boolean;
}

export interface WrittenProposal {
  readonly commit: string;
  /** The tip of the target branch that it stands on; null for the first commit of a repository. */
  readonly base: string | null;
  /** Keyed digest of what it is to bring about. */
  readonly intent: string;
  /** Digest of the branch and the path that it is for; null where an earlier version wrote it. */
  readonly target: string | null;
  /** The newest tip of the target branch of which it is known that it descends from `base`; null for that one alone. */
  readonly seen: string | null;
}

export interface ProposedRequest {
  readonly number: number;
  readonly url: string;
  readonly state: "open" | "closed" | "merged";
  /** ISO 8601. */
  readonly openedAt: string;
}

/** What is known of the certificate beyond what stands in it. */
export interface CertificateMemory {
  /** Attempts to renew that failed since the last that worked; null when there is none. */
  readonly renewal: FailedAttempts | null;
  /** When the agent last sent a signing request over mTLS by its own decision, ISO 8601: written before it is sent. */
  readonly lastIssuance: string | null;
  /** Compass does not accept the certificate in use, which may be a passing fault (contract 12.2); null when it does. */
  readonly rejected: FailedAttempts | null;
  /** The certificate on its way that Compass did not accept, by SHA-256, and how often; null when it refused none. */
  readonly refused: { readonly certificate: string; readonly times: number } | null;
  /** Attempts to finish the pairing on its way that failed; null when there is none. */
  readonly pairing: FailedAttempts | null;
  /** What Compass last named as subject in a renewal that has not come to its end; null when it named none since. */
  readonly subject: string | null;
  /** Tokens that were sent and ambiguously refused, by SHA-256: not known to be spent. */
  readonly triedTokens: Readonly<Record<string, FailedAttempts>>;
  /** A person wants the runtime to be paired anew while the identity in use works, and there is a token to do so. */
  readonly isPairingWanted: boolean;
  /** Director is not reached at the address that Compass named; null when it was with the last try. */
  readonly unreached: FailedAttempts | null;
  /** When Director last answered this identity, ISO 8601. */
  readonly lastContact: string | null;
  /** How far Compass's clock was ahead of ours when it was last seen, in milliseconds. */
  readonly clockSkew: number | null;
}

export interface FailedAttempts {
  /** Of the first, ISO 8601. */
  readonly since: string;
  /** Of the newest, ISO 8601. */
  readonly last: string;
  readonly times: number;
  /** Code of the newest failure. */
  readonly failure: string;
}

/** Something held: an Application, or one of its Secrets by its path. */
export interface HeldUnit {
  readonly name: string;
  readonly id: string;
  readonly secret: string | null;
}

export interface HeldSet {
  /** Digest of what is held. Another set has another one, and gets a nonce of its own. */
  readonly set: string;
  readonly nonce: string;
  /** What an approval names. */
  readonly hash: string;
  /** ISO 8601. */
  readonly since: string;
  readonly units: readonly HeldUnit[];
}

export interface Approval {
  readonly hash: string;
  /** ISO 8601. */
  readonly expires: string;
}

export interface Suspension {
  /** ISO 8601. */
  readonly since: string;
  readonly reason: string | null;
}

export interface Suspended {
  /** Null: Git is written to. */
  readonly everything: Suspension | null;
  /** By name. */
  readonly applications: Readonly<Record<string, Suspension>>;
}

export interface Published {
  /** Digest of repository, branch and path: what is known of one says nothing about another. */
  readonly target: string;
  /** Serial of the inventory published last; 0 before the first. */
  readonly serial: number;
  /** The agent's own deletions of the last day, which a revert in Git cannot take back. */
  readonly deletions: readonly DeletionRecord[];
  /** By name; what was deleted stands there with empty digests. */
  readonly applications: Readonly<Record<string, PublishedApplication>>;
  /** Ids of Applications that stood in the inventory beside these, by name; "" for one that is not known. */
  readonly others: Readonly<Record<string, string>>;
}

/** What went by the agent's own decision with one commit, and how much there was before it. */
export interface DeletionRecord {
  /** Of the inventory of that commit, by which it is known; 0 where an inventory that could not be read may have told of any. */
  readonly serial: number;
  /** ISO 8601. */
  readonly at: string;
  readonly applications: number;
  readonly secrets: number;
  readonly ofApplications: number;
  readonly ofSecrets: number;
}

/** Of an Application that the agent wrote, as Git shows, without remembering what Compass said then. */
export const UNKNOWN_INTENT = "?";

export interface PublishedApplication {
  readonly id: string;
  /** What Compass said of it; `UNKNOWN_INTENT` where the files alone were seen. */
  readonly intent: string;
  /** Digest of its files' blob ids. */
  readonly tree: string;
  /** Blob id of the Application's own file; "" for none. */
  readonly manifest: string;
}

/** A commit that may come to the target branch unseen: merged by people, or pushed by an agent that ended then. */
export interface Underway {
  /** Null for one that is proposed: it is on the agent's own branch in any case. */
  readonly commit: string | null;
  /** Of its inventory, as the next one. */
  readonly serial: number;
  readonly deletions: readonly DeletionRecord[];
  /** What it writes of them, by name; empty digests for what it deletes. */
  readonly applications: Readonly<Record<string, PublishedApplication>>;
  /** Tip of the target branch to which it was found not to have come; null before anybody looked. */
  readonly absentAt: string | null;
}

export interface Reverted {
  /** Digest of the blob ids that a person put in place. */
  readonly tree: string;
  /** What Compass said when it was put back: the hold ends when Compass says something else. */
  readonly intent: string;
  /** ISO 8601. */
  readonly since: string;
  /** True: a person lets the agent write it again. */
  readonly resumed: boolean;
}

export interface Missing {
  /** Complete fetches in which it was missing. */
  readonly observations: number;
  /** Time counted so far, in milliseconds. */
  readonly waited: number;
  /** Of the latest observation, ISO 8601. */
  readonly lastSeenMissing: string;
}

export interface LastCycle {
  readonly finishedAt: string;
  readonly result: string;
  readonly commit: string | null;
  readonly digest: string | null;
  readonly failure: string | null;
  readonly applications: {
    readonly total: number;
    readonly held: number;
    readonly setAside: number;
    readonly degraded: number;
  };
}

/** What of the target branch was applied. */
export interface AppliedMemory {
  /** When the cluster was asked, ISO 8601. */
  readonly at: string;
  /** Since when it is not all applied, ISO 8601; null when it is. */
  readonly since: string | null;
  /** The digest that the cluster shows; null for none. */
  readonly revision: string | null;
  /** Names of Applications that are missing or another version, as far as they are known; some of many. */
  readonly missing: readonly string[];
  /** What else speaks against it, in the words of those who apply it; null for nothing. */
  readonly obstacle: string | null;
}

export interface State {
  /** How messages name the place. */
  readonly description: string;
  /** A folder for things that may be deleted at any time. */
  readonly cache: string;
  /** Rejects as a write would now, as far as that can be told without one. */
  checkWritable(): Promise<void>;
  /** Keeps a second agent out. Rejects with `StateLocked`; gives the function that lets go. */
  lock(): Promise<() => Promise<void>>;
  identity(): Promise<Identity | null>;
  connection(): Promise<Connection | null>;
  pending(): Promise<PendingIdentity | null>;
  savePending(pending: PendingIdentity): Promise<void>;
  discardPending(): Promise<void>;
  /** Puts an identity in use and drops the pending one. May be cut anywhere and done again. */
  promote(identity: Identity, connection: Connection): Promise<void>;
  /** Drops the identity in use and the pending one; everything else stays. */
  forgetIdentity(): Promise<void>;
  memory(): Promise<Memory>;
  saveMemory(memory: Memory): Promise<void>;
  /** 32 random bytes, made when first asked for; null when there are none yet and `create` is false. */
  sealKey(create: boolean): Promise<Buffer | null>;
}
