// Output and failure of the code that an attempt executed: files that the executor left in
// the scratchpad, for people.

import type { VolumeFiles } from "../../shared/adapters/volume-files.ts";
import { jsonOrNothing } from "../../shared/domain/body.ts";
import { Result, resultLimits } from "../../shared/domain/contract.ts";

export type Stream = "stdout" | "stderr";

export type AttemptLogs = {
  /** Undefined if there is no such file (yet). */
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
  /** The executor's word on how it ended; undefined if there is none that can be read. */
  readonly result: Result | undefined;
};

/** A log has a mark where its middle was cut, so it is a little longer than its bound. */
const LOG_BYTES_MAX = resultLimits.logBytesMax + 64 * 1024;

/** @param folder an attempt's folder in the scratchpad */
export async function readLogs(files: VolumeFiles, folder: string): Promise<AttemptLogs> {
  const text = async (name: string, bytesMax: number): Promise<string | undefined> => {
    const file = await files.read(`${folder}/${name}`, bytesMax);
    if (file.kind === "absent") return undefined;
    return file.kind === "found"
      ? Buffer.from(file.content).toString("utf8")
      : `(${name} has ${file.bytes} bytes, which is more than an executor writes)`;
  };
  const [stdout, stderr, result] = await Promise.all([
    text("stdout.log", LOG_BYTES_MAX),
    text("stderr.log", LOG_BYTES_MAX),
    text("result.json", resultLimits.resultBytesMax),
  ]);
  const parsed = Result.safeParse(result === undefined ? undefined : jsonOrNothing(result));
  return { stdout, stderr, result: parsed.data };
}
