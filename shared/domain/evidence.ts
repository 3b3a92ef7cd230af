// Finds the result that an executor printed as its last words, in the output of its run. The
// scratchpad with result.json is shared, and code of other runs may rewrite it. The output of a run
// cannot be changed by anybody. services/executor prints it (evidence.py):
//
//   signalbox-result begin <sha256 of the result> <its bytes>
//   signalbox-result <i>/<n> <base64 of the deflated result, at most 1,000 characters>
//   signalbox-result end <sha256>
import { resultLimits } from "./contract.ts";

export type Evidence =
  /** The whole text of the result, proven by its digest. Its content is not looked at. */
  | { readonly kind: "found"; readonly text: string }
  /** No block began: the executor printed none, or its output is not there yet. */
  | { readonly kind: "absent" }
  /**
   * A block began, but it is not complete, or there is another. It may become complete, because
   * output may come late.
   */
  | { readonly kind: "broken"; readonly reason: string };

/** The output of a run, as Databricks shows it. */
export type ShownOutput = {
  readonly logs: string;
  /** Only its end is shown. */
  readonly isTruncated: boolean;
};

export type EvidenceDeps = {
  /**
   * Inflates a zlib stream (RFC 1950). Undefined if it is none, or would have more than `bytesMax`.
   */
  readonly inflate: (bytes: Uint8Array, bytesMax: number) => Uint8Array | undefined;
  /** The digest in lower-case hex. */
  readonly sha256: (content: Uint8Array) => string;
};

const WORD = "signalbox-result ";
const BEGIN = /^begin ([0-9a-f]{64}) ([1-9][0-9]{0,9})$/;
const PART = /^([1-9][0-9]{0,5})\/([1-9][0-9]{0,5}) ([A-Za-z0-9+/=]{1,1000})$/;
const END = /^end ([0-9a-f]{64})$/;
/** A bound above every line of a block. */
const LINE_CHARS_MAX = 1_100;
// A bound above every block: 1 MiB that deflate cannot shrink is 1,399 lines with zlib; other
// libraries may need more.
const PARTS_MAX = 1_600;

/** The state after the marked lines so far; the next line may change it. */
type Reading =
  | { readonly kind: "nothing" }
  | ({ readonly kind: "open" | "whole" } & Block)
  | Extract<Evidence, { kind: "broken" }>;

type Block = {
  readonly sha256: string;
  readonly bytes: number;
  readonly count: number;
  readonly parts: string[];
};

/**
 * Takes the one block. The executor prints once, and lets no artifact print the word. A second
 * block is therefore from somebody who could write to the run's output (root of its machine), and
 * nobody can say which of the two is the executor's. Another block, or a spoilt one, makes the
 * result unreadable, and an unreadable result is never a success.
 *
 * The block that is left is the executor's only if nothing is missing, so nothing is believed of
 * output whose beginning is cut off: megabytes may have pushed another block out. No honest run
 * prints as much: two streams of at most 1 MiB each and a block of 1.44 MB are less than the 5 MB
 * that are kept. An executor that could not print its block exits with an error, so a block of
 * somebody else's then stands beside a failed run.
 */
export function evidenceIn({ logs, isTruncated }: ShownOutput, deps: EvidenceDeps): Evidence {
  if (isTruncated)
    return broken("the output's beginning is cut off, and what stood there is unknown");
  let reading: Reading = { kind: "nothing" };
  for (const line of markedLines(logs)) reading = readingAfter(reading, line);
  switch (reading.kind) {
    case "nothing":
      return { kind: "absent" };
    case "open":
      return broken(`it is cut off after ${reading.parts.length} lines`);
    case "broken":
      return reading;
    case "whole":
      return contentOf(reading, deps);
  }
}

/**
 * Yields each line that begins with the word, without the word. Lines of other streams may stand
 * between them, and are ignored.
 */
