// Saved jobs as clients see them.
import type { JobRecord } from "./model.ts";
import { pageOf } from "./paging.ts";
import type { Task } from "./task-schema.ts";
import { elementsMax } from "./views.ts";

type Json = Record<string, unknown>;

/** The answer of jobs/get: arrays in pages of 100. */
export function jobView(job: JobRecord, pageToken: string | undefined): Json {
  const { settings } = job;
  const page = <T>(elements: readonly T[] | undefined) =>
    pageOf(elements ?? [], pageToken, elementsMax);
  const tasks = page(settings.tasks);
  const clusters = page(settings.job_clusters);
  const parameters = page(settings.parameters);
  const environments = page(settings.environments);
  const next = tasks.next ?? clusters.next ?? parameters.next ?? environments.next;
  return {
    ...jobHead(job),
    settings: {
      ...settings,
      ...(settings.tasks !== undefined && { tasks: tasks.page.map(taskView) }),
      ...(settings.job_clusters !== undefined && { job_clusters: clusters.page }),
      ...(settings.parameters !== undefined && { parameters: parameters.page }),
      ...(settings.environments !== undefined && { environments: environments.page }),
    },
    ...(next !== undefined && { has_more: true, next_page_token: next }),
  };
}

/** An entry of jobs/list: without the long arrays, unless they are asked for. */
export function jobEntry(job: JobRecord, expand: boolean): Json {
  if (expand) {
    const { next_page_token: _, ...view } = jobView(job, undefined);
    return view;
  }
  const { tasks: _, job_clusters: __, environments: ___, parameters: ____, ...rest } = job.settings;
  return { ...jobHead(job), settings: rest };
}

const jobHead = (job: JobRecord): Json => ({
  job_id: BigInt(job.jobId),
  creator_user_name: job.creator,
  run_as_user_name: job.runAs,
  created_time: job.createdMs,
});

function taskView(task: Task): Json {
  const runJob = task.run_job_task;
  return {
    run_if: "ALL_SUCCESS",
    timeout_seconds: 0,
    email_notifications: {},
    ...task,
    ...(runJob !== undefined && { run_job_task: { ...runJob, job_id: BigInt(runJob.job_id) } }),
  };
}
