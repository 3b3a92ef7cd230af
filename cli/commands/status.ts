// `signalbox status`: what happened to one run, from its facts. No warehouse wakes up.
import { isRefused, isStopped, type Outcome } from "../../shared/domain/facts.ts";
import { command, jsonOption, stageOption, stagesOption } from "../frame/command.ts";
import { agoOf, lengthOf } from "../frame/words.ts";
import { runIdArgument } from "../run/arguments.ts";
import { jobOf } from "../run/databricks-state.ts";
import { momentLines, wrapped } from "../run/moment-lines.ts";
import { type Progress, progressOfRun, progressSentence } from "../run/progress-of.ts";
import {
  type AttemptStory,
  lastChapter,
  type RunStory,
  readRun,
  scratchpadOf,
  stateOf,
} from "../run/read-run.ts";
import { timelineOf, toneOf } from "../run/timeline.ts";
import { openFacts, stageOf } from "../stage-context.ts";
import type { CommandOf, Io } from "../usage.ts";

export const status: CommandOf = (io) =>
  command("status", {
    summary: "what happened to a run, and where it stands: a timeline from its facts",
    examples: [
      ["status ORD-4711", "ticket, plans, submissions, verdicts, gate, outcome"],
      ["status ORD-4711 --json", "the same, with all that the facts say"],
    ],
    exits: "3 there is no such run.",
  })
    .addArgument(runIdArgument())
    .addOption(stageOption)
    .addOption(stagesOption)
    .addOption(jsonOption)
    .action(async (runId, options) => {
      const stage = stageOf(options, io);
      await using facts = await openFacts(stage, io);
      const story = await readRun(facts, runId);
      if (story === undefined) {
        if (options.json) io.printJson(null);
        io.complain(
          `there is no run ${runId} on ${stage.name}: its ticket has not been handled yet, was refused (signalbox dead-letters list --run ${runId}), or is forgotten after ${stage.limits.retention_days} days`,
        );
        return io.exit(3);
      }
      const job = await jobOf(facts.client, story);
      const progress = await progressOfRun(facts.client.files, story);
      if (options.json) io.printJson({ ...jsonOf(story, job), progress: progress ?? null }, 2);
      else printStory(story, job, progress, io);
    });

/** The state that Databricks shows now of the run's last attempt, while it is not decided. */
type Job = { readonly state: string; readonly url: string } | undefined;

function jsonOf(story: RunStory, job: Job) {
  const { run_id, ticket, chapters, damaged } = story;
  const { outcome } = lastChapter(story);
  return {
    run_id,
    state: stateOf(story),
    workload: ticket?.ticket.workload ?? null,
    parameters: ticket?.ticket.parameters ?? null,
    sent_by: ticket?.by ?? null,
    accepted_at: ticket?.accepted_at ?? null,
    outcome: outcome?.outcome ?? null,
    reason: outcome?.reason ?? null,
    metrics: outcome?.metrics ?? {},
    ended_at: outcome?.ended_at ?? null,
    databricks: job ?? null,
    chapters: chapters.map(({ chapter, retry, stop, outcome: ended }) => ({
      ...{ chapter, outcome: ended?.outcome ?? null },
      retried_by: retry?.by ?? null,
      stopped_by: stop?.by ?? null,
    })),
    attempts: story.attempts.map(attemptJson),
    timeline: timelineOf(story).map(({ tone: _tone, ...moment }) => moment),
    damaged,
  };
}

function attemptJson(attempt: AttemptStory) {
  const { iter_n, attempt: n, submission, decision } = attempt;
  const accepted = submission !== undefined && !isRefused(submission) ? submission : undefined;
  return {
    ...{ iter_n, attempt: n },
    verdict: decision?.verdict ?? null,
    metrics: decision?.result?.metrics ?? {},
    duration_seconds: decision?.result?.duration_seconds ?? null,
    databricks_run_id: accepted?.databricks_run_id ?? null,
    run_url: accepted?.run_url ?? null,
    deadline: accepted?.deadline ?? null,
    scratchpad: scratchpadOf(attempt) ?? null,
    artifacts: decision?.result?.produced_artifacts.map(({ path }) => path) ?? [],
    tables: decision?.result?.produced_tables ?? [],
  };
}

function printStory(story: RunStory, job: Job, progress: Progress | undefined, io: Io): void {
  printHead(story, io);
  io.print("");
  let day = "";
  for (const moment of timelineOf(story)) {
    if (moment.at.slice(0, 10) !== day) {
      day = moment.at.slice(0, 10);
      io.print([{ text: `${day} (UTC)`, tone: "dim" }]);
    }
    for (const line of momentLines(moment, io)) io.print(line);
  }
  for (const { path, fault } of story.damaged)
    io.print(["  ", { text: "damaged", tone: "bad" }, `  ${path}: ${fault}`]);
  if (job !== undefined) {
    io.print("");
    io.print(`Databricks says now: ${job.state}`);
  }
  if (progress !== undefined) io.print(`its code says: ${progressSentence(progress, Date.now())}`);
  printEnd(story, io);
}

function printHead(story: RunStory, io: Io): void {
  const state = stateOf(story);
  const { ticket } = story;
  io.print([
    { text: story.run_id, tone: "strong" },
    `  ${ticket?.ticket.workload ?? ""}  `,
    { text: state, tone: toneOf(state as Outcome) },
  ]);
  const { outcome } = lastChapter(story);
  if (outcome !== undefined) {
    for (const line of wrapped(outcome.reason, io)) io.print(line);
    const metrics = Object.entries(outcome.metrics);
    if (metrics.length > 0)
      io.print(`metrics: ${metrics.map(([name, value]) => `${name} ${value}`).join(", ")}`);
    if (ticket !== undefined)
      io.print(
        `took ${lengthOf((Date.parse(outcome.ended_at) - Date.parse(ticket.accepted_at)) / 1000)}, ended ${agoOf((Date.now() - Date.parse(outcome.ended_at)) / 1000)} ago`,
      );
  } else if (ticket !== undefined)
    io.print(`accepted ${agoOf((Date.now() - Date.parse(ticket.accepted_at)) / 1000)} ago`);
}

function printEnd(story: RunStory, io: Io): void {
  const last = story.attempts.at(-1);
  const submission = story.attempts.findLast(
    (each) => each.submission !== undefined && !isRefused(each.submission),
  )?.submission;
  const url = submission !== undefined && !isRefused(submission) ? submission.run_url : undefined;
  const facts = [
    ...(url === undefined ? [] : [`run     ${url}`]),
    ...(last?.manifest === undefined || isStopped(last.manifest)
      ? []
      : [`files   ${last.manifest.scratchpad}`, `logs    signalbox logs ${story.run_id}`]),
    ...(lastChapter(story).outcome === undefined
      ? [`follow  signalbox watch ${story.run_id}`]
      : []),
  ];
  if (facts.length > 0) io.print("");
  for (const fact of facts) io.print([{ text: fact.slice(0, 8), tone: "dim" }, fact.slice(8)]);
}
