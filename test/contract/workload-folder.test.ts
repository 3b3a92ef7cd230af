// The files of a workload that go to a run: the folder as it is, without a list by hand.
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { workloadFiles } from "../../shared/adapters/workload-folder.ts";
import { createWorkloads } from "../../shared/adapters/workloads.ts";

const folderOf = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "signalbox-folder-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
};

const code = {
  "main.py": "",
  "weather/__init__.py": "",
  "weather/prompts/system.md": "Be brief.",
  "tool-1.2-py3-none-any.whl": "",
};

test("all of it, without what describes it and what Python leaves behind", () => {
  const folder = folderOf({
    ...code,
    "recipe.yaml": "",
    "ticket.json": "{}",
    "ticket-2015.json": "{}",
    "weather/__pycache__/x.cpython-311.pyc": "",
    "weather.egg-info/PKG-INFO": "",
    ".env": "SECRET=1",
    ".git/config": "",
  });
  expect(workloadFiles(folder)).toEqual(Object.keys(code).toSorted());
});

test(".signalboxignore leaves out names anywhere, paths, folders and globs", () => {
  const folder = folderOf({
    ...code,
    "tests/test_main.py": "",
    "weather/tests/test_cli.py": "",
    "notes.txt": "",
    "data/big.csv": "",
    "data/small.csv": "",
    "pages/a/b.md": "",
    ".signalboxignore": "# not for the run\n\ntests/\n*.txt\n/data/big.csv\npages\r\n",
  });
  expect(workloadFiles(folder)).toEqual([...Object.keys(code), "data/small.csv"].toSorted());
});

test.each<{ given: string; files: Readonly<Record<string, string>>; message: RegExp }>([
  {
    given: "a name that no plan can hold",
    files: { "a b.py": "" },
    message: /a b\.py: a file's name has letters, .*: rename it, or name it in \.signalboxignore$/,
  },
  {
    given: "more files than a run takes",
    files: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}.py`, ""])),
    message: /has 101 files, and a run takes at most 100: name what it does not need/,
  },
])("$given: a sentence", ({ files, message }) => {
  expect(() => workloadFiles(folderOf(files))).toThrow(message);
});

const recipe = (planner: string) => `
v: 1
planner: ${planner}
task: { kind: spark_python_task, compute: { serverless: { environment_version: "4" } } }
limits: { iterations: 1, attempts: 1, timeout_seconds: 60, queue_seconds: 0 }
`;

test("a recipe without a list takes the folder, one with a list the list", () => {
  const folder = folderOf({
    ...Object.fromEntries(Object.entries(code).map(([path, text]) => [`whole/${path}`, text])),
    "whole/recipe.yaml": recipe("{ kind: artifact, artifact: main.py }"),
    "listed/main.py": "",
    "listed/a/b.py": "",
    "listed/c.py": "",
    "listed/recipe.yaml": recipe("{ kind: artifact, artifact: main.py, files: [a/b.py] }"),
  });
  const { workloads } = createWorkloads(folder);
  expect(workloads.recipe("whole")?.planner.files).toEqual(
    Object.keys(code)
      .filter((path) => path !== "main.py")
      .toSorted(),
  );
  expect(workloads.file("whole", "weather/prompts/system.md")).toEqual(Buffer.from("Be brief."));
  expect(workloads.recipe("listed")?.planner.files).toEqual(["a/b.py"]);
  expect(workloads.file("listed", "c.py")).toBeUndefined();
});

test.each(["shared", "weather/shared"])("a link is never followed out of the folder: %s", (at) => {
  const outside = folderOf({ "unreviewed.py": "" });
  const folder = folderOf({ ...code, "recipe.yaml": "" });
  symlinkSync(outside, join(folder, at));
  expect(() => workloadFiles(folder)).toThrow(
    `${join(folder, at)} is a link, and could lead to files that nobody reviewed: put a copy there, or name it in .signalboxignore`,
  );
  writeFileSync(join(folder, ".signalboxignore"), "shared\n");
  expect(workloadFiles(folder)).toEqual(Object.keys(code).toSorted());
});
