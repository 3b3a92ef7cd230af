"""Which modules the artifact's own files may import."""

import os
import unittest

from support import SCRATCHPAD, ExecutorTest


class ImportPolicyTest(ExecutorTest):
    def setUp(self) -> None:
        super().setUp()
        self.installed = self.root / "site"
        self.installed.mkdir()
        (self.installed / "thirdparty.py").write_text(
            "import its_dependency\nfrom its_dependency import ANSWER\n"
        )
        (self.installed / "its_dependency.py").write_text("ANSWER = 42\n")
        (self.installed / "package").mkdir()
        (self.installed / "package" / "__init__.py").write_text("")
        (self.installed / "package" / "inner.py").write_text("ANSWER = 43\n")
        self.put("/Volumes/main/ops/company_codebase/company.py", "import its_dependency\n")
        self.put(
            "/Volumes/main/ops/company_codebase/company_package/part.py", "import its_dependency\n"
        )

    def environment(self, fault: str = "") -> dict[str, str]:
        environment = super().environment(fault)
        return {
            **environment,
            "PYTHONPATH": environment["PYTHONPATH"] + os.pathsep + str(self.installed),
        }

    def outcome(self, code: str, allowed: "list[str] | None") -> str:
        ran = self.run_code(
            code + "\n",
            policy={"allowed_modules": allowed},
            files=[
                self.planned("helper.py", "import its_dependency\n"),
                self.planned("plain.py", "import json\n"),
            ],
            code_paths=["/Volumes/main/ops/company_codebase"],
        )
        error = ran.result["error"]
        self.real(f"{SCRATCHPAD}/result.json").unlink()
        return "allowed" if error is None else f"{error['type']}: {error['summary']}"

    def test_what_may_be_imported(self) -> None:
        for allowed, code in [
            (None, "import thirdparty, its_dependency"),
            ([], "import json, os.path, concurrent.futures, sqlite3, sys, _thread"),
            ([], "import company, plain"),
            ([], "import company_package.part"),
            ([], "from signalbox_executor import context, TransientError"),
            (["thirdparty"], "import thirdparty\nassert thirdparty.ANSWER == 42"),
            (["package"], "import package.inner\nfrom package import inner"),
            ([], "try:\n    import thirdparty\nexcept ImportError:\n    pass"),
        ]:
            with self.subTest(code, allowed=allowed):
                self.assertEqual(self.outcome(code, allowed), "allowed")

    def test_what_may_not_be_imported(self) -> None:
        for allowed, code, module in [
            ([], "import thirdparty", "thirdparty"),
            ([], "from thirdparty import ANSWER", "thirdparty"),
            ([], "import package.inner", "package"),
            (["thirdparty"], "import thirdparty\nimport its_dependency", "its_dependency"),
            ([], "import company\nimport its_dependency", "its_dependency"),
            ([], "import helper", "its_dependency"),
            ([], "def late():\n    import thirdparty\nlate()", "thirdparty"),
            ([], "import importlib\nimportlib.import_module('thirdparty')", "thirdparty"),
            ([], "__import__('thirdparty')", "thirdparty"),
            ([], "exec('import thirdparty')", "thirdparty"),
        ]:
            with self.subTest(code, allowed=allowed):
                outcome = self.outcome(code, allowed)
                self.assertIn(
                    "ModuleNotAllowedError: the policy of this workload does not allow the "
                    f"module {module}:",
                    outcome,
                )
                self.assertIn("add it to allowed_modules of the recipe", outcome)

    def test_the_usual_traceback_is_not_changed_by_it(self) -> None:
        ran = self.run_code(
            "import missing_module\n", policy={"allowed_modules": ["missing_module"]}
        )
        self.assertEqual(ran.result["error"]["type"], "ModuleNotFoundError")
        self.assertNotIn("import_policy", ran.result["error"]["trace"])


if __name__ == "__main__":
    unittest.main()
