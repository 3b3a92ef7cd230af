import { expect, test } from "vitest";
import {
  factRef,
  judgedResultPath,
  manifestCopyPath,
  plannedFilePath,
  scratchpadFolder,
  sharedFilePath,
} from "../../shared/domain/facts.ts";
import { Ticket } from "../../shared/domain/messages.ts";
import { attemptName, attemptOfName, submitBodyOf } from "../../shared/domain/payload.ts";
import { isWithin, mayComeFromCodebase, Recipe } from "../../shared/domain/recipe.ts";
import { limitsWithin, sameTicket, scheduledTicketId } from "../../shared/domain/ticket.ts";
import { limits, manifest, recipe } from "./examples.ts";

const generation = "0123456789";

test("a ticket lowers limits, and raises none", () => {
  expect(limitsWithin(limits, { attempts: 1 })).toEqual({ ...limits, attempts: 1 });
  expect(limitsWithin(limits, {})).toEqual(limits);
  expect(() => limitsWithin(limits, { timeout_seconds: 601 })).toThrow(
    "limits.timeout_seconds is 601, but the recipe allows at most 600: lower it, or change the recipe",
  );
});

test("a retry may raise what the ticket lowered, within the recipe", () => {
  const lowered = { ...limits, iterations: 1 };
  expect(limitsWithin(limits, { iterations: 3 }, lowered)).toEqual(limits);
  expect(limitsWithin(limits, { attempts: 1 }, lowered)).toEqual({ ...lowered, attempts: 1 });
  expect(() => limitsWithin(limits, { iterations: 4 }, lowered)).toThrow(/at most 3/);
});

test("a ticket is the same whatever the order of its keys, and however often it has waited", () => {
  const a = Ticket.parse({
    ticket_id: "a",
    workload: "w",
    parameters: { x: 1, y: { b: [1, 2], c: null } },
  });
  const b = Ticket.parse({
    workload: "w",
    parameters: { y: { c: null, b: [1, 2] }, x: 1 },
    ticket_id: "a",
    tries: 7,
  });
  expect(sameTicket(a, b)).toBe(true);
  expect(sameTicket(a, { ...b, parameters: { x: 1, y: { b: [2, 1], c: null } } })).toBe(false);
  expect(sameTicket(a, { ...b, parameters: { x: 1 } })).toBe(false);
  for (const other of [
    { workload: "v" },
    { mode: "DEV" },
    { limits: { attempts: 1 } },
    { artifact: { inline: "print(1)" } },
  ])
    expect(sameTicket(a, Ticket.parse({ ...b, ...other }))).toBe(false);
  const asObject = { x: 1, y: { b: { 0: 1, 1: 2 }, c: null } };
  expect(sameTicket(a, { ...b, parameters: asObject })).toBe(false);
});

test("the id of a scheduled ticket carries its time, so that a double tick is one run", () => {
  expect(scheduledTicketId("nightly-report", "2026-11-21T06:00:00Z")).toBe(
    "nightly-report-20261121T0600Z",
  );
});

test.each([
  { path: "/Volumes/main/ops/company_codebase/report.py", expected: true },
  { path: "/Volumes/main/ops/company_codebase/a/b.py", expected: true },
  { path: "/Volumes/main/ops/company_codebase", expected: false },
  { path: "/Volumes/main/ops/company_codebase2/report.py", expected: false },
  { path: "/Volumes/main/ops/company_codebase/../facts/x.py", expected: false },
  { path: "/Volumes/main/ops/company_codebase/./x.py", expected: false },
  { path: "/Volumes/main/ops/company_codebase//x.py", expected: false },
  { path: "company_codebase/x.py", expected: false },
])("$path is reviewed code: $expected", ({ path, expected }) => {
  expect(isWithin(path, "/Volumes/main/ops/company_codebase")).toBe(expected);
});

