// for_each_task: its task once for each element of its inputs, so many at a time
// (docs/facts/databricks.md#for-each-task). An iteration is a run of its own that no list shows;
// its references mean the run that it belongs to, and its input.
import { failed, misconfigured, success } from "../runs/endings.ts";
import { type Execution, type Outcome, type RunRecord, succeeded } from "../runs/model.ts";
import { resolvedValue, UnresolvedReferenceError } from "../runs/references.ts";
import type { ForEachTask } from "../runs/task-schema.ts";
import { loopStats } from "./loop-stats.ts";
import type { JobsService } from "./service.ts";

/** Of values that come by reference. */
const inputsBytesMax = 48 * 1024;

/** Comes to success when each iteration does. All are run, also when one has failed. */
export async function executeForEach(
  jobs: JobsService,
  execution: Execution,
  body: ForEachTask,
): Promise<Outcome> {
  let inputs: readonly unknown[];
  try {
    inputs = inputsOf(body, execution);
  } catch (error) {
    if (!(error instanceof UnresolvedReferenceError)) throw error;
    const { message } = error;
    return {
      ending: misconfigured("INVALID_RUN_CONFIGURATION", message),
      output: { error: message },
    };
  }
  const left = inputs.entries();
  const begun: string[] = [];
  const ended: RunRecord[] = [];
  const tell = (): void => {
    const stats = loopStats(inputs.length, begun.length, ended);
    execution.onRunning({ loop: { runIds: [...begun], stats } });
  };
  execution.onRunning({ resolved: { for_each_task: { inputs: JSON.stringify(inputs) } } });
  const work = async (): Promise<void> => {
    for (const [index, input] of left) {
      if (execution.signal.aborted) return;
      const iteration = startIteration(jobs, execution, body, index, input);
      begun.push(iteration.runId);
      tell();
      ended.push(await ending(jobs, iteration, execution.signal));
      tell();
    }
  };
  tell();
  await Promise.all(Array.from({ length: body.concurrency ?? 1 }, work));
  return outcomeOf(ended);
}

/** @throws UnresolvedReferenceError */
function inputsOf({ inputs }: ForEachTask, { scope }: Execution): readonly unknown[] {
  const value = resolvedValue(inputs, scope());
  const found = typeof value === "string" ? parsed(value) : value;
  if (!Array.isArray(found))
    throw new UnresolvedReferenceError(
      `inputs must be a JSON array; it is ${JSON.stringify(value).slice(0, 100)}.`,
    );
  const bytes = Buffer.byteLength(JSON.stringify(found));
  if (bytes > inputsBytesMax)
    throw new UnresolvedReferenceError(
      `inputs has ${bytes} bytes of JSON; it must have at most ${inputsBytesMax}.`,
    );
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function startIteration(
  { context, startOnce }: JobsService,
  { run, attempt }: Execution,
  { task }: ForEachTask,
  index: number,
  input: unknown,
): RunRecord {
  const caller = context.principals.byId(run.creator);
  if (caller === undefined) throw new Error(`The run's creator ${run.creator} does not exist.`);
  const { type, trigger, name, creator, runAs, environments, environmentVariables } = run;
  const { jobClusters, access, parameters, taskParameters, performanceTarget } = run;
  return startOnce(undefined, caller, () => ({
    ...{ type, trigger, name, creator, runAs, environments, environmentVariables },
    ...{ jobClusters, access, parameters, taskParameters },
    ...(performanceTarget !== undefined && { performanceTarget }),
    singleTask: true,
    tasks: [task],
    timeoutSeconds: 0,
    queueing: true,
    loop: { runId: run.runId, attemptId: attempt.runId, index, input },
  }));
}

async function ending(
  { conductor }: JobsService,
  { runId }: RunRecord,
  signal: AbortSignal,
): Promise<RunRecord> {
  const cancel = () => conductor.cancel(runId);
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const ended = await conductor.ended(runId);
  signal.removeEventListener("abort", cancel);
  return ended;
}

function outcomeOf(ended: readonly RunRecord[]): Outcome {
  const bad = ended.filter(({ ending }) => !succeeded(ending));
  const [first] = bad.toSorted((a, b) => (a.loop?.index ?? 0) - (b.loop?.index ?? 0));
  if (first === undefined) return { ending: success, output: {} };
  const message = `${bad.length} of ${ended.length} iterations failed. Iteration ${first.loop?.index}: ${first.ending?.message ?? ""}`;
  return {
    ending: failed("RUN_EXECUTION_ERROR", "CLIENT_ERROR", message),
    output: { error: message },
  };
}
