// Cells as IPython reads them, notebooks as they are split, and the lines of %run: tables.
import { describe, expect, test } from "vitest";
import { hasModule, python } from "./python.ts";

const line = (name: string, rest = "") => `get_ipython().run_line_magic('${name}', '${rest}')\n`;
const system = (command: string) => `get_ipython().system('${command}')\n`;
const captured = (command: string) => `get_ipython().getoutput('${command}')\n`;

/** [cell, the Python that it becomes]. */
const rows: readonly (readonly [string, string])[] = [
  ["x = 1\n", "x = 1\n"],
  ["%time y = 2\n", line("time", "y = 2")],
  [
    "%load_ext autoreload\n%autoreload 2\nimport os\n",
    `${line("load_ext", "autoreload")}${line("autoreload", "2")}import os\n`,
  ],
  ["# a comment\n%pip install a\n", `# a comment\n${line("pip", "install a")}`],
  ["%pip install a \\\n  b\nimport c\n", `${line("pip", "install a    b")}import c\n`],
  ["!ls -l\n", system("ls -l")],
  ["! ls\n", system(" ls")],
  ["!!ls\n", captured("ls")],
  ["if x:\n    %time y\n    !ls {y}\n", `if x:\n    ${line("time", "y")}    ${system("ls {y}")}`],
  ["x = !ls -l\n", `x = ${captured("ls -l")}`],
  ["a.b = !ls\n", `a.b = ${captured("ls")}`],
  ["x = %time f()\n", `x = ${line("time", "f()")}`],
  ["for i in r:\n    t = %timeit -o f(i)\n", `for i in r:\n    t = ${line("timeit", "-o f(i)")}`],
  ["%%time\ny = 1\n", "get_ipython().run_cell_magic('time', '', 'y = 1\\n')\n"],
  [
    "%%writefile a.py\n%x\n!y\n",
    "get_ipython().run_cell_magic('writefile', 'a.py', '%x\\n!y\\n')\n",
  ],
  ["x?\n", line("pinfo", "x")],
  ["x.y??\n", line("pinfo2", "x.y")],
  ["?x\n", line("pinfo", "x")],
  ["%time?\n", line("pinfo", "%time")],
  ["\n\n%pwd\n", line("pwd")],
  // None of these is a magic.
  ["x = 5 % 3\ny != 3\n", "x = 5 % 3\ny != 3\n"],
  ["a = (1\n% 2)\n", "a = (1\n% 2)\n"],
  ["x = 1 \\\n  % 3\n", "x = 1 \\\n  % 3\n"],
  ["s = '''\n%time x\n!ls\n'''\n", "s = '''\n%time x\n!ls\n'''\n"],
  ["x = [\n  '%d' % 3,\n]\n", "x = [\n  '%d' % 3,\n]\n"],
  ["print(1)  # !ls\n", "print(1)  # !ls\n"],
  ["# %time\nx = 1\n", "# %time\nx = 1\n"],
  ["s = 'a\\'b'  # '\n%pwd\n", `s = 'a\\'b'  # '\n${line("pwd")}`],
  ["x += !ls\n", "x += !ls\n"],
];

const ours = python(
  "from _workspace.ipython import transformed\nanswer = [transformed(row[0]) for row in rows]",
  rows,
);
const theirs = hasModule("IPython")
  ? python(
      "from IPython.core.inputtransformer2 import TransformerManager\nanswer = [TransformerManager().transform_cell(row[0]) for row in rows]",
      rows,
    )
  : undefined;

describe("a cell becomes Python", () => {
  test.each(rows.map(([cell, expected], at) => [cell, expected, ours[at]]))(
    "%j",
    (_, expected, answer) => {
      expect(answer).toBe(expected);
    },
  );

  test.skipIf(theirs === undefined)("and IPython itself makes the same of each", () => {
    expect(theirs).toEqual(rows.map(([, expected]) => expected));
  });
});

