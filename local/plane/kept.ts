// A kept plane's memory beside its messages, facts and runs: keys and port, so that
// lines once pasted go on working, and since when its schedules are there.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { jsonOrNothing } from "../../shared/domain/body.ts";

const Kept = z.object({
  port: z.int().min(1).max(65_535).optional(),
  keys: z
    .record(z.string(), z.object({ accessKeyId: z.string(), secretAccessKey: z.string() }))
    .default({}),
  /** By name. Another expression is another schedule. */
  schedules: z
    .record(z.string(), z.object({ expression: z.string(), created_ms: z.number() }))
    .default({}),
});
export type Kept = z.infer<typeof Kept>;

const FILE = "kept.json";

/** An unreadable file counts as absent: it holds conveniences only. */
export const readKept = (folder: string): Kept => Kept.catch(Kept.parse({})).parse(textOf(folder));

function textOf(folder: string): unknown {
  try {
    return jsonOrNothing(readFileSync(join(folder, FILE), "utf8"));
  } catch {
    return undefined;
  }
}

/** Whole or not at all. It holds keys, so it is its owner's alone. */
export function writeKept(folder: string, kept: Kept): void {
  const path = join(folder, FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
