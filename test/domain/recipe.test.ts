// A recipe is the reviewed half of a ticket: what it may not say, and how it hears so.
import { expect, test } from "vitest";
import { faultsOf } from "../../shared/domain/body.ts";
import { isWithin, Recipe, WorkloadName } from "../../shared/domain/recipe.ts";
import { recipe } from "./examples.ts";

const { task, planner } = recipe;
const newCluster = { new_cluster: { num_workers: 1 } };

test.each<{ given: string; more: object; fault: string }>([
  {
    given: "an entry point in another folder",
    more: { planner: { ...planner, artifact: "../main.py" } },
    fault: "planner.artifact: must be a plain file name",
  },
  {
    given: "a further file in another folder",
    more: { planner: { ...planner, files: ["lib/helper.py"] } },
    fault: "planner.files.0: must be a plain file name",
  },
  {
    given: "a further file twice",
    more: { planner: { ...planner, files: ["a.py", "a.py"] } },
    fault: "planner.files: must name each file once, and not the artifact, which is there anyway",
  },
  {
    given: "its artifact among the further files",
    more: { planner: { ...planner, files: [planner.artifact] } },
    fault: "planner.files: must name each file once, and not the artifact, which is there anyway",
  },
  {
    given: "environment variables on serverless compute",
    more: { task: { ...task, env: { STAGE: "test" } } },
    fault:
      "task.env: environment variables need compute.new_cluster (spark_env_vars); elsewhere use parameters",
  },
  {
    given: "environment variables on a cluster that exists",
    more: { task: { ...task, compute: { existing_cluster_id: "c" }, env: { STAGE: "test" } } },
    fault:
      "task.env: environment variables need compute.new_cluster (spark_env_vars); elsewhere use parameters",
  },
  {
    given: "libraries on serverless compute",
    more: { task: { ...task, libraries: [{ pypi: { package: "numpy" } }] } },
    fault:
      "task.libraries: libraries are for classic compute; on serverless name them in compute.serverless.dependencies",
  },
  {
    given: "a schedule that is none",
    more: { schedule: "every monday" },
    fault: "schedule: must be rate(…) or cron(…)",
  },
  {
    given: "two kinds of compute",
    more: { task: { ...task, compute: { ...newCluster, existing_cluster_id: "c" } } },
    fault: 'task.compute: Unrecognized key: "new_cluster"',
  },
  { given: "a key that nobody knows", more: { retries: 3 }, fault: 'Unrecognized key: "retries"' },
  {
    given: "no iterations",
    more: { limits: { ...recipe.limits, iterations: 0 } },
    fault: "limits.iterations: Too small: expected number to be >=1",
  },
  {
    given: "a gate that asks for nothing known",
    more: { gate: [{ metric: "rmse", op: "~", value: 1 }] },
    fault: 'gate.0.op: Invalid option: expected one of "<="|"<"|">="|">"|"=="',
  },
])("a recipe with $given is refused: $fault", ({ more, fault }) => {
  const parsed = Recipe.safeParse({ ...recipe, ...more });
  expect(parsed.success ? "" : faultsOf(parsed.error)).toBe(fault);
});

test.each([
  {
    given: "environment variables of a new cluster",
    more: { task: { ...task, compute: newCluster, env: { A: "b" } } },
  },
  {
    given: "libraries of a cluster that exists",
    more: {
      task: { ...task, compute: { existing_cluster_id: "c" }, libraries: [{ whl: "/Volumes/x" }] },
    },
  },
  { given: "a schedule", more: { schedule: "cron(0 6 * * ? *)" } },
])("a recipe may have $given", ({ more }) => {
  expect(Recipe.safeParse({ ...recipe, ...more }).success).toBe(true);
});

test.each(["", "Weather", "-weather", "weather_model", "../x", "w".repeat(49)])(
  "`%s` is no name of a workload",
  (name) => {
    expect(WorkloadName.safeParse(name).success).toBe(false);
  },
);

const codebase = "/Volumes/main/ops/company_codebase";
test.each([
  { path: `${codebase}/a.py`, within: true },
  { path: `${codebase}/team/a.py`, within: true },
  { path: codebase, within: false },
  { path: `${codebase}/`, within: false },
  { path: `${codebase}_2/a.py`, within: false },
  { path: `${codebase}/../facts/a.py`, within: false },
  { path: `${codebase}/./a.py`, within: false },
  { path: `${codebase}//a.py`, within: false },
  { path: "a.py", within: false },
])("$path lies within the company codebase: $within", ({ path, within }) => {
  expect(isWithin(path, codebase)).toBe(within);
});