function* markedLines(logs: string): Generator<string> {
  let start = logs.startsWith(WORD) ? 0 : lineWithWord(logs, 0);
  while (start !== undefined) {
    const lineFeed = logs.indexOf("\n", start);
    const end = lineFeed === -1 ? logs.length : lineFeed;
    // Cuts a line that is longer than any line of a block, so that no pattern needs to go through
    // megabytes of it.
    const line = logs.slice(start + WORD.length, Math.min(end, start + LINE_CHARS_MAX));
    yield line.endsWith("\r") ? line.slice(0, -1) : line;
    start = lineWithWord(logs, start);
  }
}

/** The start of the next line, after the first one, that begins with the word. */
function lineWithWord(logs: string, from: number): number | undefined {
  const lineFeed = logs.indexOf(`\n${WORD}`, from);
  return lineFeed === -1 ? undefined : lineFeed + 1;
}

function readingAfter(reading: Reading, line: string): Reading {
  const [, sha256, bytes] = BEGIN.exec(line) ?? [];
  switch (reading.kind) {
    case "broken":
      return reading;
    case "nothing":
      if (sha256 !== undefined) return begun(sha256, Number(bytes));
      return broken("its beginning is not there");
    case "whole":
      return broken("there is more than one");
    case "open":
      if (sha256 !== undefined) return broken("there is more than one");
      return continued(reading, line);
  }
}

const begun = (sha256: string, bytes: number): Reading =>
  bytes > resultLimits.resultBytesMax
    ? broken(`it has ${bytes} bytes, at most ${resultLimits.resultBytesMax} are read`)
    : { kind: "open", sha256, bytes, count: 0, parts: [] };

function continued(block: Block, line: string): Reading {
  const { sha256, count, parts } = block;
  const [, index, total, part] = PART.exec(line) ?? [];
  if (part !== undefined) {
    if (Number(total) > PARTS_MAX) return broken(`it has more than ${PARTS_MAX} lines`);
    if (count !== 0 && Number(total) !== count) return broken("its lines are of two counts");
    if (Number(index) !== parts.length + 1 || Number(index) > Number(total))
      return broken(`its line ${parts.length + 1} is not where it belongs`);
    parts.push(part);
    return { ...block, kind: "open", count: Number(total) };
  }
  const [, end] = END.exec(line) ?? [];
  if (end === undefined) return broken("one of its lines cannot be read");
  if (end !== sha256) return broken("it begins with one digest and ends with another");
  if (count === 0 || parts.length !== count)
    return broken(`it ends after ${parts.length} of ${count} lines`);
  return { ...block, kind: "whole" };
}

function contentOf({ sha256, bytes, parts }: Block, deps: EvidenceDeps): Evidence {
  const packed = base64Bytes(parts.join(""));
  if (packed === undefined) return broken("it is not base64");
  const content = deps.inflate(packed, bytes);
  if (content === undefined) return broken("it is not deflated, or larger than it says");
  if (content.length !== bytes)
    return broken(`it has ${content.length} bytes, and says that it has ${bytes}`);
  if (deps.sha256(content) !== sha256) return broken("it has another digest than it says");
  const text = utf8Text(content);
  return text === undefined ? broken("it is not UTF-8") : { kind: "found", text };
}

const broken = (how: string) => ({
  kind: "broken" as const,
  reason: `the result in the run's output cannot be read: ${how}`,
});

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter.charCodeAt(0), value]));

/**
 * Decodes base64, because the core has no decoder of its own. Padding may stand at the end only.
 */
function base64Bytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let [bits, held, at] = [0, 0, 0];
  for (let index = 0; index < text.length - padding; index++) {
    const value = VALUES.get(text.charCodeAt(index));
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return bytes;
}

const ESCAPES = Array.from({ length: 256 }, (_, byte) =>
  byte < 0x80 && byte !== 0x25
    ? String.fromCharCode(byte)
    : `%${byte.toString(16).padStart(2, "0")}`,
);

/** Decodes UTF-8 with the one strict decoder that the language itself has. */
function utf8Text(bytes: Uint8Array): string | undefined {
  let escaped = "";
  for (const byte of bytes) escaped += ESCAPES[byte];
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}
