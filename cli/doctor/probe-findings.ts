// Judges the answers of a live workspace. Pure.
import type { Stage } from "../../infra/stage.ts";
import type { DatabricksRun } from "../../shared/domain/databricks-run.ts";
import { type Expected, strangenessOf } from "../../shared/domain/ours.ts";
import { type Answer, type Finding, fail, ok, skipped, warn } from "./check.ts";

/** The result that was found in the output of a finished run, and how long after its end. */
export type OutputSeen = {
  readonly kind: "found" | "absent" | "broken" | "too-large";
  /** Its fault, if it has one. */
  readonly why?: string;
  readonly seconds: number;
  readonly isTruncated: boolean;
};

export type RunSeen = {
  readonly run: DatabricksRun;
  readonly expected: Expected;
  /** The whole name that was given. */
  readonly runName: string;
  readonly output: OutputSeen;
};

/** The executors' permitted calls on the controllers' run; undefined if none could be tried. */
export type ExecutorsSeen = {
  readonly view: Asked;
  readonly output: Asked;
  readonly cancel: Asked;
  readonly repair: Asked;
  /** The run to which the same token led. */
  readonly token: "their own run" | "that run" | "refused";
  readonly tokenSaid: string;
};
/** Allowed, or why not. */
export type Asked = true | string;

export type ProbeSeen = {
  readonly stage: Stage;
  /** The submitter, by its own userName. */
  readonly submittedBy: string;
  readonly runAs: string;
  readonly good: RunSeen;
  readonly bad: RunSeen;
  readonly executors: ExecutorsSeen | undefined;
  /** Paths and runs that could not be taken away again. */
  readonly left: readonly string[];
};

export const probeAnswers = (seen: ProbeSeen): readonly Answer[] => [
  { id: "creator", ...creatorFinding(seen) },
  { id: "shown of a run", ...shownFinding(seen.good) },
  { id: "ours", ...oursFinding(seen.good) },
  { id: "output", ...outputFinding(seen.stage, seen.good) },
  { id: "output of a failure", ...failureFinding(seen.bad) },
  ...executorAnswers(seen.executors),
  { id: "left behind", ...leftFinding(seen.left) },
];

const isSame = (a: string | undefined, b: string): boolean => a?.toLowerCase() === b.toLowerCase();

/** The one comparison on which everything rests. */
export function creatorFinding({
  stage,
  submittedBy,
  runAs,
  good: { run },
}: Pick<ProbeSeen, "stage" | "submittedBy" | "runAs" | "good">): Finding {
  const { client_id, auth } = stage.databricks;
  const { creator } = run;
  const doNotUse =
    "no run would be taken for ours: do not put a plane into this workspace, and open an issue with this answer";
  if (creator === undefined) return fail("runs/get does not say who created a run", doNotUse);
  if (isSame(creator, client_id))
    return ok(
      `creator_user_name is the controllers' client_id (${creator}), though run_as is ${runAs}`,
    );
  if (isSame(creator, submittedBy))
    return auth.kind === "pat"
      ? ok(`creator_user_name is the token's user (${creator}), as whom the functions submit, too`)
      : ok(
          `creator_user_name is whoever submits (${creator}, you), though run_as is ${runAs}; the functions submit as ${client_id}: look once more with their credentials`,
        );
  if (isSame(creator, runAs))
    return fail(
      `creator_user_name is the run_as principal (${creator}), not the submitter`,
      doNotUse,
    );
  return fail(`creator_user_name is ${creator}, and ${submittedBy} submitted`, doNotUse);
}

/** These details help to find slips, and prove nothing. */
export function shownFinding({ run, runName, expected }: RunSeen): Finding {
  const [task] = run.tasks;
  const shows = [
    [run.runType === undefined, "run_type"],
    [task?.pythonFile === undefined, "python_file"],
    [task?.parameters === undefined, "parameters"],
  ] as const;
  const missing = shows.filter(([isMissing]) => isMissing).map(([, what]) => what);
  if (!run.runName.startsWith(expected.namePrefix))
    return fail(
      `the run is called ${JSON.stringify(run.runName)}, and was to be ${JSON.stringify(runName)}`,
      "runs whose submission was not answered could not be found again: open an issue with this answer",
    );
  const name = run.runName === runName ? "the whole name" : "the name, cut";
  return missing.length === 0
    ? ok(`runs/get shows ${name}, run_type ${run.runType}, file and parameters`)
    : warn(
        `runs/get shows ${name}, and not ${missing.join(", ")}: a repair with other parameters would go unseen there`,
        "nothing to do: whose a run is is decided by its creator",
      );
}

