/** Director's errors and how they look on the wire (contract 2.10). */

import { randomUUID } from "node:crypto";

const names: Readonly<Record<number, string>> = {
  10: "InternalError",
  20: "NotFound",
  21: "NotUnique",
  22: "InvalidData",
  23: "InsufficientScopes",
  24: "TenantRequired",
  25: "TenantNotFound",
  26: "Unauthorized",
  27: "InvalidOperation",
  28: "OperationTimeout",
  29: "EmptyData",
  30: "InconsistentData",
  31: "NotUniqueName",
  32: "ConcurrentOperation",
  33: "InvalidStatusCondition",
  34: "CannotUpdateObjectInManyBundles",
  35: "ConcurrentUpdate",
  400: "BadRequest",
  409: "Conflict",
};

const texts: Readonly<Record<number, string>> = {
  20: "Object not found",
  21: "Object is not unique",
  22: "Invalid data",
  24: "Tenant is required",
  25: "Tenant not found",
  26: "Unauthorized",
  27: "The operation is not allowed",
  28: "operation has timed out",
  29: "Some required data was left out",
  30: "Inconsistent or out-of-range data",
};

/** An error that Director tells the caller. */
export class DirectorError extends Error {
  override readonly name = "DirectorError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  get extensions(): { readonly error: string; readonly error_code: number } {
    return { error: names[this.code] ?? `ErrorType(${this.code})`, error_code: this.code };
  }
}

/** Text and arguments as Director joins them: sorted by key. */
function told(code: number, text: string, details: Readonly<Record<string, string>>): DirectorError {
  const keys = Object.keys(details).sort();
  const suffix = keys.length === 0 ? "" : ` [${keys.map((key) => `${key}=${details[key]}`).join("; ")}]`;
  return new DirectorError(code, text + suffix);
}

/** Masked, with an id for the logs; the reason is there only when the error is none of Director's own. */
export function internalError(reason?: string): DirectorError {
  const masked = reason === undefined ? "" : `, reason: ${reason}`;
  return new DirectorError(10, `Internal Server Error [errorID=${randomUUID()}${masked}]`);
}

export const invalidData = (reason: string) => told(22, "Invalid data", { reason });
export const invalidOperation = (reason: string) => told(27, "The operation is not allowed", { reason });
export const notFound = (object: string, id: string) => told(20, "Object not found", { object, ID: id });
export const tenantNotFound = (externalTenant: string) => told(25, "Tenant not found", { externalTenant });

/** No identity: the answer to revoked and unknown certificates too (contract 12.1, O3). */
export const insufficientScopes = (required: string) =>
  told(23, "insufficient scopes provided", { actual: "", required });

/** An identity that lacks the scope for what it asks. */
export const missingScope = (required: string) =>
  told(23, "insufficient scopes provided", { actual: "runtime:write", required });

/** An error of any code, as a fault asks for it. */
export function errorOfCode(code: number): DirectorError {
  if (code === 23) return insufficientScopes("application:read");
  return code === 10 ? internalError() : told(code, texts[code] ?? "Unknown error", {});
}
