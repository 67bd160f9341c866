import fc from "fast-check";

/** A share of a time, each as likely as any other: of floating-point numbers nearly all lie at the two ends. */
export const aShare = fc.integer({ min: 0, max: 9_999 }).map((number) => number / 10_000);