test.each([
  { folders: [], expected: false },
  { folders: ["."], expected: true },
  { folders: ["reports"], expected: true },
  { folders: ["reports/daily"], expected: false },
  { folders: ["report"], expected: false },
  { folders: ["admin", "reports"], expected: true },
])("reports/a.py may be a ticket's code where the recipe opens $folders: $expected", (row) => {
  const codebase = "/Volumes/main/ops/company_codebase";
  expect(mayComeFromCodebase(`${codebase}/reports/a.py`, codebase, row.folders)).toBe(row.expected);
});

test.each(["/reports", "../facts", "a/../b", "a//b", "a/", "", ".."])(
  "a recipe cannot open %j to tickets",
  (folder) => {
    const planner = { ...recipe.planner, codebase: [folder] };
    expect(Recipe.safeParse({ ...recipe, planner }).success).toBe(false);
  },
);

test("facts lie where their identity says, in an order that tells the story", () => {
  const key = { run_id: "ORD-1", chapter: 2, iter_n: 3, attempt: 12 };
  // What is the controllers' alone needs no generation: retention deletes it before an id begins
  // anew.
  expect([
    factRef.plane().path,
    factRef.ticket("ORD-1").path,
    factRef.manifest(key).path,
    factRef.submission(key).path,
    factRef.decision(key).path,
    factRef.stop(key).path,
    factRef.outcome(key).path,
    factRef.retry(key).path,
    plannedFilePath("ORD-1", "ab", "main.py"),
    sharedFilePath("ab", "main.py"),
    scratchpadFolder(key),
    manifestCopyPath({ ...key, generation }),
    judgedResultPath({ ...key, generation }, "cd"),
    scratchpadFolder({ ...key, generation }),
  ]).toEqual([
    "plane.json",
    "run_ORD-1/ticket.json",
    "run_ORD-1/iter_003.attempt_012.manifest.json",
    "run_ORD-1/iter_003.attempt_012.submission.json",
    "run_ORD-1/iter_003.attempt_012.decision.json",
    "run_ORD-1/stop_2.json",
    "run_ORD-1/outcome_2.json",
    "run_ORD-1/retry_2.json",
    "run_ORD-1/files/ab/main.py",
    "files/ab/main.py",
    "run_ORD-1/iter_003/attempt_012",
    "run_ORD-1/0123456789/iter_003.attempt_012.manifest.json",
    "run_ORD-1/0123456789/iter_003.attempt_012.result.cd.json",
    "run_ORD-1/0123456789/iter_003/attempt_012",
  ]);
});

test("a name carries plane, run, generation and attempt, and is no prefix of another's", () => {
  const key = { run_id: "a", generation: undefined, iter_n: 1, attempt: 1 };
  const ours = { ...key, generation };
  expect(attemptName("p", key)).toBe("signalbox/p/a/1.1 ");
  expect(attemptName("p", ours)).toBe("signalbox/p/a/0123456789/1.1 ");
  expect(attemptOfName("p", `${attemptName("p", ours)}00-trace`)).toEqual(ours);
  expect(attemptName("p", { ...key, attempt: 11 }).startsWith(attemptName("p", key))).toBe(false);
  expect(attemptOfName("p", `${attemptName("p", key)}00-trace`)).toEqual(key);
  const late = { ...key, iter_n: 12, attempt: 110 };
  expect(attemptOfName("p", `${attemptName("p", late)}00-trace`)).toEqual(late);
  for (const name of [
    "signalbox/q/a/1.1 t",
    "signalbox/p/a/1.1",
    "signalbox/p/a/0.1 t",
    "signalbox/p/../1.1 t",
    "nightly",
  ])
    expect(attemptOfName("p", name)).toBeUndefined();
});

const plan = {
  recipe,
  manifest,
  manifestPath: "/Volumes/m.json",
  executorPath: "/Volumes/run.py",
  runAs: undefined,
};
const withCompute = (task: Partial<Recipe["task"]>) => ({
  ...plan,
  recipe: { ...recipe, task: { ...recipe.task, ...task } },
});

