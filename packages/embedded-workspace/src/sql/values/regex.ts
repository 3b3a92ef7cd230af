// Java's regular expressions, run by JavaScript's where both mean the same; anything else is
// refused.

/** Syntax that only Java has, or that JavaScript reads otherwise. */
const DIFFERENT = [
  /\\[QEAZzGhHXR]/, // quotation, \A \Z \z anchors, \h, \R
  /[*+?}]\+/, // possessive quantifiers
  /\(\?>/, // atomic groups
  /\(\?[a-zA-Z-]+[:)]/, // inline flags
  /\[[^\]]*&&/, // intersections
  /\[[^\]]*\[[^:]/, // unions
  /\\[pP]\{(?!L|Lu|Ll|N|Nd|P|S|Z\})/, // POSIX and java.lang classes
  /\[:\w+:\]/,
];

const known = new Map<string, RegExp>();

/** @throws RegExpError for a pattern that is wrong, or that JavaScript would read otherwise */
function javaRegExp(pattern: string): RegExp {
  const cached = known.get(pattern);
  if (cached !== undefined) return cached;
  if (DIFFERENT.some((each) => each.test(pattern)))
    throw new RegExpError(
      "[UNSUPPORTED_FEATURE.EMBEDDED_WORKSPACE|0A000] The embedded workspace does not translate this regular expression: its syntax is Java's alone",
    );
  try {
    const compiled = new RegExp(
      pattern,
      /[\u{10000}-\u{10ffff}]|\\[pP]\{/u.test(pattern) ? "gu" : "g",
    );
    if (known.size > 500) known.clear();
    known.set(pattern, compiled);
    return compiled;
  } catch (cause) {
    throw new RegExpError(
      `[INVALID_PARAMETER_VALUE.PATTERN|22023] The value of parameter(s) \`regexp\` is invalid: '${pattern}'.`,
      { cause },
    );
  }
}

class RegExpError extends Error {}

/**
 * The most steps that a match may take: with k repetitions, none inside another, the length to the
 * power of k and one more for where it begins; without an end else.
 */
export function matchSteps(text: string, pattern: string): number {
  return (text.length + 1) ** (repetitionsOf(pattern) + 1);
}

function repetitionsOf(pattern: string): number {
  const bare = pattern.replace(/\\[^1-9k]/g, "x").replace(/\[[^\]]*\]/g, "x");
  if (/\)[*+?{]|\(\?[^:]|\\/.test(bare)) return Number.POSITIVE_INFINITY;
  return bare.replace(/[^*+?{]/g, "").length;
}

export function matches(text: string, pattern: string): boolean {
  return fresh(pattern).test(text);
}

/**
 * Every match from character `from` (1) on; `$1` and `\$` in the replacement mean what they mean in
 * Java.
 */
export function replaceAll(text: string, pattern: string, by: string, from: number): string {
  const head = text.slice(0, Math.max(0, from - 1));
  const tail = text.slice(Math.max(0, from - 1));
  return (
    head +
    tail.replace(fresh(pattern), (...found: unknown[]) =>
      expand(
        by,
        found.filter((_, index) => index < groupsOf(found)),
      ),
    )
  );
}

/**
 * The group of the first match, "" when there is none. Undefined when the pattern has no such
 * group.
 */
export function extract(text: string, pattern: string, group: number): string | undefined {
  const match = fresh(pattern).exec(text);
  if (group < 0 || group > groupCount(pattern)) return undefined;
  return match?.[group] ?? "";
}

export function extractAll(text: string, pattern: string, group: number): string[] | undefined {
  if (group < 0 || group > groupCount(pattern)) return undefined;
  return [...text.matchAll(fresh(pattern))].map((match) => match[group] ?? "");
}

/**
 * As Java's split with a limit: -1 keeps everything, n gives at most n parts; an empty match at the
 * start gives no part.
 */
export function split(text: string, pattern: string, limit: number): string[] {
  const parts: string[] = [];
  let from = 0;
  if (text === "") return [""];
  for (const match of text.matchAll(fresh(pattern))) {
    if (limit > 0 && parts.length === limit - 1) break;
    const end = match.index + match[0].length;
    if (end === 0 || (match[0] === "" && match.index >= text.length)) continue;
    parts.push(text.slice(from, match.index));
    from = end;
  }
  parts.push(text.slice(from));
  return parts;
}

function fresh(pattern: string): RegExp {
  const compiled = javaRegExp(pattern);
  compiled.lastIndex = 0;
  return compiled;
}

function groupCount(pattern: string): number {
  return (
    (new RegExp(`${javaRegExp(pattern).source}|`, javaRegExp(pattern).flags).exec("")?.length ??
      1) - 1
  );
}

/** replace()'s callback gets match, groups, offset, text. */
function groupsOf(found: readonly unknown[]): number {
  return found.findIndex((each) => typeof each === "number");
}

function expand(by: string, groups: readonly unknown[]): string {
  return by.replace(
    /\\(.)|\$(\d)/g,
    (_, escaped: string | undefined, group: string | undefined) => {
      if (escaped !== undefined) return escaped;
      if (Number(group) >= groups.length)
        throw new RegExpError(
          `[INVALID_PARAMETER_VALUE.PATTERN|22023] The replacement has no group ${group}.`,
        );
      return String(groups[Number(group)] ?? "");
    },
  );
}
