// Logs of attempts, one file each beside the store: they are too large for it.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WorkspaceContext } from "../context.ts";

export type KeptLog = { readonly bytes: Buffer; readonly truncated: boolean };

export function keepLog(
  context: WorkspaceContext,
  attemptId: string,
  bytes: Buffer,
  truncated: boolean,
): void {
  const files = filesOf(context, attemptId);
  mkdirSync(join(context.folder, "logs"), { recursive: true });
  writeFileSync(truncated ? files.truncated : files.whole, bytes);
}

/** Undefined for an attempt that never had a process, or is not over yet. */
export function keptLog(context: WorkspaceContext, attemptId: string): KeptLog | undefined {
  const { whole, truncated } = filesOf(context, attemptId);
  if (existsSync(truncated)) return { bytes: readFileSync(truncated), truncated: true };
  return existsSync(whole) ? { bytes: readFileSync(whole), truncated: false } : undefined;
}

export function dropLog(context: WorkspaceContext, attemptId: string): void {
  const { whole, truncated } = filesOf(context, attemptId);
  for (const file of [whole, truncated]) rmSync(file, { force: true });
}

/** The name says whether the beginning is missing. */
const filesOf = (context: WorkspaceContext, attemptId: string) => {
  const whole = join(context.folder, "logs", `${attemptId}.log`);
  return { whole, truncated: `${whole}.truncated` };
};
