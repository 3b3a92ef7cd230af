// A recipe is the reviewed half of a ticket: what it may not say, and how it hears so.
import { expect, test } from "vitest";
import { faultsOf } from "../../shared/domain/body.ts";
import { TicketFact } from "../../shared/domain/facts.ts";
import { AcceptedRecipe, isWithin, Recipe, WorkloadName } from "../../shared/domain/recipe.ts";
import { recipe } from "./examples.ts";

const { task, planner } = recipe;
const newCluster = { new_cluster: { num_workers: 1 } };

test.each<{ given: string; more: object; fault: string }>([
  {
    given: "an entry point in another folder",
    more: { planner: { ...planner, artifact: "../main.py" } },
    fault: "planner.artifact: must be a plain file name, or a path below the workload's folder",
  },
  {
    given: "a further file in another folder",
    more: { planner: { ...planner, files: ["lib/../../helper.py"] } },
    fault: "planner.files.0: must be a plain file name, or a path below the workload's folder",
  },
  {
    given: "a further file twice",
    more: { planner: { ...planner, files: ["a.py", "a.py"] } },
    fault: "planner.files: must name each file once, and not the artifact, which is there anyway",
  },
  {
    given: "a command for a module",
    more: { planner: { ...planner, run: "weather report --all" } },
    fault:
      "planner.run: must be a module such as package.module, or a function of it, package.module:main",
  },
  {
    given: "a module of its own where tickets may bring code",
    more: { planner: { ...planner, run: "weather.cli", inline: true } },
    fault:
      "planner.run: names code of this folder, so no ticket may bring its own (inline, codebase)",
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
    given: "a secret in a variable that Python obeys",
    more: { secrets: [{ scope: "s", key: "k", env: "PYTHONPATH" }] },
    fault: "secrets.0.env: must not be a variable that Python, the shell or the executor obeys",
  },
  {
    given: "a secret twice",
    more: {
      secrets: [
        { scope: "s", key: "k" },
        { scope: "t", key: "k" },
      ],
    },
    fault: "secrets: must name each key once: code asks for a secret by its key",
  },
  {
    given: "a secret's value for its key",
    more: { secrets: [{ scope: "s", key: "a b/c" }] },
    fault: "secrets.0.key: must be a secret's key: letters, digits, - _ ., at most 128",
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
    fault: 'schedule: "every monday" is no schedule: write rate(5 minutes) or cron(0 6 * * ? *)',
  },
  {
    given: "the five fields of a crontab",
    more: { schedule: "cron(0 6 * * *)" },
    fault:
      'schedule: "cron(0 6 * * *)" is no schedule: cron has six fields (minutes hours day-of-month month day-of-week year), not 5',
  },
  {
    given: "a unit of the wrong number",
    more: { schedule: "rate(1 minutes)" },
    fault: 'schedule: "rate(1 minutes)" is no schedule: write 1 minute',
  },
  {
    given: "a principal's name for its id",
    more: { run_as: "executors" },
    fault:
      "run_as: must be a UUID such as 3f1c9c0e-0000-4000-8000-000000000000, the application id from the service principal's page",
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

test("a principal's id is the same in capital letters", () => {
  const run_as = "ABCDEF00-0000-4000-8000-00000000000A";
  expect(Recipe.parse({ ...recipe, run_as }).run_as).toBe(run_as.toLowerCase());
});

test("a recipe that was accepted before is not judged by the rules of today", () => {
  const old = { ...Recipe.parse(recipe), run_as: "executors", schedule: "cron(0 6 * * *)" };
  expect(AcceptedRecipe.parse(old)).toEqual(old);
  expect(TicketFact.shape.recipe).toBe(AcceptedRecipe);
});

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