test("what is submitted: one task, no retries of Databricks' own, a timeout, a queue", () => {
  expect(submitBodyOf(plan)).toEqual({
    tasks: [
      {
        task_key: "main",
        spark_python_task: {
          python_file: "/Volumes/run.py",
          parameters: ["/Volumes/m.json", "{{job.id}}", "{{job.run_id}}", "{{task.run_id}}"],
        },
        max_retries: 0,
        disable_auto_optimization: true,
        timeout_seconds: 600,
        environment_key: "default",
      },
    ],
    environments: [
      { environment_key: "default", spec: { environment_version: "4", dependencies: [] } },
    ],
    timeout_seconds: 600,
    queue: { enabled: true },
  });
});

test("secrets travel by their address, and a cluster of the attempt's own resolves them itself", () => {
  const secrets = [
    { scope: "s", key: "a", env: "A", required: true },
    { scope: "s", key: "b", env: "B", required: false },
    { scope: "s", key: "c", required: true },
  ];
  const on = (compute: Recipe["task"]["compute"]) => {
    const { recipe: with_, ...rest } = withCompute({ compute });
    return submitBodyOf({ ...rest, recipe: { ...with_, secrets } });
  };
  expect(on({ new_cluster: { num_workers: 1 } })).toMatchObject({
    tasks: [{ new_cluster: { spark_env_vars: { A: "{{secrets/s/a}}" } } }],
  });
  // What may be missing would keep a cluster from starting; elsewhere the executor reads all.
  expect(JSON.stringify(on({ new_cluster: { num_workers: 1 } }))).not.toContain("secrets/s/b");
  expect(JSON.stringify(on({ existing_cluster_id: "1-2" }))).not.toContain("secrets");
});

test("a recipe's principal outranks the stage's", () => {
  expect(submitBodyOf({ ...plan, runAs: "stage" })).toMatchObject({
    run_as: { service_principal_name: "stage" },
  });
  expect(
    submitBodyOf({ ...plan, runAs: "stage", recipe: { ...recipe, run_as: "own" } }),
  ).toMatchObject({ run_as: { service_principal_name: "own" } });
  expect(submitBodyOf(plan)).not.toHaveProperty("run_as");
});

test("classic compute: libraries go along, environment variables join the cluster's own", () => {
  const libraries = [{ pypi: { package: "x" } }];
  expect(
    submitBodyOf(withCompute({ compute: { existing_cluster_id: "1-2" }, libraries })),
  ).toMatchObject({ tasks: [{ existing_cluster_id: "1-2", libraries }] });
  const cluster = { num_workers: 1, spark_env_vars: { A: "1", B: "1" } };
  expect(
    submitBodyOf(withCompute({ compute: { new_cluster: cluster }, env: { B: "2" } })),
  ).toMatchObject({
    tasks: [{ new_cluster: { num_workers: 1, spark_env_vars: { A: "1", B: "2" } } }],
  });
  expect(submitBodyOf(withCompute({ compute: { new_cluster: { num_workers: 1 } } }))).toMatchObject(
    { tasks: [{ new_cluster: { num_workers: 1 } }] },
  );
  expect(
    submitBodyOf(
      withCompute({ compute: { new_cluster: { spark_env_vars: null } }, env: { A: "1" } }),
    ),
  ).toMatchObject({ tasks: [{ new_cluster: { spark_env_vars: { A: "1" } } }] });
  expect(submitBodyOf(withCompute({ compute: { existing_cluster_id: "1" } }))).not.toHaveProperty(
    "environments",
  );
});

test.each([
  {
    given: "environment variables on serverless",
    task: { env: { A: "1" } },
    expected: /environment variables need compute.new_cluster/,
  },
  {
    given: "libraries on serverless",
    task: { libraries: [{}] },
    expected: /libraries are for classic compute/,
  },
  {
    given: "two computes",
    task: { compute: { serverless: { environment_version: "4" }, existing_cluster_id: "1" } },
    expected: /compute/,
  },
])("a recipe with $given is refused", ({ task, expected }) => {
  const { success, error } = Recipe.safeParse({ ...recipe, task: { ...recipe.task, ...task } });
  expect([success, error?.message]).toEqual([false, expect.stringMatching(expected)]);
});
