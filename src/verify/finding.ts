/** What `verify` finds in a range of commits. */

/** Why a commit is refused. Documented in docs/reference/verify.md; never renamed. */
export type FindingCode =
  // where the agent's commits reach
  | "OutsidePath"
  | "OutsideLayout"
  | "NotARegularFile"
  | "MergeChanges"
  | "ForeignAgent"
  // what the files are
  | "KindNotAllowed"
  | "Unreadable"
  | "NotAsWritten"
  | "ClearSecret"
  | "ForeignRecipient"
  // whether they agree
  | "InventoryMissing"
  | "InventoryUnreadable"
  | "InventoryForged"
  | "ForeignOwner"
  | "FileNotAsListed"
  | "NotInInventory"
  | "KustomizationDisagrees"
  | "DigestDisagrees"
  // who wrote it
  | "SignatureMissing"
  | "SignatureUnknown";

export interface Finding {
  readonly commit: string;
  /** From the root of the repository; null when the commit as a whole is meant. */
  readonly path: string | null;
  readonly code: FindingCode;
  readonly message: string;
}

/** A finding within `git.path`, before it is known in which commit. */
export type Fault = Omit<Finding, "commit">;
