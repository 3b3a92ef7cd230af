import { createHash, randomBytes } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { resultLimits } from "../../shared/domain/contract.ts";
import { type EvidenceDeps, evidenceIn } from "../../shared/domain/evidence.ts";

const sha256 = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");
const deps: EvidenceDeps = {
  sha256,
  inflate: (bytes, bytesMax) => {
    try {
      return inflateSync(bytes, { maxOutputLength: bytesMax });
    } catch {
      return undefined;
    }
  },
};
const read = (logs: string) => evidenceIn({ logs, isTruncated: false }, deps);
const reason = (logs: string) => {
  const evidence = read(logs);
  return evidence.kind === "broken" ? evidence.reason : evidence.kind;
};

/** As the executor prints it, in lines; `lie` changes what they say. */
function lines(
  content: string | Uint8Array,
  lie: { sha256?: string; bytes?: number; packed?: string; chars?: number } = {},
): string[] {
  const bytes = Buffer.from(content);
  const digest = lie.sha256 ?? sha256(bytes);
  const packed = lie.packed ?? deflateSync(bytes).toString("base64");
  const parts = packed.match(new RegExp(`.{1,${lie.chars ?? 1_000}}`, "g")) ?? [];
  return [
    `signalbox-result begin ${digest} ${lie.bytes ?? bytes.length}`,
    ...parts.map((part, index) => `signalbox-result ${index + 1}/${parts.length} ${part}`),
    `signalbox-result end ${digest}`,
  ];
}
const printed = (...some: readonly string[][]) => `${some.flat().join("\n")}\n`;

const text = JSON.stringify({ run_id: "ORD-1", output: "ä 表 😀 50 %" });
const incompressible = randomBytes(9_000).toString("hex"); // some lines, deflated too
const whole = lines(text);
const long = lines(incompressible);
const found = { kind: "found", text };

test.each([
  { given: "alone", logs: printed(whole) },
  { given: "without a last line end", logs: whole.join("\n") },
  { given: "after other output", logs: `begun\n\nsignalbox: SUCCESS\n${printed(whole)}` },
  { given: "before what another stream says", logs: `${printed(whole)}bye\nsignalbox: SUCCESS\n` },
  { given: "with CR LF", logs: `x\r\n${whole.join("\r\n")}\r\n` },
  {
    given: "with another stream's lines between its own",
    logs: whole.map((line) => `warning\n signalbox-result end\n${line}\n\n`).join(""),
  },
  { given: "in short lines", logs: printed(lines(text, { chars: 7 })) },
])("a whole block is found $given", ({ logs }) => {
  expect(read(logs)).toEqual(found);
});

test.each([
  { given: "nothing", logs: "" },
  { given: "other output", logs: "begun\nsignalbox: SUCCESS (/Volumes/x/result.json)\n" },
  { given: "the word within a line", logs: printed(whole.map((line) => ` ${line}`)) },
  { given: "the word as it is forwarded", logs: printed(whole).replaceAll("result", "resul?") },
  { given: "the word alone", logs: "signalbox-result\nsignalbox-results begin\n" },
  { given: "another kind of line end before it", logs: `x\r${whole.join("\r")}\u2028${whole[0]}` },
])("there is no block in $given", ({ logs }) => {
  expect(read(logs)).toEqual({ kind: "absent" });
});

const digest = "a".repeat(64);
const begin = `signalbox-result begin ${digest} 10`;

