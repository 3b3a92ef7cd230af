// HTML from templates: what is put in is text, unless a template made it.
import type { ApiReply } from "../route.ts";

export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | bigint | undefined | readonly Part[];

/** Each value is escaped; undefined is nothing. */
export const html = (pieces: TemplateStringsArray, ...parts: readonly Part[]): Html =>
  new Html(pieces.map((piece, at) => piece + markupOf(parts[at])).join(""));

function markupOf(part: Part): string {
  if (part === undefined) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(markupOf).join("");
  return String(part).replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Nothing but our own style and script, from nowhere else, inside of nothing else. */
const headers = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/** `refresh`: it loads itself again until there is nothing more to come. */
export function page(title: string, body: Html, refresh = false): ApiReply {
  const again = refresh ? html`<meta http-equiv="refresh" content="3">` : undefined;
  const whole = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>${again}
<link rel="stylesheet" href="/pages/style.css"><script src="/pages/run-link.js" defer></script></head>
<body><p><a href="/">Embedded workspace</a> · <a href="/jobs/runs">Runs</a></p>
${body}</body></html>
`;
  return { status: 200, headers, body: whole.text };
}
