// Writes THIRD_PARTY_NOTICES, the licences of foreign code in the bundles. `npm run notices` runs
// it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bundles, buildBundles } from "./bundles.ts";

const ROOT = join(import.meta.dirname, "..");
export const NOTICES = join(ROOT, "THIRD_PARTY_NOTICES");

const HEAD = `Third-party notices

The functions that Signalbox deploys carry code of the packages below. This list is made of the bundles themselves by
"npm run notices"; a test fails where it does not agree with them.
`;

/** The text of the file, from the contents of the bundles. */
export function noticesOf(bundles: Bundles): string {
  const folders = new Set(
    Object.values(bundles).flatMap(({ metafile }) =>
      Object.keys(metafile.inputs).flatMap((input) => packageFolder(input) ?? []),
    ),
  );
  const packages = [...folders].map(packageAt).toSorted((a, b) => (a.title < b.title ? -1 : 1));
  return [HEAD, ...packages.map(({ title, text }) => `${RULE}\n${title}\n\n${text}\n`)].join("\n");
}

const RULE = "-".repeat(80);

/**
 * `node_modules/@scope/name` of a bundled file, however deep it is nested; undefined for our own.
 */
const packageFolder = (input: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

function packageAt(folder: string): { readonly title: string; readonly text: string } {
  const path = join(ROOT, folder);
  const { name, version, license } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
  const file = readdirSync(path)
    .toSorted()
    .find((each) => /^(licen[cs]e|copying)(\.|-|$)/i.test(each));
  const text = file === undefined ? "" : readFileSync(join(path, file), "utf8").trim();
  const notice = existsSync(join(path, "NOTICE"))
    ? `\n\n${readFileSync(join(path, "NOTICE"), "utf8").trim()}`
    : "";
  return {
    title: `${name} ${version} (${license ?? "no licence named"})`,
    text: `${text || "The package carries no text of its licence."}${notice}`.replaceAll("\r", ""),
  };
}

/** Builds the bundles again, in a folder that is removed afterwards. */
export async function currentNotices(): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), "notices-"));
  try {
    return noticesOf(await buildBundles({ out }));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

if (import.meta.main) writeFileSync(NOTICES, await currentNotices());
