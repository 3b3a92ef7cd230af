// Looks at the text of a JSON value before anybody trusts its parsed form: how deep it nests, and
// whether a key comes twice in one object. JSON.parse says neither, and of two equal keys it keeps
// the last.

/**
 * The deepest nesting of brackets, and the number of keys. Parsing is safe at any depth, but later
 * recursion is not.
 */
export function shapeOf(text: string): { readonly depth: number; readonly keys: number } {
  let depth = 0;
  let deepest = 0;
  let keys = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const ch = text[i];
    if (inString) {
      if (ch === "\\") i++;
      else if (ch === '"') inString = false;
    } else if (ch === '"') inString = true;
    else if (ch === ":") keys++;
    else if (ch === "{" || ch === "[") deepest = Math.max(deepest, ++depth);
    else if (ch === "}" || ch === "]") depth--;
  }
  return { depth: deepest, keys };
}

/**
 * The first key that comes twice in one object of a valid JSON text. If the parsed value has as
 * many keys as the text, no key does; so only a text that will be refused is read a second time.
 * @param value the parsed text, of a bounded depth
 */
export function repeatedKey(text: string, keys: number, value: unknown): string | undefined {
  if (countKeys(value) === keys) return undefined;
  const open: (Set<string> | undefined)[] = []; // one for each bracket; arrays have no keys
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token.endsWith(":")) {
      const key = String(JSON.parse(token.slice(0, -1)));
      const seen = open.at(-1);
      if (seen?.has(key)) return key;
      seen?.add(key);
    }
  }
  return undefined;
}

/** A bracket, or a string, with the colon that makes it a key. */
const TOKEN = /[{}[\]]|"(?:[^"\\]|\\.)*"(?:\s*:)?/g;

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) keys += countKeys(inner);
  return keys;
}
