// Finds the result for the judge: in the output of the run itself, which nobody can change once it
// is over. The file in the scratchpad is for people, because any code of the same principal may
// rewrite it.
import { resultLimits } from "../../shared/domain/contract.ts";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import { evidenceIn } from "../../shared/domain/evidence.ts";
import type { AcceptedSubmission, Plan } from "../../shared/domain/facts.ts";
import { type ResultReading, resultOf, tooLarge } from "../../shared/domain/result.ts";
import type {
  DigestPort,
  InflatePort,
  JobsPort,
  SettingsPort,
  TaskOutput,
  VolumesPort,
} from "../../shared/ports.ts";

export type ReadDeps = JobsPort & VolumesPort & InflatePort & DigestPort & SettingsPort;

export type Over = {
  readonly manifest: Pick<Plan, "scratchpad">;
  readonly submission: AcceptedSubmission;
  readonly run: DatabricksRun;
};

/**
 * Reads the result of a run of ours that is over. An unreadable result is a reading, too: the judge
 * does not wait for it for ever.
 */
export async function readResult(deps: ReadDeps, over: Over): Promise<ResultReading> {
  return deps.settings.evidence === "file"
    ? await resultInFile(deps, over)
    : await resultInOutput(deps, over);
}

async function resultInOutput(deps: ReadDeps, { submission, run }: Over): Promise<ResultReading> {
  // There is one task. Its last attempt counts.
  const taskRunId = run.tasks[0]?.taskRunId;
  if (taskRunId === undefined) return { kind: "absent" };
  const output = await deps.jobs.output(taskRunId);
  const text = textOf(deps, output);
  return typeof text === "string" ? resultOf(text, submission) : text;
}

function textOf(deps: ReadDeps, output: TaskOutput): string | ResultReading {
  if (output.kind === "too-large")
    return {
      kind: "invalid",
      reason: `its output has over ${output.bytes} bytes, too many to read`,
    };
  if (output.kind === "absent" || output.logs === undefined) return { kind: "absent" };
  const { logs, isTruncated } = output;
  const evidence = evidenceIn({ logs, isTruncated }, deps);
  switch (evidence.kind) {
    case "found":
      return evidence.text;
    case "broken":
      return { kind: "invalid", reason: evidence.reason };
    case "absent":
      return { kind: "absent" };
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A stage may choose this for compute whose runs have no output; the doctor warns of it. */
async function resultInFile(
  deps: ReadDeps,
  { manifest, submission }: Over,
): Promise<ResultReading> {
  const path = `${manifest.scratchpad}/result.json`;
  const file = await deps.volumes.read(path, resultLimits.resultBytesMax);
  switch (file.kind) {
    case "absent":
      return { kind: "absent" };
    case "too-large":
      return tooLarge(file.bytes);
    case "found": {
      let text: string;
      try {
        text = utf8.decode(file.content);
      } catch {
        return { kind: "invalid", reason: "result.json is not UTF-8" };
      }
      return resultOf(text, submission);
    }
  }
}
