// Finds the route of a request: exact paths by one lookup, patterns segment by segment.
import type { Route } from "../route.ts";
import { decodePath } from "./path.ts";

export type Found = { readonly route: Route; readonly params: Readonly<Record<string, string>> };

export type Router = {
  readonly add: (route: Route) => void;
  /** `GET /faults` and its like, in order of addition. */
  readonly list: () => readonly string[];
  readonly find: (method: string, segments: readonly string[]) => Found | undefined;
  /** The decoded segments of a raw path. @throws ApiError 400 */
  readonly segments: (rawPath: string) => string[];
  /** The methods that this path has, to tell "no such path" from "no such method". */
  readonly methods: (segments: readonly string[]) => readonly string[];
};

export function createRouter(): Router {
  const exact = new Map<string, Route>();
  const patterns = new Map<string, Pattern[]>();
  const encodedBelow: string[] = [];
  const names: string[] = [];

  const find: Router["find"] = (method, segments) => {
    const route = exact.get(`${method} /${withoutTrailingSlash(segments).join("/")}`);
    if (route !== undefined) return { route, params: {} };
    for (const pattern of patterns.get(method) ?? []) {
      const params = match(pattern, segments);
      if (params !== undefined) return { route: pattern.route, params };
    }
    return undefined;
  };

  return {
    list: () => names,
    add: (route) => {
      names.push(`${route.method} ${route.path}`);
      if (route.encodedSlashes === true) encodedBelow.push(`${route.path.split("*")[0]}/`);
      if (!/[:*]/.test(route.path)) {
        exact.set(`${route.method} ${route.path}`, route);
        return;
      }
      const known = patterns.get(route.method) ?? [];
      patterns.set(route.method, [...known, compile(route)].sort(mostSpecificFirst));
    },
    find,
    segments: (rawPath) => {
      const base = encodedBelow.find((prefix) => rawPath.startsWith(prefix));
      return decodePath(base === undefined ? rawPath : rawPath.replaceAll(/%2f/gi, "/"));
    },
    methods: (segments) =>
      ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].filter(
        (method) => find(method, segments) !== undefined,
      ),
  };
}

type Pattern = {
  readonly route: Route;
  readonly parts: readonly Part[];
  /** The name that takes the rest, when the path ends with `*name`. */
  readonly rest?: string;
};
type Part = { readonly kind: "literal" | "name"; readonly text: string };

function compile(route: Route): Pattern {
  const [fixed = "", rest] = route.path.split("*");
  const parts = fixed
    .split("/")
    .slice(1)
    .map(
      (text): Part =>
        text.startsWith(":") ? { kind: "name", text: text.slice(1) } : { kind: "literal", text },
    );
  return { route, parts, ...(rest !== undefined && { rest }) };
}

function match(pattern: Pattern, given: readonly string[]): Record<string, string> | undefined {
  const segments = pattern.rest === undefined ? withoutTrailingSlash(given) : given;
  const { parts } = pattern;
  if (segments.length < parts.length) return undefined;
  if (pattern.rest === undefined && segments.length > parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? "";
    if (part.kind === "name") {
      if (segment === "") return undefined;
      params[part.text] = segment;
    } else if (part.text !== segment) return undefined;
  }
  if (pattern.rest !== undefined)
    params[pattern.rest] = `/${segments.slice(parts.length).join("/")}`;
  return params;
}

const withoutTrailingSlash = (segments: readonly string[]) =>
  segments.length > 1 && segments.at(-1) === "" ? segments.slice(0, -1) : segments;

// A literal beats a name, and what ends beats what takes the rest.
const mostSpecificFirst = (a: Pattern, b: Pattern) => weight(b) - weight(a);

const weight = ({ parts, rest }: Pattern) =>
  parts.reduce((sum, part) => sum + (part.kind === "literal" ? 2 : 1), 0) * 2 +
  (rest === undefined ? 1 : 0);
