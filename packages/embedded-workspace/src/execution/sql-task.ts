// Tasks that a warehouse executes: the statements of a SQL file, and the cells of a SQL notebook.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { WorkspaceContext } from "../context.ts";
import { ApiError, type Principal } from "../route.ts";
import { misconfigured, success, workloadFailed } from "../runs/endings.ts";
import type { Execution, Outcome, RunRecord } from "../runs/model.ts";
import { UnresolvedReferenceError } from "../runs/references.ts";
import type { Task } from "../runs/task-schema.ts";
import type { SqlParameter, SqlResult, SqlSession } from "../sql/engine.ts";
import { SqlError, sqlErrorOf } from "../sql/errors.ts";
import { startExecution, timeLimitMs } from "../sql/execution.ts";
import { sqlOf } from "../sql/open.ts";
import { tokenize } from "../sql/parse/tokens.ts";
import { notebookAt } from "./notebook-place.ts";
import { resolvedTask } from "./resolved-task.ts";
import { sqlCellsOf } from "./sql-cells.ts";
import { TaskSpecError } from "./task-spec-error.ts";

/** Whether a warehouse executes it. */
export const isForWarehouse = ({ sql_task, notebook_task }: Task): boolean =>
  sql_task !== undefined || notebook_task?.warehouse_id !== undefined;

/** Never rejects for what the statements do. */
export async function executeOnWarehouse(
  context: WorkspaceContext,
  execution: Execution,
): Promise<Outcome> {
  try {
    const { task, run, principal } = resolvedTask(context, execution);
    const script = scriptOf(context, run, task, principal);
    if (script.warehouseId !== context.warehouseId)
      throw new TaskSpecError(`SQL warehouse ${script.warehouseId} does not exist.`, {
        code: "RESOURCE_NOT_FOUND",
      });
    execution.onRunning({ resolved: { sql_task: { parameters: script.parameters } } });
    return await executed(context, principal, script, execution.signal);
  } catch (error) {
    return refused(error);
  }
}

type Script = {
  readonly warehouseId: string;
  readonly statements: readonly string[];
  readonly parameters: Readonly<Record<string, string>>;
  readonly text: string;
};

/** @throws TaskSpecError */
function scriptOf(
  context: WorkspaceContext,
  run: RunRecord,
  task: Task,
  principal: Principal,
): Script {
  const ofJob = Object.fromEntries(run.parameters.map(({ name, value }) => [name, value]));
  const { sql_task: sql, notebook_task: notebook } = task;
  if (notebook?.warehouse_id !== undefined) {
    const place = notebookAt(context, notebook.notebook_path);
    if (place.language !== "SQL")
      throw new TaskSpecError(
        `The notebook "${notebook.notebook_path}" is in ${place.language}: a warehouse executes SQL notebooks.`,
      );
    const text = contentOf(context, place.file, principal);
    const parameters = {
      ...notebook.base_parameters,
      ...ofJob,
      ...run.taskParameters.notebookParams,
    };
    const statements = sqlCellsOf(text).flatMap(statementsOf);
    return { warehouseId: notebook.warehouse_id, statements, parameters, text };
  }
  const text = contentOf(context, sql?.file?.path ?? "", principal);
  return {
    warehouseId: sql?.warehouse_id ?? "",
    statements: statementsOf(text),
    parameters: { ...sql?.parameters, ...ofJob, ...run.taskParameters.sqlParams },
    text,
  };
}

/** A file of the workspace or of a volume. @throws TaskSpecError */
function contentOf(context: WorkspaceContext, path: string, principal: Principal): string {
  try {
    if (path.startsWith("/Volumes/"))
      return readFileSync(context.volumes.resolve(path, principal, "READ VOLUME").realPath, "utf8");
    const object = context.workspaceFiles.resolve(path);
    if (object !== undefined && object.objectType !== "DIRECTORY")
      return readFileSync(object.realPath, "utf8");
  } catch (error) {
    if (!(error instanceof ApiError) && !isMissing(error)) throw error;
  }
  throw new TaskSpecError(`Cannot read the SQL file ${path}: it does not exist.`, {
    code: "RESOURCE_NOT_FOUND",
  });
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENOENT", "EISDIR"].includes(String(error.code));

/** Between semicolons; those in quotes and comments do not count. @throws SqlError */
function statementsOf(text: string): string[] {
  const ends = tokenize(text).filter(({ kind, text: sign }) => kind === "operator" && sign === ";");
  const cuts = [-1, ...ends.map(({ from }) => from), text.length];
  const parts = cuts.slice(1).map((to, at) => text.slice((cuts[at] ?? 0) + 1, to));
  return parts.filter((part) => tokenize(part).some(({ kind }) => kind !== "end"));
}

async function executed(
  context: WorkspaceContext,
  principal: Principal,
  script: Script,
  signal: AbortSignal,
): Promise<Outcome> {
  const engine = await sqlOf(context)();
  const session = await engine.openSession({ principal });
  const parameters = Object.entries(script.parameters).map(([name, value]) => ({ name, value }));
  const keys: string[] = [];
  let rows: NonNullable<Outcome["output"]["sqlRows"]> = [];
  try {
    for (const statement of script.statements) {
      keys.push(randomUUID());
      const result = await resultOf(context, session, statement, parameters, signal);
      if (result.columns.length > 0) rows = await rowsOf(result);
    }
  } finally {
    await session.close();
  }
  const { warehouseId, text } = script;
  return {
    ending: success,
    output: { sqlRows: rows, sqlQuery: { warehouseId, text, statementKeys: keys } },
  };
}

async function resultOf(
  context: WorkspaceContext,
  session: SqlSession,
  statement: string,
  parameters: readonly SqlParameter[],
  signal: AbortSignal,
): Promise<SqlResult> {
  const limitMs = timeLimitMs(context.settings);
  const running = startExecution(session, statement, parameters, limitMs);
  if (signal.aborted) running.cancel();
  signal.addEventListener("abort", running.cancel, { once: true });
  await running.wait(limitMs + 1000);
  signal.removeEventListener("abort", running.cancel);
  const result = running.result();
  if (result === undefined) throw running.error() ?? new Error("a statement without an end");
  return result;
}

const rowsMax = 1000;
/** The values that a reference can hand on. */
const rowsBytesMax = 48 * 1024;

async function rowsOf({ columns, read }: SqlResult) {
  const kept: Record<string, unknown>[] = [];
  let bytes = 2;
  for (const cells of await read(0, rowsMax)) {
    const row = Object.fromEntries(columns.map(({ name }, at) => [name, cells[at] ?? null]));
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes > rowsBytesMax) break;
    kept.push(row);
  }
  return kept;
}

function refused(error: unknown): Outcome {
  if (error instanceof TaskSpecError)
    return {
      ending: misconfigured(error.code, error.message),
      output: { error: error.message },
    };
  if (error instanceof UnresolvedReferenceError || error instanceof ApiError)
    return {
      ending: misconfigured("INVALID_RUN_CONFIGURATION", error.message),
      output: { error: error.message },
    };
  const failure = error instanceof SqlError ? error : sqlErrorOf(error);
  return { ending: workloadFailed, output: { error: failure.message } };
}
