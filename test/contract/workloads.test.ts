// Recipes as people write them, and what is said where one is wrong.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWorkloads } from "../../shared/adapters/workloads.ts";

const RECIPE = `
v: 1
planner:
  kind: artifact
  artifact: main.py
  files: [helper.py]
task:
  kind: spark_python_task
  compute:
    serverless: { environment_version: "4" }
limits: { iterations: 3, attempts: 2, timeout_seconds: 3600, queue_seconds: 600 }
gate:
  - { metric: rmse, op: "<=", value: 2.5 }
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "workloads-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function lay(workload: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(folder, workload), { recursive: true });
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(folder, workload, name), text);
}
const whole = { "recipe.yaml": RECIPE, "main.py": "print(1)", "helper.py": "x = 1" };

test("a folder of workloads is read: recipes, and the files that they name", () => {
  lay("weather-report", { ...whole, "ticket.json": "{}" });
  lay("another", whole);
  const { workloads } = createWorkloads(folder);
  expect(workloads.names()).toEqual(["another", "weather-report"]);
  expect(workloads.recipe("another")).toMatchObject({
    limits: { iterations: 3 },
    gate: [{ metric: "rmse", op: "<=", value: 2.5 }],
    writes: [],
  });
  expect(Buffer.from(workloads.file("another", "main.py") ?? []).toString()).toBe("print(1)");
});

test("what no recipe names is not there, wherever it may lie", () => {
  lay("weather-report", { ...whole, "ticket.json": "{}" });
  const { workloads } = createWorkloads(folder);
  expect(workloads.recipe("nobody")).toBeUndefined();
  for (const name of ["ticket.json", "recipe.yaml", "../weather-report/main.py", "/etc/hostname"])
    expect(workloads.file("weather-report", name)).toBeUndefined();
});

test("the workloads of this repository are valid", () => {
  const { workloads } = createWorkloads(join(import.meta.dirname, "..", "..", "workloads"));
  expect(workloads.names().length).toBeGreaterThan(0);
});

describe("a fault is named by its file and its key", () => {
  const changed = (from: string, to: string) => ({
    ...whole,
    "recipe.yaml": RECIPE.replace(from, to),
  });
  test.each([
    {
      what: "an unknown key",
      files: changed("v: 1", "v: 1\nretries: 3"),
      says: /w\/recipe\.yaml: .*"retries"/,
    },
    {
      what: "an unknown key further down",
      files: changed("attempts: 2", "attempts: 2, tries: 1"),
      says: /limits: .*"tries"/,
    },
    { what: "a missing key", files: changed("iterations: 3, ", ""), says: /limits\.iterations: / },
    { what: "a bad value", files: changed('"<="', '"!="'), says: /gate\.0\.op: / },
    {
      what: "a number as text",
      files: changed("attempts: 2", 'attempts: "2"'),
      says: /limits\.attempts: /,
    },
    { what: "a future version", files: changed("v: 1", "v: 2"), says: /v: / },
    {
      what: "a key twice",
      files: changed("v: 1", "v: 1\nv: 1"),
      says: /recipe\.yaml is no valid YAML: .*unique/,
    },
    {
      what: "no YAML",
      files: changed("planner:", "planner: ["),
      says: /recipe\.yaml is no valid YAML/,
    },
    { what: "an empty recipe", files: { ...whole, "recipe.yaml": "" }, says: /recipe\.yaml: / },
    {
      what: "a path for an artifact",
      files: changed("main.py", "../main.py"),
      says: /planner\.artifact: /,
    },
    {
      what: "a file that is not there",
      files: changed("helper.py", "missing.py"),
      says: /planner names missing\.py/,
    },
    {
      what: "a file that is the artifact as well",
      files: changed("helper.py", "main.py"),
      says: /planner\.files: must name each file once, and not the artifact/,
    },
    {
      what: "a file twice",
      files: changed("helper.py", "helper.py, helper.py"),
      says: /planner\.files: must name each file once/,
    },
    { what: "no recipe at all", files: { "main.py": "" }, says: /has no recipe\.yaml/ },
  ])("$what", ({ files, says }) => {
    lay("w", files);
    expect(() => createWorkloads(folder)).toThrow(says);
  });

  test("a folder whose name no ticket could carry", () => {
    lay("Weather Report", whole);
    expect(() => createWorkloads(folder)).toThrow(
      /Weather Report: its name must be at most 48 lower-case/,
    );
  });

  test("no folder, or an empty one", () => {
    expect(() => createWorkloads(join(folder, "nowhere"))).toThrow(/SIGNALBOX_WORKLOADS/);
    expect(() => createWorkloads(folder)).toThrow(/has no workloads/);
  });

  test("a document that multiplies itself", () => {
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x]",
      "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]",
      "c: [*b,*b,*b,*b,*b,*b]",
    ];
    lay("w", { ...whole, "recipe.yaml": `${bomb.join("\n")}\n${RECIPE}` });
    expect(() => createWorkloads(folder)).toThrow(/recipe\.yaml/);
  });
});
