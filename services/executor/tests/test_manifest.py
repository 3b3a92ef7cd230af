"""A manifest that cannot be run: exit code 2, a sentence, and a result where it is known whose and
where.
"""

import json
import subprocess
import unittest
from typing import Any

from support import RUN, SCRATCHPAD, ExecutorTest, Ran

MANIFEST = f"{RUN}/iter_001.attempt_001.manifest.json"
DEEP: Any = []
for _ in range(40):
    DEEP = [DEEP]


class ManifestTest(ExecutorTest):
    def changed(self, **changes: Any) -> dict[str, Any]:
        return {**self.manifest("print('it ran')\n"), **changes}

    def test_a_wrong_manifest_is_refused_with_a_result_where_its_identity_is_known(self) -> None:
        file = self.planned("entry.py", "print('it ran')\n")
        for changes, words in [
            ({"v": 2}, "manifest.v must be 1, not 2"),
            ({"v": True}, "manifest.v must be"),
            ({"mode": "TEST"}, "manifest.mode must be one of PROD, DEV"),
            ({"surprise": 1}, "manifest.surprise is not known"),
            ({"workload": 5}, "manifest.workload must be of type string, not integer"),
            ({"chapter": 0}, "manifest.chapter is 0; at least 1 is needed"),
            ({"chapter": 1.5}, "manifest.chapter must be of type integer"),
            ({"created_at": "yesterday"}, "manifest.created_at is 'yesterday'"),
            ({"files": []}, "manifest.files has 0 items; at least 1 are needed"),
            (
                {"files": [{**file, "name": "../entry.py"}]},
                "manifest.files[0].name is '../entry.py'",
            ),
            (
                {"files": [{**file, "name": "entry.py\n"}]},
                "manifest.files[0].name is 'entry.py\\n'",
            ),
            ({"files": [{**file, "sha256": "x"}]}, "manifest.files[0].sha256 is 'x'"),
            (
                {"files": [{**file, "path": "/etc/passwd"}]},
                "manifest.files[0].path is '/etc/passwd'",
            ),
            ({"files": [{**file, "path": "/Volumes/a/b/c/../../x"}]}, "which does not match"),
            ({"files": [file, file]}, "names a file twice: entry.py, entry.py"),
            ({"files": [file] * 101}, "manifest.files has 101 items; at most 100 are allowed"),
            (
                {"entry": "other.py"},
                "manifest.entry is other.py, which is not among manifest.files (entry.py)",
            ),
            ({"code_paths": ["/usr/lib/python3"]}, "manifest.code_paths[0] is '/usr/lib/python3'"),
            ({"parameters": []}, "manifest.parameters must be of type object, not array"),
            (
                {"policy": {"timeout_seconds": 1, "allowed_modules": None}},
                "manifest.policy.writes is missing",
            ),
            (
                {"policy": {"timeout_seconds": 1, "allowed_modules": "json", "writes": []}},
                "manifest.policy.allowed_modules must be",
            ),
            ({"scratchpad": SCRATCHPAD + "/" + "x" * 900}, "manifest.scratchpad is longer than"),
        ]:
            with self.subTest(words):
                ran = self.run_manifest(self.changed(**changes))
                self.assertEqual(ran.code, 2)
                self.assertIn(words, ran.stderr)
                if "scratchpad" not in changes:
                    self.assertEqual(
                        (ran.result["status"], ran.result["error"]["type"]),
                        ("FAILED", "ManifestError"),
                    )
                    self.assertIn(words, ran.result["error"]["summary"])
                    self.real(f"{SCRATCHPAD}/result.json").unlink()
                self.assertNotIn(b"it ran", ran.stdout)

    def test_without_a_known_identity_there_is_the_exit_code_and_the_sentence(self) -> None:
        for content, words in [
            ("", "is no JSON"),
            ("{", "is no JSON"),
            ("[1]", "is no JSON object"),
            ("null", "is no JSON object"),
            (b"\xff\xfe", "is no JSON"),
            ('{"v": NaN}', "NaN is no JSON"),
            ("[" * 100_000, "is no JSON"),
            ("x" * (4 * 1024 * 1024 + 1), "is larger than"),
            (json.dumps({"v": 1, "stopped": True}), "was stopped before it was planned"),
            (self.changed(run_id=5), "manifest.run_id must be of type string"),
            (self.changed(attempt=0), "manifest.attempt is 0"),
            (self.changed(scratchpad="/tmp/elsewhere"), "manifest.scratchpad is '/tmp/elsewhere'"),
            (
                self.changed(scratchpad="/Volumes/main/ops/scratchpad/../facts"),
                "manifest.scratchpad is",
            ),
            (
                {key: value for key, value in self.changed().items() if key != "scratchpad"},
                "manifest.scratchpad is missing",
            ),
        ]:
            with self.subTest(words):
                ran = self.run_manifest(content)
                self.assertEqual((ran.code, ran.bytes), (2, None))
                self.assertTrue(ran.stderr.startswith("signalbox: "), ran.stderr)
                self.assertEqual(ran.stderr.count("\n"), 1)
                self.assertIn(words, ran.stderr)

    def test_a_manifest_that_cannot_be_read_is_named(self) -> None:
        for path in ("/Volumes/main/ops/facts/none.json", "/Volumes", "relative.json", "\0"):
            if path == "\0":
                continue  # no program can be started with it
            with self.subTest(path):
                ran = self.called(path)
                self.assertEqual((ran.code, ran.stdout), (2, b""))
                self.assertIn(f"the manifest {path} cannot be read", ran.stderr)

    def test_it_takes_one_parameter(self) -> None:
        for parameters in ([], ["a", "b"], ["a", "b", "c", "d", "e"]):
            ran = self.called(*parameters)
            self.assertEqual(ran.code, 2)
            self.assertIn(
                f"three ids of the run; there are {len(parameters)}",
                ran.stderr,
            )

    def test_a_wrong_manifest_does_not_replace_a_result(self) -> None:
        self.put(f"{SCRATCHPAD}/result.json", "first")
        ran = self.run_manifest(self.changed(v=2))
        self.assertEqual((ran.code, ran.bytes), (2, b"first"))

    def test_a_capsule_that_cannot_be_handed_on_is_left_out(self) -> None:
        for capsule in ({"deep": DEEP}, {"x": "y" * 70_000}, [1]):
            ran = self.run_manifest(self.changed(v=2, capsule=capsule))
            self.assertEqual(ran.result["capsule"], {})
            self.real(f"{SCRATCHPAD}/result.json").unlink()

    def called(self, *parameters: str) -> Ran:
        done = subprocess.run(
            [*self.command(), *parameters], env=self.environment(), capture_output=True
        )
        return Ran(self, done.returncode, done.stdout, done.stderr)


if __name__ == "__main__":
    unittest.main()
