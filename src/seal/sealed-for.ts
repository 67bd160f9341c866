/** Whether a Secret's file is sealed for those that it should be sealed for. Pure. */

import { type InventoryFile, isSecretPath } from "../base/index.js";

/** For whom files are sealed now; both names are keyed and tell nothing. */
export interface SealedFor {
  /** Of mode and recipients. */
  readonly sealing: string;
  /** Of the certificate in use; null in a mode that has none. */
  readonly certificate: string | null;
  /** Whether it is time to seal anew what is still sealed for an earlier certificate. */
  readonly resealsEarlier: boolean;
}

/**
 * True once the certificate in use is that old, in milliseconds. By itself a renewed key is no change: the controller keeps
 * its former ones and opens what was sealed for them (sealing formats 3). Null: however old it is.
 */
export function isResealDue(
  { notBefore }: { readonly notBefore: Date },
  resealAfter: number | null,
  now: Date,
): boolean {
  return resealAfter !== null && now.getTime() - notBefore.getTime() >= resealAfter;
}

type Sealed = Pick<InventoryFile, "path" | "sealing" | "certificates">;

/** True for a Secret in another mode, for other recipients, or for an earlier certificate when that is to end. */
export function isForOthers(row: Sealed, use: SealedFor): boolean {
  return isSecretPath(row.path) && (row.sealing !== use.sealing || isForEarlier(row, use));
}

/** True for a file of which a value is sealed for another certificate than the one in use, when that is to end. */
export function isForEarlier(
  { certificates = {} }: Pick<InventoryFile, "certificates">,
  { certificate, resealsEarlier }: Omit<SealedFor, "sealing">,
): boolean {
  return (
    resealsEarlier && certificate !== null && Object.values(certificates).some((sealedFor) => sealedFor !== certificate)
  );
}
