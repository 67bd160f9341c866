/** Puts a signature into a commit object. Pure. */

/**
 * As git itself does: one more header, its lines indented, before the empty line. Repositories that hash with SHA-256 have a
 * name of their own for it.
 */
export function withSignature(commit: Buffer, signature: string, objectFormat: "sha1" | "sha256"): Buffer {
  const end = commit.indexOf("\n\n");
  const name = objectFormat === "sha1" ? "gpgsig" : "gpgsig-sha256";
  const header = `\n${name} ${signature.trimEnd().replaceAll("\n", "\n ")}`;
  return Buffer.concat([commit.subarray(0, end), Buffer.from(header), commit.subarray(end)]);
}
