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
}

export function verifyText({ commits, findings }: VerifiedRange, checked: Checked, options: TextOptions): string {
  const lines = findings.map(({ commit, path, code, message }) => {
    const place = path === null ? "" : ` ${forTerminal(path, 300)}`;
    return `${commit.slice(0, 12)} ${paint(options, "red", code)}${place}: ${message}`;
  });
  const of = `${count(commits.total, "commit")}, ${commits.agent} by the agent`;
  const verdict = findings.length === 0 ? `Verified ${of}` : `Refused: ${count(findings.length, "finding")} in ${of}`;
  const open = [
    ...(checked.inventoryCode === "not checked" ? ["the inventory's code (give --seal-key)"] : []),
    ...(checked.signatures === "not checked" ? ["who signed (give --signers)"] : []),
    ...(checked.secrets === "not checked" ? ["how Secrets are sealed (secrets.mode is not sops)"] : []),
  ];
  return [...lines, verdict, ...open.map((what) => `Not checked: ${what}`), ""].join("\n");
}
