// Markdown, as far as the tests of the documents must know it.

export type MarkdownLine = {
  readonly number: number;
  readonly text: string;
  readonly kind: "prose" | "code" | "table" | "heading";
};

export function linesOf(markdown: string): readonly MarkdownLine[] {
  let fence: string | undefined;
  return markdown.split("\n").map((text, index) => {
    const number = index + 1;
    const [, mark] = /^\s*(`{3,}|~{3,})/.exec(text) ?? [];
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
      return { number, text, kind: "code" };
    }
    if (fence !== undefined) return { number, text, kind: "code" };
    if (/^\s*\|/.test(text)) return { number, text, kind: "table" };
    return { number, text, kind: /^#{1,6} /.test(text) ? "heading" : "prose" };
  });
}

/** The anchors that GitHub gives to the headings, and those that the text sets itself. */
export function anchorsIn(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const { kind, text } of linesOf(markdown)) {
    if (kind === "code") continue;
    for (const [, id = ""] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
    if (kind !== "heading") continue;
    const slug = slugOf(text.replace(/^#+ /, ""));
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** As GitHub makes it: links give their text, marks go, spaces become dashes. */
const slugOf = (heading: string): string =>
  heading
    .trim()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replace(/ /g, "-");

export type Link = { readonly number: number; readonly target: string };

/** The links of a text to files beside it, and to its own headings. */
export const linksIn = (markdown: string): readonly Link[] =>
  linesOf(markdown)
    .filter(({ kind }) => kind !== "code")
    .flatMap(({ number, text }) =>
      [...text.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(
        ([, target = ""]) => ({ number, target }),
      ),
    )
    .filter(({ target }) => !/^[a-z]+:/.test(target));

export type Fact = { readonly anchor: string; readonly marks: readonly string[] };

/** An entry is a heading of the third level; its text may begin with `[mark]`. */
export function factsIn(markdown: string): readonly Fact[] {
  const facts: Fact[] = [];
  let anchor: string | undefined;
  for (const { kind, text } of linesOf(markdown)) {
    if (kind === "heading") anchor = /^### (\S+)$/.exec(text)?.[1];
    else if (anchor !== undefined && text.trim() !== "") {
      const [, mark] = /^\[([a-z]+)\](?!\()/.exec(text) ?? [];
      facts.push({ anchor, marks: mark === undefined ? [] : [mark] });
      anchor = undefined;
    }
  }
  return facts;
}
