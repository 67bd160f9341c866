/**
 * The gate over values that share their beginning, in a text of nothing but that: is twice the number in twice the text no more
 * than about twice the work, and not four times? `npm run bench:gate` after `npm run build`. By ratios of processor time, so that it holds on a busy
 * machine; fails where the median of one is above 3.
 */

import { createGate } from "../dist/src/seal/gate.js";

const [ROUNDS, LIMIT] = [7, 3];
const [VALUES, TEXT] = [10_000, 100_000];

const values = Array.from({ length: 2 * VALUES }, (_, index) => ({
  id: "id",
  value: `aaaaaaaaaaaaaaaa1${String(index).padStart(6, "0")}`,
}));
const text = "a".repeat(2 * TEXT);

/** Of the processor, in milliseconds. */
function cost(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;

/** How many times as much the second one costs, in turns. */
function ratioOf(once: () => void, twice: () => void): number {
  return median(
    Array.from({ length: ROUNDS }, () => {
      const first = cost(once);
      return cost(twice) / first;
    }),
  );
}

/** Of all encodings that are read, one within another. */
const encoded = `%25%2525\\u0026&amp;AMP;+\\_'\\''${btoa("%20\\u0026&lt; of a text")}\n`.repeat(TEXT / 50);

const half = values.slice(0, VALUES);
const [few, many] = [createGate(half), createGate(values)];
const ratios = {
  "twice the values, to build": ratioOf(
    () => createGate(half),
    () => createGate(values),
  ),
  "twice the values, to look through a text": ratioOf(
    () => few.find(text),
    () => many.find(text),
  ),
  "twice the text in encodings, to read": ratioOf(
    () => few.find(encoded),
    () => few.find(encoded.repeat(2)),
  ),
  "twice the values in twice the text": ratioOf(
    () => few.find(text.slice(TEXT)),
    () => many.find(text),
  ),
};
for (const [what, ratio] of Object.entries(ratios))
  process.stdout.write(`${what}: ${ratio.toFixed(2)} times the work\n`);
if (Math.max(...Object.values(ratios)) > LIMIT) process.exitCode = 1;
