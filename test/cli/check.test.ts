// `signalbox check`: what is wrong in the files that people write, with the line, the column, and
// what was meant.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { keysAt } from "../../cli/check/keys.ts";
import { check } from "../../cli/commands/check.ts";
import { StageFile } from "../../infra/stage-schema.ts";
import { nearest } from "../../shared/domain/nearest.ts";
import { Recipe } from "../../shared/domain/recipe.ts";
import { stageText } from "../infra/support.ts";
import { ioTo, typed } from "./io.ts";

const good = `v: 1
planner: { kind: artifact, artifact: main.py, files: [helper.py] }
task:
  kind: spark_python_task
  compute: { serverless: { environment_version: "4" } }
limits: { iterations: 1, attempts: 2, timeout_seconds: 600, queue_seconds: 600 }
parameters: { year: 2015 }
`;

type Files = Readonly<Record<string, string>>;
const usual: Files = {
  "recipe.yaml": good,
  "main.py": "print(1)\n",
  "helper.py": "",
  "ticket.json": '{"ticket_id": "C-1", "workload": "cars"}',
};

/** The lines about a workload with these files, without the folder. */
async function faultsOf(files: Files, name = "cars"): Promise<{ code: number; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-check-"));
  mkdirSync(join(folder, name));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
  const lines: string[] = [];
  const code = await typed(check, [join(folder, name)], ioTo(lines));
  return {
    code,
    lines: lines.map((line) => line.replace(`${folder}/${name}/`, "").replace(`${folder}/`, "")),
  };
}

test("what is right has no faults", async () => {
  expect(await faultsOf(usual)).toEqual({ code: 0, lines: ["no faults in 1 workload"] });
});

const changed = (from: string, to: string): Files => ({
  ...usual,
  "recipe.yaml": good.replace(from, to),
});

test.each([
  {
    given: "a file that no run can take",
    files: { ...changed(", files: [helper.py]", ""), "a b.py": "" },
    says: /a b\.py: a file's name has letters, digits, .*: rename it, or name it in \.signalboxignore$/,
  },
  {
    given: "broken Python that no recipe lists, and that goes along",
    files: { ...changed(", files: [helper.py]", ""), "helper.py": "def f(:\n" },
    says: /helper\.py/,
  },
  {
    given: "a slip in a key",
    files: changed("parameters:", "paramters:"),
    says: "recipe.yaml:7:1: paramters is not known here: did you mean parameters?",
  },
  {
    given: "a slip below",
    files: changed("attempts: 2", "atempts: 2"),
    says: /^recipe\.yaml:6:26: limits\.atempts is not known here: did you mean attempts\?$/,
  },
  {
    given: "a missing key",
    files: changed("v: 1\n", ""),
    says: /^recipe\.yaml:1:1: v is missing: must be 1$/,
  },
  {
    given: "a missing object",
    files: changed(/^limits.*\n/m.exec(good)?.[0] ?? "", ""),
    says: /limits is missing: it holds iterations, attempts, timeout_seconds, queue_seconds$/,
  },
  {
    given: "a wrong type",
    files: changed("attempts: 2", "attempts: two"),
    says: /^recipe\.yaml:6:26: limits\.attempts is "two", and must be a (whole )?number$/,
  },
  {
    given: "too much",
    files: changed("iterations: 1", "iterations: 100"),
    says: /limits\.iterations is 100, and must be at most 99$/,
  },
  {
    given: "a word that is none of those",
    files: changed("kind: spark_python_task", "kind: spark_pyhton_task"),
    says: /^recipe\.yaml:4:3: task\.kind is "spark_pyhton_task", and must be .*did you mean spark_python_task/,
  },
  {
    given: "a key twice",
    files: changed("v: 1\n", "v: 1\nv: 1\n"),
    says: /^recipe\.yaml:2:1: no YAML that can be read: Map keys must be unique$/,
  },
  {
    given: "a tab",
    files: changed("  kind: spark", "\tkind: spark"),
    says: /^recipe\.yaml:4:1: no YAML that can be read: /,
  },
  {
    given: "a file that is not there",
    files: changed("helper.py", "helpr.py"),
    says: /^recipe\.yaml:2: names helpr\.py, which is not beside it: did you mean helper\.py\?$/,
  },
  {
    given: "Python that does not parse",
    files: { ...usual, "main.py": "x = 1\nif x = 2:\n  pass\n" },
    says: /^main\.py:2:4: Python cannot parse it: /,
  },
  {
    given: "Python with a NUL",
    files: { ...usual, "main.py": "x = 1\0" },
    says: /^main\.py.*: Python cannot parse it: /,
  },
  {
    given: "a recipe of another name",
    files: { "recipe.yml": good },
    says: "recipe.yaml: is missing, and there is recipe.yml: rename it",
  },
  {
    given: "an example that is refused",
    files: {
      ...usual,
      "ticket.json": '{"ticket_id": "C-1", "workload": "cars", "parameters": {"yaer": 1}}',
    },
    says: "ticket.json: parameters.yaer is no parameter of this workload: did you mean year?",
  },
  {
    given: "an example that is no JSON",
    files: { ...usual, "ticket.json": "{" },
    says: /^ticket\.json: is not JSON/,
  },
])("$given is said with its place", async ({ files, says }) => {
  const { code, lines } = await faultsOf(files);
  expect(code).toBe(1);
  expect(lines[0]).toEqual(typeof says === "string" ? says : expect.stringMatching(says));
  expect(lines.at(-1)).toMatch(/^[0-9]+ faults? in 1 workload$/);
});

