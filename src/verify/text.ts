/** The result of `verify` for people. */

import { forTerminal } from "../common/quote.js";
import { count, paint, type TextOptions } from "../report/index.js";
import type { VerifiedRange } from "./range.js";

/** What was checked beside what always is. */
export interface Checked {
  /** Whether the inventory's code was checked, which needs the seal key. */
  readonly inventoryCode: "checked" | "not checked";
  readonly signatures: "checked" | "not checked" | "not configured";
  readonly secrets: "checked" | "not checked";
  /** For whom Secrets are sealed: a SealedSecret does not say. */
  readonly recipients: "checked" | "not checked" | "not applicable";
}

export function verifyText(
  { commits, findings, isOnBase }: VerifiedRange,
  checked: Checked,
  options: TextOptions,
): string {
  const lines = findings.map(({ commit, path, code, message }) => {
    const place = path === null ? "" : ` ${forTerminal(path, 300)}`;
    return `${commit.slice(0, 12)} ${paint(options, "red", code)}${place}: ${message}`;
  });
  const others =
    commits.otherAgents === 0
      ? ""
      : `, ${commits.otherAgents} of ${commits.otherAgents === 1 ? "another agent" : "other agents"}`;
  const of = `${count(commits.total, "commit")}, ${commits.agent} by the agent${others}`;
  const verdict =
    commits.total === 0
      ? "Nothing to verify: --head has no commit that --base has not"
      : findings.length === 0
        ? `Verified ${of}`
        : `Refused: ${count(findings.length, "finding")} in ${of}`;
  const open = [
    ...(checked.inventoryCode === "not checked" ? ["the inventory's code (give --seal-key)"] : []),
    ...(checked.signatures === "not checked" ? ["who signed (give --signers)"] : []),
    ...(checked.secrets === "not checked" ? ["whether Secrets are sealed (secrets.mode is plain)"] : []),
    ...(checked.recipients === "not checked" ? ["to whom Secrets are sealed (a SealedSecret does not say)"] : []),
    ...(isOnBase ? [] : ["commits that --base has and --head has not"]),
  ];
  return [...lines, verdict, ...open.map((what) => `Not checked: ${what}`), ""].join("\n");
}
