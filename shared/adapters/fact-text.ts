// Writes a fact as the text of its file, and reads it back: JSON that a person can read, ending
// with a line feed.
import type * as z from "zod";
import { faultsOf, messageOf, strictJson } from "../domain/body.ts";
import { PoisonMessageError, UnreadableMarkerError } from "../domain/errors.ts";
import {
  type ChapterKey,
  type FactKind,
  type FactOf,
  type FactRef,
  factRef,
  factSchemas,
  Marker,
  markerKey,
  markerName,
} from "../domain/facts.ts";
import { RunId } from "../domain/messages.ts";

/** Larger facts are read by programs alone. */
const READABLE_CHARS_MAX = 32 * 1024;
/** A larger fact is none of ours: a decision with everything at its limit has about one MiB. */
export const FACT_BYTES_MAX = 4 * 1024 * 1024;

/** The folder of the markers, below the facts volume. */
export const MARKERS_FOLDER = "open";

export const markerPath = (key: ChapterKey): string => `${MARKERS_FOLDER}/${markerName(key)}`;

/**
 * The text of a fact, and the fact as it will be read back. A fact is never replaced, so one that
 * could not be read back would stay in the way for ever.
 * @throws PoisonMessageError if it does not match its schema, or belongs to another path
 */
export function factText<K extends FactKind>(
  ref: FactRef<K>,
  fact: FactOf<K>,
): { readonly text: string; readonly fact: FactOf<K> } {
  const compact = JSON.stringify(fact);
  // Small facts are indented for people. Indentation can make eight times as many bytes of a nested
  // capsule.
  const isSmall = compact.length <= READABLE_CHARS_MAX;
  const text = `${isSmall ? JSON.stringify(fact, undefined, 1) : compact}\n`;
  const bytes = isSmall ? 0 : Buffer.byteLength(text);
  if (bytes > FACT_BYTES_MAX)
    throw new PoisonMessageError(
      `the fact ${ref.path} would have ${bytes} bytes, at most ${FACT_BYTES_MAX} can be read back`,
    );
  return { text, fact: factIn(ref, text) };
}

/** @throws PoisonMessageError that names the path and the first faults */
export const factOf = <K extends FactKind>(ref: FactRef<K>, content: Uint8Array): FactOf<K> =>
  foreign(() => factIn(ref, utf8(whatOf(ref), content)));

/**
 * A foreign text there was written by somebody else; a bad text that we would write is our
 * own fault.
 */
function foreign<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new PoisonMessageError(
      `${messageOf(error)}; only Signalbox may write the facts volume: find out who else did`,
      { cause: error },
    );
  }
}

function factIn<K extends FactKind>(ref: FactRef<K>, text: string): FactOf<K> {
  const what = whatOf(ref);
  const schema = factSchemas[ref.kind] as unknown as z.ZodType<FactOf<K>>;
  const fact = readText(what, schema, text);
  const ownPath = ownPaths[ref.kind](fact);
  if (ownPath !== ref.path) throw refused(what, `by its keys it belongs at ${ownPath}`);
  return fact;
}

const whatOf = ({ kind, path }: FactRef): string => `the fact ${path} is no valid ${kind}`;

export const markerText = (marker: Marker): string => `${JSON.stringify(marker, undefined, 1)}\n`;

/** @throws UnreadableMarkerError that names the path and the first faults */
export function markerOf(path: string, content: Uint8Array): Marker {
  const what = `the marker ${path} is not valid`;
  try {
    return foreign(() => {
      const marker = readText(what, Marker, utf8(what, content));
      if (markerPath(marker) === path) return marker;
      throw refused(what, `by its keys it belongs at ${markerPath(marker)}`);
    });
  } catch (error) {
    throw new UnreadableMarkerError(messageOf(error), { cause: error });
  }
}

/**
 * The chapter whose marker has this name; undefined for any other file that somebody put into the
 * folder.
 */
export function markerKeyOf(name: string): ChapterKey | undefined {
  const key = markerKey(name);
  return key !== undefined && RunId.safeParse(key.run_id).success ? key : undefined;
}

/** The path that a fact must have by its own keys: a copy in another run's folder is refused. */
const ownPaths: { readonly [K in FactKind]: (fact: FactOf<K>) => string } = {
  plane: () => factRef.plane().path,
  ticket: (fact) => factRef.ticket(fact.run_id).path,
  manifest: (fact) => factRef.manifest(fact).path,
  submission: (fact) => factRef.submission(fact).path,
  decision: (fact) => factRef.decision(fact).path,
  stop: (fact) => factRef.stop(fact).path,
  outcome: (fact) => factRef.outcome(fact).path,
  retry: (fact) => factRef.retry(fact).path,
  over: (fact) => factRef.over(fact).path,
  retired: (fact) => factRef.retired(fact).path,
};

const DEPTH_MAX = 64;

function readText<T>(what: string, schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(parse(what, text));
  if (parsed.success) return parsed.data;
  throw refused(what, faultsOf(parsed.error), parsed.error);
}

// Fatal: a byte that is no UTF-8 must not become a replacement character in a fact.
const decoder = new TextDecoder("utf-8", { fatal: true });
function utf8(what: string, content: Uint8Array): string {
  try {
    return decoder.decode(content);
  } catch (error) {
    throw refused(what, "it is not UTF-8", error);
  }
}

function parse(what: string, text: string): unknown {
  try {
    return strictJson("it", text, DEPTH_MAX, "any");
  } catch (error) {
    throw refused(what, messageOf(error), error);
  }
}

const refused = (what: string, fault: string, cause?: unknown): PoisonMessageError =>
  new PoisonMessageError(`${what}: ${fault}`, { cause });