test("a folder whose name is none of a workload says so", async () => {
  expect((await faultsOf(usual, "My_Cars")).lines[0]).toMatch(
    /^My_Cars: a workload's name has at most 48/,
  );
});

test("all faults of a file are said at once, and stages are checked, too", async () => {
  const [workloads, stages] = [
    mkdtempSync(join(tmpdir(), "signalbox-check-")),
    mkdtempSync(join(tmpdir(), "signalbox-check-")),
  ];
  mkdirSync(join(workloads, "cars"));
  for (const [file, text] of Object.entries({
    ...usual,
    "recipe.yaml": good
      .replace("attempts: 2", "attempts: 0")
      .replace("year", "year: 1, city")
      .replace("kind: artifact", "knd: artifact"),
  }))
    writeFileSync(join(workloads, "cars", file), text);
  writeFileSync(join(stages, "test.yaml"), stageText.replace("warehouse_id:", "warehouse:"));
  const lines: string[] = [];
  const args = ["--workloads", workloads, "--stages", stages, "--json"];
  expect(await typed(check, args, ioTo(lines))).toBe(1);
  const faults = JSON.parse(lines.join("")) as { file: string; line: number; sentence: string }[];
  const named = faults.map(
    ({ file, line, sentence }) => `${file.split("/").at(-1)}:${line} ${sentence.split(" ")[0]}`,
  );
  // What a slip makes missing is not said twice.
  expect(named).toEqual([
    "recipe.yaml:2 planner.knd",
    "recipe.yaml:6 limits.attempts",
    "test.yaml:8 databricks.warehouse",
  ]);
});

describe("the word that was meant", () => {
  test.each([
    ["yaer", "year"],
    ["Attempts", "attempts"],
    ["tiemout_seconds", "timeout_seconds"],
    ["attempt", "attempts"],
    ["x", undefined],
    ["schedules_of_all", undefined],
  ])("%s: %s", (word, meant) => {
    expect(nearest(word, ["year", "attempts", "timeout_seconds", "schedule"])).toBe(meant);
  });

  test("is one that the schema knows at that place, also in a union", () => {
    expect(keysAt(Recipe, ["task", "compute"])).toEqual(
      expect.arrayContaining(["serverless", "existing_cluster_id", "new_cluster"]),
    );
    expect(keysAt(Recipe, ["gate", 0])).toEqual(
      expect.arrayContaining(["metric", "op", "value", "baseline", "margin", "samples"]),
    );
    expect(keysAt(StageFile, ["databricks", "auth"])).toEqual(
      expect.arrayContaining(["kind", "secret", "audience"]),
    );
    expect(keysAt(Recipe, ["nowhere"])).toEqual([]);
  });
});
