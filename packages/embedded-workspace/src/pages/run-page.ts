// A run as people look at it: what the Jobs API says of it, on a page.
import type { WorkspaceContext } from "../context.ts";
import { outputView } from "../jobs/shown/output.ts";
import { shownOfAttempt, shownOfRun } from "../jobs/shown/states.ts";
import type { ApiReply } from "../route.ts";
import { type Attempt, isOver, type RunRecord } from "../runs/model.ts";
import { Html, html, page } from "./html.ts";

const runsMax = 200;

/** Newest first. */
export function runsPage(context: WorkspaceContext, runs: readonly RunRecord[]): ApiReply {
  const rows = runs
    .toSorted((a, b) => b.createdMs - a.createdMs)
    .slice(0, runsMax)
    .map((run) => {
      const { resultState, lifeCycleState } = shownOfRun(context, run);
      return html`<tr><td>${link(run, run.runId, run.name)}</td><td>${resultState ?? lifeCycleState}</td><td>${timeOf(run.createdMs)}</td></tr>\n`;
    });
  const none = runs.length === 0 ? html`<p>There are no runs that you may see.</p>` : undefined;
  return page(
    "Runs",
    html`<h1>Runs</h1><table><tr><th>Run</th><th>State</th><th>Submitted</th></tr>${rows}</table>${none}`,
  );
}

/** A whole run, or one attempt of a task of it. */
export function runPage(context: WorkspaceContext, run: RunRecord, only?: Attempt): ApiReply {
  const shown = only === undefined ? shownOfRun(context, run) : shownOfAttempt(context, only);
  const attempts = only === undefined ? run.attempts : [only];
  const name = only === undefined ? run.name : `${run.name}: ${only.taskKey}`;
  const parameters = run.parameters.map(({ name: key, value }) => fact(key, value));
  const over = run.ending !== undefined;
  const body = html`<h1>${name}</h1>
<dl>${fact("State", shown.resultState ?? shown.lifeCycleState)}${fact("Message", shown.message)}
${fact("Run", only === undefined ? run.runId : only.runId)}${fact("Job", run.jobId)}
${fact("Created by", run.creator)}${fact("Runs as", run.runAs)}
${fact("Submitted", timeOf(run.createdMs))}${fact("Ended", timeOf(run.endedMs))}${parameters}</dl>
${only === undefined ? undefined : html`<p>${link(run, run.runId, "The whole run")}</p>`}
${attempts.map((attempt) => attemptPart(context, run, attempt))}`;
  return page(name, body, !over);
}

function attemptPart(context: WorkspaceContext, run: RunRecord, attempt: Attempt): Html {
  const { resultState, lifeCycleState, message } = shownOfAttempt(context, attempt);
  const again = attempt.attempt === 0 ? undefined : html` (attempt ${attempt.attempt + 1})`;
  const state = resultState ?? lifeCycleState;
  return html`<h2>${link(run, attempt.runId, attempt.taskKey)}${again}: ${state}</h2>
<dl>${fact("Message", message)}${fact("Started", timeOf(attempt.startedMs))}${fact("Ended", timeOf(attempt.endedMs))}</dl>
${isOver(attempt) ? outputPart(context, run, attempt) : undefined}${iterationLinks(run, attempt)}`;
}

function outputPart(context: WorkspaceContext, run: RunRecord, attempt: Attempt): Html {
  const { error_trace, error, logs, notebook_output } = outputView(context, run, attempt);
  const result = textIn(notebook_output, "result");
  return html`${block("Error", text(error_trace) ?? text(error))}${block("Result", result)}${block("Log", text(logs))}`;
}

const iterationLinks = (run: RunRecord, { loop }: Attempt): Html[] =>
  (loop?.runIds ?? []).map((runId, at) => html`<p>${link(run, runId, `Iteration ${at + 1}`)}</p>`);

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const textIn = (value: unknown, name: string): string | undefined =>
  typeof value === "object" && value !== null
    ? text((value as Readonly<Record<string, unknown>>)[name])
    : undefined;

const block = (title: string, content: string | undefined): Html =>
  content === undefined ? new Html("") : html`<h3>${title}</h3><pre>${content}</pre>`;

const fact = (name: string, value: string): Html =>
  value === "" ? new Html("") : html`<dt>${name}</dt><dd>${value}</dd>`;

const link = ({ jobId }: RunRecord, runId: string, shown: string): Html =>
  html`<a href="/jobs/${jobId}/runs/${runId}">${shown}</a>`;

const timeOf = (ms: number): string => (ms === 0 ? "" : new Date(ms).toISOString());
