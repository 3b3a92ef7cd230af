// A run's printed output: the executor's block, whole or not, and whatever executed code would like
// to be taken for it. A forged block alone, in output that is whole, beside the run's SUCCESS, is
// not drawn: an executor that could not print its own exits with an error, and the run has failed.
import { deflateSync } from "node:zlib";
import type { TaskOutput } from "../../shared/ports.ts";
import { sha256Of } from "./digest.ts";
import type { Random } from "./random.ts";
import { LIE } from "./results.ts";

export type OutputKind = keyof typeof kinds;

/** How often, and whether the executor's block can be read from it. */
const kinds = {
  whole: { weight: 78, isReadable: true },
  /** Executed code printed a block as well; the executor has changed its word. */
  "after a fake": { weight: 4, isReadable: true },
  /** Somebody printed one past the executor: which of the two is its own, nobody can say. */
  "one of two": { weight: 2, isReadable: false },
  /** Its beginning is cut off: what stood there nobody knows, and no honest run prints so much. */
  "without its head": { weight: 3, isReadable: false },
  /** A neighbour has pushed the executor's own block out by megabytes, and printed a better one. */
  "a forged one after a flood": { weight: 3, isReadable: false },
  "cut within the block": { weight: 2, isReadable: false },
  "spoilt within the block": { weight: 2, isReadable: false },
  "of another digest": { weight: 2, isReadable: false },
  "without words": { weight: 1, isReadable: false },
  absent: { weight: 2, isReadable: false },
  "too large": { weight: 1, isReadable: false },
} as const;

export const isReadableOutput = (kind: OutputKind): boolean => kinds[kind].isReadable;

const names = Object.keys(kinds) as OutputKind[];

export function drawOutput(random: Random): OutputKind {
  let x = random.next() * 100;
  for (const name of names) {
    x -= kinds[name].weight;
    if (x < 0) return name;
  }
  return "whole";
}

/** @param bytes of the result; undefined while or where there is none */
export function outputOf(kind: OutputKind, bytes: Uint8Array | undefined): TaskOutput {
  if (kind === "absent") return { kind: "absent", message: "Run output is not available." };
  if (kind === "too large") return { kind: "too-large", bytes: 16 * 1024 * 1024 };
  if (kind === "without words") return { kind: "output", logs: undefined, isTruncated: false };
  const isTruncated =
    kind === "without its head" ||
    kind === "a forged one after a flood" ||
    kind === "cut within the block";
  return { kind: "output", logs: logsOf(kind, bytes), isTruncated };
}

const CHATTER = "starting\nepoch 1 of 1\n";

function logsOf(kind: OutputKind, bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return CHATTER;
  const block = blockOf(bytes);
  switch (kind) {
    case "after a fake":
      return `${CHATTER}${fake.replaceAll("signalbox-result", "signalbox-resul?")}done\n${block}`;
    case "one of two":
      return bytes.byteLength % 2 === 0 ? `${fake}${block}` : `${block}${fake}`;
    case "without its head":
      return `poch 1 of 1\n${block}`;
    case "a forged one after a flood":
      return `${"x".repeat(999)}\n${blockOf(bettered(bytes))}`;
    case "cut within the block":
      return block.slice(block.length / 2);
    case "spoilt within the block":
      return block.replace(/^(signalbox-result 1\/\d+ )./m, "$1!");
    case "of another digest":
      return block.replaceAll(/(begin|end) [0-9a-f]{64}/g, `$1 ${"0".repeat(64)}`);
    default:
      return `${CHATTER}${block}`;
  }
}

/**
 * What a neighbour makes of a result that he has read: a success that meets any goal. Its author is
 * all that is wrong with it.
 */
function bettered(bytes: Uint8Array): Uint8Array {
  const had = betters.get(bytes);
  if (had !== undefined) return had;
  const better = Buffer.from(betterText(Buffer.from(bytes).toString()));
  betters.set(bytes, better);
  return better;
}
const betters = new WeakMap<Uint8Array, Uint8Array>();

function betterText(text: string): string {
  try {
    const good = { status: "SUCCESS", error: null, metrics: { error: 0, rows: 500 } };
    return JSON.stringify({ ...JSON.parse(text), ...good });
  } catch {
    return text; // torn as it was
  }
}

const LINE_CHARS = 1_000;
const blocks = new WeakMap<Uint8Array, string>();

/** As services/executor prints it. */
function blockOf(bytes: Uint8Array): string {
  const had = blocks.get(bytes);
  if (had !== undefined) return had;
  const sha256 = sha256Of(bytes);
  const packed = deflateSync(bytes).toString("base64");
  const parts = packed.match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  const block = [
    `signalbox-result begin ${sha256} ${bytes.byteLength}`,
    ...parts.map((part, i) => `signalbox-result ${i + 1}/${parts.length} ${part}`),
    `signalbox-result end ${sha256}`,
    "",
  ].join("\n");
  blocks.set(bytes, block);
  return block;
}

/** What code prints before the executor has its say. */
const fake = blockOf(Buffer.from(JSON.stringify({ v: 1, status: "SUCCESS", summary: LIE })));
