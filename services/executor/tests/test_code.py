"""A workload's folder runs as a script, a module, a function or a wheel, with all beside it."""

import io
import unittest
import zipfile
from typing import Any

from support import SCRATCHPAD, ExecutorTest


def wheel_of(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return content.getvalue()


TOOL = {
    "tool/__init__.py": "",
    "tool/cli.py": (
        "import importlib.metadata, importlib.resources\n"
        "from signalbox_executor import context\n"
        "def main():\n"
        "    prompt = importlib.resources.files('tool').joinpath('prompts/system.md').read_text()\n"
        "    context.output = [prompt, importlib.metadata.version('tool')]\n"
    ),
    "tool/prompts/system.md": "You are careful.",
    "tool-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: tool\nVersion: 1.2\n",
    "tool-1.2.data/purelib/beside.py": "VALUE = 7\n",
}


class CodeTest(ExecutorTest):
    def package(self) -> list[dict[str, Any]]:
        """A package in sub-folders, with data."""
        return [
            self.planned("weather/__init__.py", ""),
            self.planned("weather/stats/__init__.py", "def mean(x): return sum(x) / len(x)\n"),
            self.planned("weather/prompts/system.md", "Be brief."),
            self.planned(
                "weather/cli.py",
                "import sys\n"
                "from .stats import mean\n"
                "from signalbox_executor import context\n"
                "def main():\n"
                "    context.output = ['function', mean([1, 3]), __name__]\n"
                "def fails(): return 'no data'\n"
                "if __name__ == '__main__':\n"
                "    context.output = ['module', mean([1, 3]), sys.argv[0].endswith('cli.py')]\n",
            ),
        ]

    def test_a_script_imports_packages_of_its_folder_and_reads_their_data(self) -> None:
        result = self.succeed(
            """
            import importlib.resources, subprocess, sys
            from signalbox_executor import context
            from weather.stats import mean
            data = importlib.resources.files("weather").joinpath("prompts/system.md").read_text()
            child = subprocess.run(
                [sys.executable, "-c", "from weather.stats import mean; print(mean([2]))"],
                stdout=-1, check=True)
            context.output = [mean([1, 2]), data, child.stdout.decode().strip()]
            """,
            files=self.package(),
            policy={"allowed_modules": []},
        )
        self.assertEqual(result["output"], [1.5, "Be brief.", "2.0"])

    def test_a_script_in_a_folder_has_both_folders(self) -> None:
        files = [*self.package(), self.planned("jobs/near.py", "X = 1"), ]
        script = self.planned(
            "jobs/daily.py",
            "import near, weather.stats\nfrom signalbox_executor import context\n"
            "context.output = near.X",
        )
        result = self.succeed("", files=[*files, script], entry="jobs/daily.py")
        self.assertEqual(result["output"], 1)

    def test_a_module_and_a_function(self) -> None:
        for run, expected in (
            ("weather.cli", ["module", 2.0, True]),
            ("weather.cli:main", ["function", 2.0, "weather.cli"]),
        ):
            with self.subTest(run):
                result = self.succeed("", files=self.package(), entry="weather/cli.py", run=run)
                self.assertEqual(result["output"], expected)
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_what_a_function_returns_is_its_exit_code(self) -> None:
        result = self.failed("", files=self.package(), run="weather.cli:fails")
        self.assertEqual(result["error"]["summary"], "no data")

    def test_what_is_not_there_is_said(self) -> None:
        for run, words in (("weather.clj", "weather.clj"), ("weather.cli:mian", "mian")):
            with self.subTest(run):
                result = self.failed("", files=self.package(), run=run)
                self.assertIn(words, result["error"]["summary"])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_the_policy_holds_in_folders_below(self) -> None:
        bad = self.planned("weather/net.py", "import unittest.mock, yaml\n")
        result = self.failed(
            "import weather.net", files=[*self.package(), bad], policy={"allowed_modules": []}
        )
        self.assertEqual(result["error"]["type"], "ModuleNotAllowedError")

    def test_a_wheel_brings_packages_data_and_its_version(self) -> None:
        wheel = self.planned("tool-1.2-py3-none-any.whl", wheel_of(TOOL))
        result = self.succeed(
            "", files=[wheel], run="tool.cli:main", policy={"allowed_modules": []}
        )
        self.assertEqual(result["output"], ["You are careful.", "1.2"])

    def test_programs_that_it_starts_see_the_wheel(self) -> None:
        wheel = self.planned("tool-1.2-py3-none-any.whl", wheel_of(TOOL))
        result = self.succeed(
            """
            import subprocess, sys, beside
            from signalbox_executor import context
            code = "import tool, beside; print(beside.VALUE)"
            child = subprocess.run([sys.executable, "-c", code], stdout=-1, check=True)
            context.output = [int(child.stdout), beside.VALUE]
            """,
            files=[wheel],
        )
        self.assertEqual(result["output"], [7, 7])

    def test_a_wheel_that_cannot_be_used_is_refused_before_anything_runs(self) -> None:
        link = zipfile.ZipInfo("tool/link")
        link.external_attr = 0o120777 << 16
        linked = io.BytesIO()
        with zipfile.ZipFile(linked, "w") as wheel:
            wheel.writestr(link, "/etc/passwd")
        for name, content, words in (
            ("a-1-cp311-cp311-linux_x86_64.whl", wheel_of({}), "built for one platform"),
            ("a-1-py3-none-any.whl", b"PK no zip", "no wheel that can be read"),
            ("a-1-py3-none-any.whl", linked.getvalue(), "holds a link"),
        ):
            with self.subTest(words):
                result = self.failed("print('ran')", files=[self.planned(name, content)])
                self.assertIn(words, result["error"]["summary"])
                self.assertEqual(result["logs"]["stdout_tail"], "")
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_wheel_writes_nowhere_else(self) -> None:
        escaping = wheel_of({"../../escaped.py": "", "/tmp/signalbox-escaped.py": "", **TOOL})
        self.succeed(
            """
            import os
            from signalbox_executor import context
            outside = os.path.dirname(os.path.dirname(context.file("a-1-py3-none-any.whl")))
            assert sorted(os.listdir(outside)) == ["files", "outbox", "wheels", "work"], outside
            assert os.listdir(os.path.join(outside, "wheels")) == ["a-1-py3-none-any"]
            assert not os.path.exists("/tmp/signalbox-escaped.py")
            """,
            files=[self.planned("a-1-py3-none-any.whl", escaping)],
        )


class NotebookTest(ExecutorTest):
    def notebook(self, *cells: str) -> str:
        return "# Databricks notebook source\n" + "\n# COMMAND ----------\n".join(
            f"{cell}\n" for cell in cells
        )

    def test_cells_widgets_run_and_exit(self) -> None:
        setup = self.planned("lib/setup.py", self.notebook("def twice(x):\n    return 2 * x"))
        result = self.succeed(
            self.notebook(
                "# MAGIC %md\n# MAGIC # A title",
                "# MAGIC %run ./lib/setup",
                "dbutils.widgets.text('year', '2015')\ndbutils.widgets.text('city', 'Rome')",
                "import json\nyear = int(dbutils.widgets.get('year'))",
                "display(year)\n"
                "dbutils.notebook.exit(json.dumps({'metrics': {'year': twice(year), 'no': 'x'},"
                " 'city': dbutils.widgets.get('city')}))",
                "raise ValueError('after the exit')",
            ),
            files=[setup],
            parameters={"year": 2016},
        )
        self.assertEqual(result["metrics"], {"year": 4032})
        self.assertEqual(result["output"]["city"], "Rome")
        self.assertIn("2016", result["logs"]["stdout_tail"])

    def test_an_exit_with_words_is_text_and_an_exception_a_failure(self) -> None:
        result = self.succeed(self.notebook("dbutils.notebook.exit('done')"))
        self.assertEqual(result["output"], "done")
        self.real(f"{SCRATCHPAD}/result.json").unlink()
        result = self.failed(self.notebook("x = 1", "\n1 / 0"))
        self.assertEqual(result["error"]["type"], "ZeroDivisionError")
        self.assertIn('File "entry.py", line 6', result["error"]["trace"])

    def test_what_there_is_not_says_so(self) -> None:
        for cell, words in (
            ("# MAGIC %pip install x", "name the packages in the recipe"),
            ("# MAGIC %scala\n# MAGIC val x = 1", "%scala is nothing that the executor runs"),
            ("# MAGIC %run ./none", "no such notebook beside this one"),
            ("# MAGIC %run ./entry", "does a notebook run itself?"),
            ("# MAGIC %run ./entry $x=1", "arguments of %run"),
            ("dbutils.notebook.run('x', 1)", "use %run"),
            ("dbutils.widgets.get('x')", "no widget x is defined"),
            ("dbutils.fs.ls('/')", "dbutils.fs is not there"),
            ("dbutils.secrets.get('s', 'k')", "not among the recipe's secrets"),
        ):
            with self.subTest(cell):
                result = self.failed(self.notebook(cell))
                self.assertIn(words, result["error"]["summary"])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_sql_goes_to_the_session_that_the_platform_has(self) -> None:
        pyspark = wheel_of(
            {
                "pyspark/__init__.py": "",
                "pyspark/sql.py": (
                    "class Frame:\n    def __init__(self, text): self.text = text\n"
                    "    def show(self): print('shown', self.text)\n"
                    "class Session:\n    def sql(self, text): return Frame(text)\n"
                    "class Builder:\n    def getOrCreate(self): return Session()\n"
                    "class SparkSession:\n    builder = Builder()\n"
                ),
            }
        )
        result = self.succeed(
            self.notebook(
                "# MAGIC %sql\n# MAGIC SELECT 1;\n", "dbutils.notebook.exit(_sqldf.text)",
            ),
            files=[self.planned("pyspark-1-py3-none-any.whl", pyspark)],
        )
        self.assertIn("shown SELECT 1", result["logs"]["stdout_tail"])
        self.assertEqual(result["output"], "SELECT 1")


if __name__ == "__main__":
    unittest.main()
