// Reads YAML that people write, as strictly as messages are read: a text that would become
// something else than it says is refused.
import { isCollection, isScalar, parseDocument, visit } from "yaml";
import { messageOf } from "../domain/body.ts";

const CHARS_MAX = 256 * 1024;
const DEPTH_MAX = 64;
const ALIASES_MAX = 20;

/**
 * The value of a document: JSON, except for things that schemas refuse anyway.
 * @throws Error with one sentence, and the line if there is one: no YAML, a key twice, a
 *   `__proto__`, a number that cannot be held exactly, aliases that grow beyond all bounds, nesting
 *   deeper than a person would write
 */
export function strictYaml(text: string): unknown {
  if (text.length > CHARS_MAX)
    throw new Error(`it has ${text.length} characters; at most ${CHARS_MAX} are read`);
  const document = parsed(text);
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) throw errorOf(fault);
  visit(document, {
    Seq: (_key, _list, path) => checkDepth(path),
    Map: (_key, map, path) => {
      checkDepth(path);
      for (const { key } of map.items)
        if (isScalar(key) && key.value === "__proto__")
          throw new Error('it has a key "__proto__", which is refused');
    },
    Scalar: (_key, { value, source = String(value) }) => {
      if (typeof value === "number" && isAnother(value))
        throw new Error(
          `the number ${source.slice(0, 40)} cannot be held exactly: write it in quotes`,
        );
    },
  });
  return document.toJS({ maxAliasCount: ALIASES_MAX });
}

function parsed(text: string) {
  try {
    return parseDocument(text, { strict: true, uniqueKeys: true });
  } catch (error) {
    throw errorOf(error);
  }
}

function checkDepth(above: readonly unknown[]): void {
  if (above.filter((node) => isCollection(node)).length >= DEPTH_MAX) throw tooDeep();
}

const tooDeep = (): Error => new Error(`it nests deeper than ${DEPTH_MAX} levels`);

/** A hundred thousand brackets overflow the parser's stack. Such a text is not written by hand. */
function errorOf(error: unknown): Error {
  const [firstLine = ""] = messageOf(error).split("\n");
  return firstLine.startsWith("Maximum call stack")
    ? tooDeep()
    : new Error(firstLine, { cause: error });
}

const isAnother = (value: number): boolean =>
  !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
