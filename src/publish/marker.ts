/** The line on top of a request's body, hidden from readers, by which the agent knows its own and what it proposes. Pure. */

import { sha256 } from "../common/sha256.js";

export interface Marker {
  /** Of the agent whose request it is. */
  readonly runtime: string;
  readonly intent: string;
  /** Digest of the branch and the path that it is for; null in what an earlier version wrote. */
  readonly target: string | null;
}

/** Longest id that is written out. */
const LONGEST_ID = 64;

const MARKER = /<!-- runtime-agent runtime=([^\s<>]+) intent=([0-9a-f]{32})(?: target=([0-9a-f]{16}))? -->/;

/** One line without its line feed, shorter than 200 characters. */
export function formatMarker({ runtime, intent, target }: Marker): string {
  const told = target === null ? "" : ` target=${target}`;
  return `<!-- runtime-agent runtime=${markedRuntime(runtime)} intent=${intent}${told} -->`;
}

/** How a marker names a runtime. */
export function markedRuntime(runtime: string): string {
  return /^[0-9A-Za-z][0-9A-Za-z.-]*$/.test(runtime) && runtime.length <= LONGEST_ID && !runtime.includes("--")
    ? runtime
    : `sha256-${sha256(runtime).slice(0, 32)}`;
}

/** Null where there is none; people and robots may have put words above it. The runtime is as the marker names it. */
export function readMarker(body: string): Marker | null {
  const [, runtime, intent, target = null] = MARKER.exec(body) ?? [];
  return runtime === undefined || intent === undefined ? null : { runtime, intent, target };
}

/** Behind the agent's words: what stands outside is other people's. */
const END = "<!-- runtime-agent end -->";

/** The agent's words, the marker first, and below them what others wrote around the former ones. */
export function markedBody(marker: Marker, words: string, others: string): string {
  return [formatMarker(marker), words, END, others].filter((part) => part !== "").join("\n\n");
}

/** True for a request that a person opened: nothing in its body is the agent's, but for a marker that it put there since. */
export function isTheirs(body: string): boolean {
  const marker = MARKER.exec(body);
  return (
    marker === null ||
    body
      .slice(marker.index + marker[0].length)
      .trimStart()
      .startsWith(END)
  );
}

/** What others wrote around the agent's words, all of it without a marker; "" where it cannot be told apart. */
export function othersWords(body: string): string {
  const marker = MARKER.exec(body);
  if (marker === null) return body.trim();
  const end = body.indexOf(END, marker.index);
  if (end < 0) return "";
  return [body.slice(0, marker.index), body.slice(end + END.length)]
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n\n");
}