export function oursFinding({ run, expected }: RunSeen): Finding {
  const strangeness = strangenessOf(run, { ...expected, controllers: [run.creator ?? ""] });
  return strangeness === undefined
    ? ok("by name, kind, file and parameters it is what was submitted")
    : fail(
        `it would be refused as NOT_OURS: ${strangeness}`,
        "open an issue with this answer: the workspace shows runs in another way than was known",
      );
}

/** How long the judge looks again after a success. */
const SETTLES_SECONDS = 120;

export function outputFinding({ name, databricks }: Stage, { run, output }: RunSeen): Finding {
  const inFile = `databricks.evidence: file in ${name}.yaml judges files instead, which others may rewrite before; or name other compute in the recipe`;
  if (run.resultState !== "SUCCESS")
    return fail(
      `the probe ended with ${run.resultState ?? run.lifeCycleState}: ${run.message}`,
      `npx signalbox doctor --stage ${name} finds out why executors cannot run`,
    );
  if (output.kind !== "found")
    return databricks.evidence === "file"
      ? warn(`${absence(output)}: as the stage has it, results are judged from files`, inFile)
      : fail(`${absence(output)}: every success would be unreported`, inFile);
  return output.seconds <= SETTLES_SECONDS
    ? ok(`the result was in the run's output ${output.seconds} s after its end`)
    : fail(
        `the result was in the run's output only ${output.seconds} s after its end, and is waited for for ${SETTLES_SECONDS} s`,
        inFile,
      );
}

/**
 * A failure needs no evidence, but a new attempt does: only the code's own word says that trying
 * again may help.
 */
export function failureFinding({ run, output }: RunSeen): Finding {
  if (run.resultState !== "FAILED")
    return fail(
      `code that raises ended with ${run.resultState ?? run.lifeCycleState}, not with FAILED`,
      "open an issue with this answer: failures would be judged as something else",
    );
  return output.kind === "found"
    ? ok(`a failed run has its output, too, after ${output.seconds} s: its own reason is told`)
    : warn(
        `of a failed run, ${absence(output)}: reasons are Databricks' own, and nothing that calls itself transient is tried again`,
        "raise limits.attempts only for what the platform does; let code retry inside the run",
      );
}

function absence({ kind, why, seconds, isTruncated }: OutputSeen): string {
  const cut = isTruncated ? ", and what is shown is cut" : "";
  switch (kind) {
    case "absent":
      return `there was no result in the output for ${seconds} s${cut}`;
    case "broken":
      return `the result in the output was not whole for ${seconds} s (${why})${cut}`;
    case "too-large":
      return `the output is too large to be read (${why})`;
    case "found":
      return "it is there";
  }
}

/** The design holds either way: this only says which way it is here. */
function executorAnswers(seen: ExecutorsSeen | undefined): readonly Answer[] {
  if (seen === undefined)
    return [
      {
        id: "executors",
        ...skipped(
          "what the executors may do with the controllers' runs was not tried",
          "set DATABRICKS_EXECUTOR_CLIENT_ID and DATABRICKS_EXECUTOR_CLIENT_SECRET (or DATABRICKS_EXECUTOR_TOKEN) of databricks.run_as, and probe again",
        ),
      },
    ];
  const { view, output, cancel, repair } = seen;
  const own =
    "a recipe that matters names a principal of its own (run_as): no other workload's code is it then";
  return [
    {
      id: "executors view",
      ...ok(
        view === true
          ? "executors may see the run, its name and its parameters: no secret is in them"
          : `executors may not see the run (${view})`,
      ),
    },
    {
      id: "executors read output",
      ...ok(
        output === true
          ? "executors may read the output of the plane's runs: results are no secret among its workloads"
          : `executors may not read the output (${output})`,
      ),
    },
    {
      id: "executors cancel",
      ...(cancel === true
        ? warn("executed code may cancel other runs of the plane: it can make them fail", own)
        : ok(`executors may not cancel it (${cancel})`)),
    },
    {
      id: "executors repair",
      ...(repair === true
        ? warn(
            "executed code may repair other runs of the plane: with other parameters they end as unknown, never as a success",
            own,
          )
        : ok(`executors may not repair it (${repair})`)),
    },
    { id: "token", ...tokenFinding(seen) },
  ];
}

function tokenFinding({ token, tokenSaid }: ExecutorsSeen): Finding {
  switch (token) {
    case "their own run":
      return ok("the same token was another run for them: nobody can claim the functions' tokens");
    case "that run":
      return ok(
        "the same token led them to the functions' run: whoever knew one could claim it first, and would be refused as NOT_OURS. They are secret",
      );
    case "refused":
      return ok(`the same token was refused them (${tokenSaid})`);
  }
}

const leftFinding = (left: readonly string[]): Finding =>
  left.length === 0
    ? ok("nothing: files and runs of the probe are gone")
    : warn(
        `could not be taken away again: ${left.join(", ")}`,
        "remove it by hand, when it disturbs",
      );
