"""The folder that the other tests run on refuses what a Volume refuses: else they would prove
nothing.
"""

import subprocess
import sys
import unittest

from support import ExecutorTest

OPEN = "open('/Volumes/main/ops/v/new.txt', 'w')"


class VolumeShimTest(ExecutorTest):
    def ran(self, code: str) -> str:
        command = [sys.executable, "-c", f"import os, shutil\n{code}"]
        return subprocess.run(
            command, env=self.environment(), capture_output=True, text=True
        ).stderr

    def test_what_a_volume_refuses_is_refused(self) -> None:
        self.put("/Volumes/main/ops/v/old.txt", "old")
        for code, expected in {
            "open('/Volumes/main/ops/v/old.txt', 'a')": "Illegal seek",
            "open('/Volumes/main/ops/v/old.txt', 'ab')": "Illegal seek",
            "open('/Volumes/main/ops/v/old.txt', 'r+')": "no random writes",
            f"f = {OPEN}; f.write('x'); f.seek(0)": "seek",
            f"f = {OPEN}; f.write('x'); f.truncate(0)": "truncat",
            "os.rename('/Volumes/main/ops/v/old.txt', '/Volumes/main/ops/v/new.txt')": (
                "not implemented"
            ),
            "os.replace('/tmp/x', '/Volumes/main/ops/v/new.txt')": "not implemented",
            "os.open('/Volumes/main/ops/v/old.txt', os.O_WRONLY | os.O_APPEND)": "Illegal seek",
        }.items():
            with self.subTest(code):
                self.assertIn(expected, self.ran(code))

    def test_what_a_volume_can_do_works(self) -> None:
        self.put("/Volumes/main/ops/v/old.txt", "old")
        self.put("/Volumes/main/ops/v/module_there.py", "")
        for code in (
            f"with {OPEN} as f: f.write('x')",
            "assert open('/Volumes/main/ops/v/old.txt').read() == 'old'",
            "os.makedirs('/Volumes/main/ops/v/a/b', exist_ok=True)",
            "assert os.path.isdir('/Volumes/main/ops/v') and 'old.txt' in "
            "os.listdir('/Volumes/main/ops/v')",
            "import sys; sys.path.append('/Volumes/main/ops/v'); import module_there",
        ):
            with self.subTest(code):
                self.assertEqual(self.ran(code), "")


if __name__ == "__main__":
    unittest.main()
