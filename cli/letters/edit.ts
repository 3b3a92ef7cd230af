// Mends the body of a dead letter before it is replayed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonOf, jsonOrNothing, messageOf } from "../../shared/domain/body.ts";
import { UsageError } from "../usage.ts";

export type Change = { readonly path: readonly string[]; readonly value: unknown };

/**
 * `limits.attempts=2`, `workload=weather-report`. An empty value removes the key.
 * @throws UsageError
 */
export function changeOf(given: string): Change {
  const match = /^([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)=(.*)$/s.exec(given);
  if (match === null)
    throw new UsageError(`--set ${given}: say <key>=<value>, such as limits.attempts=2`);
  const [, path = "", text = ""] = match;
  if (path.split(".").some((key) => key === "__proto__"))
    throw new UsageError("--set: a key __proto__ is refused");
  return { path: path.split("."), value: text === "" ? undefined : (jsonOrNothing(text) ?? text) };
}

/** The changed text; the same, if it is no JSON object that could be changed. */
export function changed(body: string, changes: readonly Change[]): string {
  const value = jsonOrNothing(body);
  if (changes.length === 0 || typeof value !== "object" || value === null || Array.isArray(value))
    return body;
  const copy = structuredClone(value) as Record<string, unknown>;
  for (const change of changes) apply(copy, change);
  return JSON.stringify(copy);
}

function apply(target: Record<string, unknown>, { path, value }: Change): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    if (value === undefined) delete target[key];
    else target[key] = value;
    return;
  }
  const inner = target[key];
  const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
  const next = isObject ? (inner as Record<string, unknown>) : {};
  target[key] = next;
  apply(next, { path: rest, value });
}

/** Opens the body in the person's editor, as JSON that reads well. @throws UsageError */
export function editedByHand(
  body: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const editor = environment["VISUAL"] ?? environment["EDITOR"];
  if (editor === undefined || editor.trim() === "")
    throw new UsageError(
      "--edit: set EDITOR to the editor that you want, or say --set <key>=<value>",
    );
  const folder = mkdtempSync(join(tmpdir(), "signalbox-letter-"));
  const path = join(folder, "letter.json");
  const value = jsonOrNothing(body);
  try {
    writeFileSync(path, value === undefined ? body : `${JSON.stringify(value, null, 2)}\n`, {
      mode: 0o600,
    });
    const { status, error } = spawnSync(editor, [path], { stdio: "inherit", shell: true });
    if (status !== 0)
      throw new UsageError(
        `--edit: ${editor} ended with ${error?.message ?? status}: nothing was sent`,
      );
    const text = readFileSync(path, "utf8").trim();
    try {
      return JSON.stringify(jsonOf(text));
    } catch (error) {
      throw new UsageError(`--edit: ${messageOf(error)}: nothing was sent`, { cause: error });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
