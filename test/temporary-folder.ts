// One folder for all that a test run writes: what a test forgets, or leaves because it was killed,
// goes with it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "signalbox-test-"));

/** Workers, and the processes that they start, inherit it. */
export function setup(): void {
  process.env["TMPDIR"] = folder;
}

export function teardown(): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
