/** The line on top of a request's body, hidden from readers, by which the agent knows its own and what it proposes. Pure. */

import { sha256 } from "../common/sha256.js";

export interface Marker {
  /** Of the agent whose request it is. */
  readonly runtime: string;
  readonly intent: string;
}

/** How far into a body it is looked for: hosts cut long ones in lists. */
const WITHIN = 200;

/** Longest id that is written out. */
const LONGEST_ID = 64;

const MARKER = /<!-- runtime-agent runtime=([^\s<>]+) intent=([0-9a-f]{32}) -->/;

/** One line without its line feed, shorter than 200 characters. */
export function formatMarker({ runtime, intent }: Marker): string {
  return `<!-- runtime-agent runtime=${markedRuntime(runtime)} intent=${intent} -->`;
}

/** How a marker names a runtime. */
export function markedRuntime(runtime: string): string {
  return /^[0-9A-Za-z][0-9A-Za-z.-]*$/.test(runtime) && runtime.length <= LONGEST_ID && !runtime.includes("--")
    ? runtime
    : `sha256-${sha256(runtime).slice(0, 32)}`;
}

/** Null where there is none. The runtime is as the marker names it. */
export function readMarker(body: string): Marker | null {
  const [, runtime, intent] = MARKER.exec(body.slice(0, WITHIN)) ?? [];
  return runtime === undefined || intent === undefined ? null : { runtime, intent };
}