test.each([
  { given: "its beginning alone", logs: begin, how: "it is cut off after 0 lines" },
  { given: "cut off", logs: printed(long.slice(0, -1)), how: /^it is cut off after \d+ lines$/ },
  {
    given: "cut off in a line",
    logs: printed(long).slice(0, 3_500),
    how: /^it is cut off after \d lines$/,
  },
  {
    given: "cut off in its end",
    logs: printed(whole).slice(0, -9),
    how: "one of its lines cannot be read",
  },
  {
    given: "without its beginning",
    logs: printed(whole.slice(1)),
    how: "its beginning is not there",
  },
  {
    given: "without a line",
    logs: printed(long.toSpliced(2, 1)),
    how: "its line 2 is not where it belongs",
  },
  {
    given: "with a line twice",
    logs: printed(long.toSpliced(2, 0, long[2]!)),
    how: "its line 3 is not where it belongs",
  },
  {
    given: "with two lines changed about",
    logs: printed(long.with(1, long[2]!).with(2, long[1]!)),
    how: "its line 1 is not where it belongs",
  },
  {
    given: "without its last line",
    logs: printed(long.toSpliced(-2, 1)),
    how: /^it ends after \d+ of \d+ lines$/,
  },
  {
    given: "without any line",
    logs: printed([whole[0]!, whole.at(-1)!]),
    how: "it ends after 0 of 0 lines",
  },
  {
    given: "with more lines than it says",
    logs: printed([begin, "signalbox-result 1/1 AAAA", "signalbox-result 2/1 AAAA"]),
    how: "its line 2 is not where it belongs",
  },
  {
    given: "of two counts",
    logs: printed([begin, "signalbox-result 1/2 AAAA", "signalbox-result 2/3 AAAA"]),
    how: "its lines are of two counts",
  },
  {
    given: "of too many lines",
    logs: printed([begin, "signalbox-result 1/999999 AAAA"]),
    how: "it has more than 1600 lines",
  },
  {
    given: "of a line that is too long",
    logs: printed(lines(incompressible, { chars: 1_001 })),
    how: "one of its lines cannot be read",
  },
  {
    given: "of a number that is none",
    logs: printed([begin, "signalbox-result 0/1 A"]),
    how: "one of its lines cannot be read",
  },
  {
    given: "of what is no line of it",
    logs: printed([begin, "signalbox-result "]),
    how: "one of its lines cannot be read",
  },
  {
    given: "that ends with another digest",
    logs: printed(whole.with(-1, `signalbox-result end ${digest}`)),
    how: "it begins with one digest and ends with another",
  },
  {
    given: "of another digest",
    logs: printed(lines(text, { sha256: digest })),
    how: "it has another digest than it says",
  },
  {
    given: "of fewer bytes than it says",
    logs: printed(lines(text, { bytes: 100 })),
    how: `it has ${Buffer.byteLength(text)} bytes, and says that it has 100`,
  },
  {
    given: "of more bytes than it says",
    logs: printed(lines(text, { bytes: 10 })),
    how: "it is not deflated, or larger than it says",
  },
  {
    given: "that is not deflated",
    logs: printed(lines(text, { packed: Buffer.from(text).toString("base64") })),
    how: "it is not deflated, or larger than it says",
  },
  {
    given: "of deflate that is cut off",
    logs: printed(lines(text, { packed: deflateSync(text).subarray(0, -6).toString("base64") })),
    how: "it is not deflated, or larger than it says",
  },
  {
    given: "with padding in the middle",
    logs: printed(lines(text, { packed: "AA==AAAA" })),
    how: "it is not base64",
  },
  {
    given: "of an odd length",
    logs: printed(lines(text, { packed: "AAAAA" })),
    how: "it is not base64",
  },
  {
    given: "that is not UTF-8",
    logs: printed(lines(Uint8Array.of(0x22, 0xff, 0x22))),
    how: "it is not UTF-8",
  },
  {
    given: "of half a surrogate pair",
    logs: printed(lines(Uint8Array.of(0xed, 0xa0, 0x80))),
    how: "it is not UTF-8",
  },
  {
    given: "that says it is too large",
    logs: printed(lines(text, { bytes: 1_048_577 })),
    how: "it has 1048577 bytes, at most 1048576 are read",
  },
  {
    given: "of no bytes",
    logs: printed(lines("", { bytes: 0 })),
    how: "its beginning is not there",
  },
])("a block $given is broken", ({ logs, how }) => {
  const prefix = "the result in the run's output cannot be read: ";
  expect(reason(logs).slice(0, prefix.length)).toBe(prefix);
  expect(reason(logs).slice(prefix.length)).toMatch(how);
});

test.each([
  { given: "that is cut off", later: printed(long.slice(0, 4)) },
  { given: "that only begins", later: `${begin}\n` },
  { given: "whose beginning is missing", later: printed(long.slice(1)) },
  { given: "that lies", later: printed(lines("{}", { sha256: digest })) },
  { given: "of which an end alone is there", later: `${whole.at(-1)}\n` },
  { given: "whose beginning cannot be read", later: "signalbox-result begin\n" },
  { given: "that is whole", later: printed(lines("{}")) },
  { given: "that is the same", later: printed(whole) },
])("a whole block does not count beside another $given, whichever comes first", ({ later }) => {
  expect(read(printed(whole) + later).kind).toBe("broken");
  expect(read(later + printed(whole)).kind).toBe("broken");
});

