// Reviewed code lies in the plans volume once for the whole plane, by its content: thousands of tickets of one workload run the same
// file. What this environment has written it does not write again for an hour.
import { sharedFilePath } from "../../shared/domain/facts.ts";
import type { ClockPort, PlansPort } from "../../shared/ports.ts";

/** Should somebody delete it by hand, it is there again after so long. */
const REMEMBERED_MS = 3_600_000;

/** Of each environment: its own ports, its own memory. */
const writtenMs = new WeakMap<PlansPort["plans"], Map<string, number>>();

/** Sees to it that the file lies there, and returns its path below the plans volume. */
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
  // Never before: who died in between has written nothing.
  written.set(path, nowMs);
  return path;
}
