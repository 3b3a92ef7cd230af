// Checks whether the controllers may submit runs as the executors: it tries if we are the
// controllers, and otherwise looks it up.
import * as z from "zod";
import { executorPath, executorSources } from "../../infra/executor.ts";
import { volumePathsOf } from "../../infra/names.ts";
import type { Stage } from "../../infra/stage.ts";
import { ask, askForJson } from "../ask.ts";
import { mayUse, rolesOn } from "../principal-roles.ts";
import type { WorkspaceClient } from "../workspace-client.ts";
import type { WorkspaceCheckOptions } from "./check.ts";
import { type Finding, fail, ok, skipped, warn } from "./check.ts";

export async function runsAs(options: WorkspaceCheckOptions, executor: string): Promise<Finding> {
  const { client_id } = options.stage.databricks;
  if (executor === client_id) return ok("runs are the controllers' own");
  return options.asControllers ? await tried(options, executor) : await lookedUp(options, executor);
}

const remedyFor = ({ name, databricks }: Stage, executor: string): string =>
  `npx signalbox bootstrap --stage ${name} as an account administrator, or: Service principals → ${executor} → Permissions → Service Principal: User for ${databricks.client_id}`;

/**
 * Databricks asks for the role when a job is made that runs as another principal. Nothing runs, and
 * the job is removed at once.
 */
async function tried({ stage, client }: WorkspaceCheckOptions, executor: string): Promise<Finding> {
  const name = `${stage.stack}-doctor`;
  const asked = await ask(client.http, {
    method: "POST",
    path: "/api/2.2/jobs/create",
    json: JSON.stringify(jobOf(stage, name, executor)),
    rate: "get",
  });
  await removeJobs(client, name);
  return asked.kind === "ok"
    ? ok(`the controllers may submit runs as ${executor}`)
    : fail(
        `the controllers may not submit runs as ${executor}: ${asked.error.message}`,
        remedyFor(stage, executor),
      );
}

const jobOf = (stage: Stage, name: string, executor: string) => ({
  name,
  run_as: { service_principal_name: executor },
  tasks: [
    {
      task_key: "main",
      environment_key: "default",
      spark_python_task: {
        python_file: executorPath(volumePathsOf(stage.databricks).codebase, executorSources()),
      },
    },
  ],
  environments: [{ environment_key: "default", spec: { environment_version: "4" } }],
});

const Jobs = z.object({
  jobs: z.array(z.object({ job_id: z.union([z.number(), z.string()]) })).default([]),
});

/** By name: a call whose answer was lost is sent again, and may have made two. */
async function removeJobs({ http }: WorkspaceClient, name: string): Promise<void> {
  const path = "/api/2.2/jobs/list";
  const listed = await askForJson(http, { method: "GET", path, query: { name }, rate: "list" });
  for (const { job_id } of Jobs.parse(listed).jobs)
    await askForJson(http, {
      method: "POST",
      path: "/api/2.2/jobs/delete",
      json: `{"job_id":${job_id}}`,
      rate: "get",
    });
}

async function lookedUp(
  { stage, client }: WorkspaceCheckOptions,
  executor: string,
): Promise<Finding> {
  const roles = await rolesOn(client.http, executor);
  if (roles.kind === "refused")
    return skipped(
      `who may submit runs as ${executor} is shown to its managers alone (${roles.why})`,
      "look as an account administrator, or as the functions (unset DATABRICKS_TOKEN and DATABRICKS_CLIENT_SECRET)",
    );
  const { client_id } = stage.databricks;
  return mayUse(roles.ruleSet, client_id)
    ? ok(`the controllers may submit runs as ${executor}`)
    : warn(
        `no rule lets the controllers (${client_id}) submit runs as ${executor}, unless a group does`,
        remedyFor(stage, executor),
      );
}
