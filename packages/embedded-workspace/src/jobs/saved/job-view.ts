// Saved jobs as clients see them.
import type { JobRecord } from "../../runs/model.ts";
import type { Task } from "../../runs/task-schema.ts";
import { pageOf } from "../shown/paging.ts";
import { elementsMax, taskBodyView } from "../shown/views.ts";

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

const taskView = (task: Task): Json => ({
  run_if: "ALL_SUCCESS",
  timeout_seconds: 0,
  email_notifications: {},
  ...taskBodyView(task),
});
