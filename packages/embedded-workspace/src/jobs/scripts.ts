// Scripted attempts: runs that pass through states without Python, and end as a test wants.
// `POST $DATABRICKS_WORKSPACE_ADMIN/scripts`; the newest script that matches is played.
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { like } from "../patterns.ts";
import { success } from "../runs/endings.ts";
import type { Ending, RunRecord, ScriptedAttempt } from "../runs/model.ts";

const Pattern = z.string().min(1);

/** How an attempt ends. Any text is taken: unknown states are what some tests are about. */
export const EndingWish = z.strictObject({
  life_cycle_state: z.string().optional(),
  result_state: z.string().nullable().optional(),
  termination_code: z.string().optional(),
  termination_type: z.string().optional(),
  message: z.string().optional(),
});
export type EndingWish = z.infer<typeof EndingWish>;

export const Script = z.strictObject({
  /** Names with `*` for any text; what is left out matches everything. */
  match: z.strictObject({ run_name: Pattern.optional(), task_key: Pattern.optional() }).default({}),
  /** In workspace seconds. None: the attempt is over as soon as it starts. */
  states: z
    .array(z.strictObject({ state: z.string().min(1), seconds: z.number().min(0) }))
    .default([]),
  result: EndingWish.default({}),
  error: z.string().optional(),
  error_trace: z.string().optional(),
  logs: z.string().optional(),
  notebook_result: z.string().optional(),
  /** The run ends as scripted although it was cancelled: the cancel came too late. */
  ignores_cancel: z.boolean().default(false),
  /** Only attempts with these numbers (0, 1, …). */
  attempts: z.array(z.int().min(0)).optional(),
  /** How many attempts it serves before it is spent. */
  times: z.int().min(1).optional(),
});
export type Script = z.infer<typeof Script>;

export type Scripts = {
  readonly add: (script: Script) => string;
  readonly list: () => readonly { readonly id: string; readonly script: Script }[];
  /** One, or all of them. */
  readonly remove: (id?: string) => void;
  readonly scriptFor: (
    run: RunRecord,
    taskKey: string,
    attempt: number,
  ) => ScriptedAttempt | undefined;
};

export function createScripts(): Scripts {
  const held = new Map<string, { readonly script: Script; left: number }>();
  return {
    add: (script) => {
      const id = randomUUID();
      held.set(id, { script, left: script.times ?? Number.POSITIVE_INFINITY });
      return id;
    },
    list: () => [...held].map(([id, { script }]) => ({ id, script })),
    remove: (id) => {
      if (id === undefined) held.clear();
      else held.delete(id);
    },
    scriptFor: (run, taskKey, attempt) => {
      const found = [...held.values()]
        .reverse()
        .find(({ script, left }) => left > 0 && matches(script, run.name, taskKey, attempt));
      if (found === undefined) return undefined;
      found.left -= 1;
      return scripted(found.script);
    },
  };
}

/** The ending that was wished for; what is left out is that of a success, or of a plain failure. */
export function endingOf(wish: EndingWish): Ending {
  const usual = wish.life_cycle_state === "INTERNAL_ERROR" ? "FAILED" : "SUCCESS";
  const resultState = wish.result_state === undefined ? usual : (wish.result_state ?? undefined);
  const well = resultState === "SUCCESS";
  return {
    lifeCycleState: wish.life_cycle_state ?? "TERMINATED",
    ...(resultState !== undefined && { resultState }),
    code: wish.termination_code ?? (well ? success.code : "RUN_EXECUTION_ERROR"),
    type: wish.termination_type ?? (well ? success.type : "CLIENT_ERROR"),
    message: wish.message ?? (well ? "" : "Workload failed, see run output for details."),
  };
}

function matches(script: Script, runName: string, taskKey: string, attempt: number): boolean {
  const { run_name, task_key } = script.match;
  if (run_name !== undefined && !like(run_name, runName)) return false;
  if (task_key !== undefined && !like(task_key, taskKey)) return false;
  return script.attempts === undefined || script.attempts.includes(attempt);
}

function scripted(script: Script): ScriptedAttempt {
  return {
    states: script.states,
    ending: endingOf(script.result),
    ignoresCancel: script.ignores_cancel,
    ...(script.logs !== undefined && { logs: script.logs }),
    output: {
      ...(script.error !== undefined && { error: script.error }),
      ...(script.error_trace !== undefined && { errorTrace: script.error_trace }),
      ...(script.notebook_result !== undefined && { notebookResult: script.notebook_result }),
    },
  };
}
