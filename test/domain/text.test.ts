import * as fc from "fast-check";
import { expect, test } from "vitest";
import { oneLine, REASON_CHARS_MAX } from "../../shared/domain/text.ts";

test.each([
  { given: "line breaks of every kind", text: "a\nb\r\nc\u2028d\u2029e\u0085f", is: "a b c d e f" },
  { given: "a terminal's escapes", text: "a\u001b[2Jb\u009b2Jc\u0007", is: "a [2Jb 2Jc" },
  { given: "what turns the direction of text", text: "a\u202eb\u2066c\u200fd", is: "a b c d" },
  { given: "what cannot be seen", text: "a\u200bb\ufeffc\u00add", is: "a b c d" },
  { given: "blanks around it", text: "  a \t b  ", is: "a b" },
  { given: "half a surrogate pair", text: "a\ud83db", is: "a\ufffdb" },
  { given: "text of other languages", text: "Grüße, 世界 🚦", is: "Grüße, 世界 🚦" },
  { given: "nothing", text: "", is: "" },
])("$given", ({ text, is }) => {
  expect(oneLine(text)).toBe(is);
});

test("what is too long is cut, never in the middle of a character", () => {
  expect(oneLine("a".repeat(500))).toBe("a".repeat(500));
  expect(oneLine("a".repeat(501))).toBe(`${"a".repeat(500)}…`);
  expect(oneLine(`${"a".repeat(499)}🚦🚦`)).toBe(`${"a".repeat(499)}…`);
  expect(oneLine(" ".repeat(1e7), 10)).toBe("…");
});

test("whatever comes in, one bounded line comes out", () => {
  void fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 3_000 }),
      fc.integer({ min: 1 }),
      (text, max) => {
        const charsMax = Math.min(max, REASON_CHARS_MAX);
        const line = oneLine(text, charsMax);
        expect(line.length).toBeLessThanOrEqual(charsMax + 1);
        expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u);
        expect(line.isWellFormed()).toBe(true);
      },
    ),
  );
});
