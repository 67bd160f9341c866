/** Characters that the consumers of our commits refuse (consumers 2). */

// kustomize fails the whole build on these; U+0085 silently becomes a space.
// biome-ignore lint/suspicious/noControlCharactersInRegex: naming control characters is the purpose
const REFUSED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu;

/** True when a name, URL or path can be written as it is. Line breaks and tabs have no business there either. */
export function isPrintable(text: string): boolean {
  return text.search(REFUSED) === -1 && !/[\n\r\t]/.test(text);
}

/** Prose with every refused character replaced by U+FFFD; the same string when there is none. */
export function printable(text: string): string {
  return text.replace(REFUSED, "\ufffd");
}
