/** Everything about X.509 that node:crypto cannot do; the only importer of node-forge. */

export { type Authority, createAuthority, type IssueOptions, restoreAuthority } from "./authority.js";
export { type ReceivedRequest, readSigningRequest } from "./received-request.js";
export { createSigningRequest, type SubjectAttributes } from "./signing-request.js";
