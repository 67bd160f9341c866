/** Names and descriptions as an attacker writes them: pieces that steer, hide, reorder or command. */

import fc from "fast-check";

/** Everything that is drawn as nothing, moves the cursor, ends a line or reorders it. */
export const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;

const steering = [
  "\u001b[31m",
  "\u001b[2J",
  "\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007",
  "\u001b]8;;https://evil.example\u001b\\link",
  "\u009b2J",
  "\r",
  "\n",
  "\r\n",
  "\u0085",
  "\u2028",
  "\u2029",
  "\t",
  "\u0000",
  "\u0008",
  "\u007f",
];

const hidden = [
  "\u202e",
  "\u2066",
  "\u2069",
  "\u061c",
  "\u200b",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u034f",
  "\u115f",
  "\u180e",
  "\u3164",
  "\uffa0",
  "\ufe0f",
  "\u{e0041}",
  "\u{e0100}",
  "\u{1d173}",
  "\ud800",
  "\udc00",
];

const commanding = [
  "[skip ci]",
  "[ci skip]",
  "[no ci]",
  "[SKIP ACTIONS]",
  "***NO_CI***",
  "***no_ci***",
  "***NO_***NO_CI***CI***",
  "skip-checks: true",
  "skip-checks :true",
  "\n\n\nskip-checks:true",
  "Fixes #12",
  "Closes: #3",
  "resolves owner/repo#5",
  "Fixes GH-12",
  "fixes gh-12",
  "Closes GL-12",
  "Closes SHOP-12",
  "Fixes https://github.com/owner/repo/issues/5",
  "!12",
  "group/project!12",
  "&12",
  "group&12",
  "#",
  "12",
  "-12",
  "@team",
  "@org/team",
  "owner@a5c3785ed8d6a35868bc169f07e40e889087fd2e",
  "\n/close",
  "\n/merge",
  "\n/label ~bug",
  "http://evil.example/?q=<script>",
];

const structuring = [
  "\n\nSigned-off-by: Eve <eve@example.com>",
  "\nCo-authored-by: Eve <eve@example.com>",
  "\nRuntime: other",
  "Digest: sha256:0",
  "\n---\n",
  "\n# comment",
  "\ndiff --git a/x b/x\n",
  "[link](javascript:alert(1))",
  "**bold**",
  "`code`",
  "\n```\n",
  "| a | b |",
  "<!-- -->",
  "<img src=x>",
  "\\u001b",
  "\\",
  '"',
  "'",
  "$(id)",
  "%s",
];

const ordinary = ["Orders", "mp-shop", " ", " ", "日本語", "e\u0301", "\ufffd", "😀"];

export const hostile = fc
  .array(
    fc.oneof(
      { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
      { weight: 6, arbitrary: fc.constantFrom(...steering, ...hidden, ...commanding, ...structuring, ...ordinary) },
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(""));

/** The same, now and then longer than any line. */
export const hostileOfAnyLength = fc.oneof(
  { weight: 50, arbitrary: hostile },
  { weight: 1, arbitrary: fc.tuple(hostile, fc.nat(500)).map(([text, times]) => text.repeat(times).slice(0, 5_000)) },
);