const header = "# Databricks notebook source\n";
const between = "\n\n# COMMAND ----------\n\n";
type Split = readonly [string, readonly (readonly [language: string, source: string])[], string?];
const splits: readonly Split[] = [
  [
    `${header}x = 1${between}y = 2\n`,
    [
      ["python", "x = 1"],
      ["python", "y = 2"],
    ],
  ],
  ["print(1)\n", [["python", "print(1)\n"]]],
  [
    `${header}# MAGIC %md\n# MAGIC # A title${between}y`,
    [
      ["md", "# A title"],
      ["python", "y"],
    ],
  ],
  [`${header}# DBTITLE 1,Title\n# MAGIC %md-sandbox <b>`, [["md-sandbox", "<b>"]]],
  [
    `${header}# MAGIC %pip install a\n# MAGIC dbutils.library.restartPython()`,
    [["python", "%pip install a\ndbutils.library.restartPython()"]],
  ],
  [
    `${header}# MAGIC %pip install a\ndbutils.library.restartPython()`,
    [["python", "%pip install a\ndbutils.library.restartPython()"]],
  ],
  [`${header}# MAGIC %sh\n# MAGIC echo a\n# MAGIC echo b`, [["sh", "echo a\necho b"]]],
  [`${header}# MAGIC %sh echo a`, [["sh", "echo a"]]],
  [`${header}# MAGIC %sql\n# MAGIC SELECT 1`, [["sql", "SELECT 1"]]],
  [`${header}# MAGIC %python\n# MAGIC x = 1`, [["python", "x = 1"]]],
  [`${header}# MAGIC %time x()`, [["python", "%time x()"]]],
  [`${header}# MAGIC %markdown`, [["python", "%markdown"]]],
  [
    `${header.trim()}\r\nx = 1\r\n\r\n# COMMAND ----------\r\n\r\ny = 2`,
    [
      ["python", "x = 1"],
      ["python", "y = 2"],
    ],
  ],
  [
    "-- Databricks notebook source\nSELECT 1\n\n-- COMMAND ----------\n\n-- MAGIC %python\n-- MAGIC x = 1",
    [
      ["sql", "SELECT 1"],
      ["python", "x = 1"],
    ],
    "SQL",
  ],
];

describe("the text of a notebook is split into cells", () => {
  const answers = python(
    `from _workspace.cells import cells_of
answer = [[[c.language, c.source] for c in cells_of(row[0], *row[2:])] for row in rows]`,
    splits,
  );
  test.each(splits.map(([text, expected], at) => [text, expected, answers[at]]))(
    "%j",
    (_, expected, answer) => {
      expect(answer).toEqual(expected);
    },
  );
});

const runs: readonly (readonly [string, unknown])[] = [
  ["./child", ["./child", {}]],
  ['"./with a blank"', ["./with a blank", {}]],
  ["./with a blank", ["./with a blank", {}]],
  [
    "../_resources/00-setup $reset_all_data=false",
    ["../_resources/00-setup", { reset_all_data: "false" }],
  ],
  [`./child $a="x y" $b='$z' $c=`, ["./child", { a: "x y", b: "$z", c: "" }]],
  ["./child $a=$b", ["./child", { a: "$b" }]],
  ["# first\n\n/Users/x/child", ["/Users/x/child", {}]],
  ["./child\nprint(1)", "stands alone in its cell"],
  ["", "stands alone in its cell"],
  ["./child $a", "no path with arguments"],
];

describe("%run names a notebook and what its widgets are given", () => {
  const answers = python(
    `from _workspace.cells import run_target
def ask(source):
    try:
        return run_target(source)
    except ValueError as error:
        return str(error)
answer = [ask(row[0]) for row in rows]`,
    runs,
  );
  test.each(runs.map(([source, expected], at) => [source, expected, answers[at]]))(
    "%j",
    (_, expected, answer) => {
      if (typeof expected === "string") expect(answer).toContain(expected);
      else expect(answer).toEqual(expected);
    },
  );
});
