// Keeps reviewed code in the plans volume once for the whole plane, by its content: thousands of
// tickets of one workload run the same file. An environment does not write a file again for an
// hour.
import { sharedFilePath } from "../../shared/domain/facts.ts";
import type { ClockPort, PlansPort } from "../../shared/ports.ts";

/** If a person deletes a file by hand, it is there again after this time. */
const REMEMBERED_MS = 3_600_000;

/** By environment: each has its own ports and its own memory. */
const writtenMs = new WeakMap<PlansPort["plans"], Map<string, number>>();

/** Makes sure that the file is there, and returns its path below the plans volume. */
export async function keepShared(
  { plans, clock }: PlansPort & ClockPort,
  file: { readonly sha256: string; readonly name: string; readonly content: Uint8Array },
): Promise<string> {
  const path = sharedFilePath(file.sha256, file.name);
  const written = writtenMs.get(plans) ?? new Map<string, number>();
  writtenMs.set(plans, written);
  const nowMs = clock.nowMs();
  if (nowMs - (written.get(path) ?? Number.NEGATIVE_INFINITY) < REMEMBERED_MS) return path;
  await plans.put(path, file.content);
  // Only after writing: a handler that died in between has written nothing.
  written.set(path, nowMs);
  return path;
}