test("a bomb is never inflated beyond what it says that it is, and never beyond the limit", () => {
  const asked: number[] = [];
  const bomb = deflateSync(Buffer.alloc(64 * 1024 * 1024)).toString("base64");
  const inflate: EvidenceDeps["inflate"] = (bytes, bytesMax) => {
    asked.push(bytesMax);
    return deps.inflate(bytes, bytesMax);
  };
  for (const bytes of [1, 1_048_576, 1_048_577, 67_108_864]) {
    const logs = printed(lines("", { packed: bomb, bytes }));
    const evidence = evidenceIn({ logs, isTruncated: false }, { ...deps, inflate });
    expect(evidence.kind).toBe("broken");
  }
  expect(asked).toEqual([1, 1_048_576]);
});

test.each([
  { given: "one whole block", logs: printed(whole) },
  { given: "no block", logs: "the end of something\n" },
])("of output whose beginning is cut off, with $given, nothing is believed", ({ logs }) => {
  expect(evidenceIn({ logs, isTruncated: true }, deps)).toEqual({
    kind: "broken",
    reason:
      "the result in the run's output cannot be read: the output's beginning is cut off, and what stood there is unknown",
  });
});

test("the largest result that cannot be compressed is found", () => {
  const content = randomBytes(resultLimits.resultBytesMax / 2).toString("hex");
  expect(read(printed(lines(content)))).toEqual({ kind: "found", text: content });
  // Not even deflated to less than it was: its digest is right, and that it is no text is all that
  // is wrong.
  const noise = printed(lines(randomBytes(resultLimits.resultBytesMax)));
  expect(noise.length).toBeLessThan(1_450_000);
  expect(reason(noise)).toMatch(/it is not UTF-8$/);
});

test("every text comes back as it was, and no change of a block goes unnoticed", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
      fc.integer({ min: 3, max: 90 }),
      fc.nat(),
      fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
      (content, chars, where, letter) => {
        const logs = printed(lines(content, { chars }));
        expect(read(logs)).toEqual({ kind: "found", text: content });
        const at = where % logs.length;
        const changed = read(logs.slice(0, at) + letter + logs.slice(at + 1));
        if (changed.kind === "found") expect(changed.text).toBe(content);
      },
    ),
    { numRuns: 300 },
  );
});

const MIB_16 = 16 * 1024 * 1024;
const filled = (piece: string) => piece.repeat(Math.ceil(MIB_16 / piece.length));

test.each([
  { given: "beginnings", logs: filled(`${begin}\n`) },
  { given: "the word", logs: filled("signalbox-result \n") },
  { given: "the word in one line", logs: filled("signalbox-result ") },
  { given: "line feeds", logs: filled("\n") },
  { given: "one line", logs: `signalbox-result 1/1 ${filled("A")}` },
  { given: "one line of digits", logs: `signalbox-result begin ${digest} ${filled("1")}` },
  { given: "the same index", logs: `${begin}\n${filled("signalbox-result 1/1600 AAAA\n")}` },
  {
    given: "a count beyond measure",
    logs: `${begin}\n${filled(`signalbox-result 1/${"9".repeat(900)} A\n`)}`,
  },
  { given: "whole blocks", logs: filled(printed(whole)) },
  { given: "blocks that are nearly whole", logs: filled(printed(long.slice(0, -1))) },
  {
    given: "as many lines as a block may have, again and again",
    logs: filled(
      `${begin}\n${Array.from({ length: 1_600 }, (_, n) => `signalbox-result ${n + 1}/1600 ${"A".repeat(1_000)}\n`).join("")}`,
    ),
  },
  { given: "what is nearly the word", logs: filled("\nsignalbox-resul") },
])("16 MiB of $given are read in time", ({ logs }) => {
  const startedMs = performance.now();
  expect(["found", "absent", "broken"]).toContain(read(logs).kind);
  const ms = performance.now() - startedMs;
  // Far above what it takes (a tenth of a second), far below what anything but linear time would.
  expect(ms).toBeLessThan(5_000);
});
