"""Secrets in what an attempt's error says are masked, and the rest of it is not."""

import os
import time
import unittest
from unittest import mock

from support import SCRATCHPAD, ExecutorTest

from signalbox_executor.limits import LOG_TAIL_CHARS_MAX, SUMMARY_CHARS_MAX
from signalbox_executor.redact import redacted, redacted_and_cut
from signalbox_executor.text import head

HEX = "0123456789abcdef" * 2
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB+AA/KCAQ==\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN-_k"

MASKED = [
    # Databricks
    (f"401 for dapi{HEX}", "401 for [REDACTED]"),
    (f"token=dapi{HEX}-2, retry", "token=[REDACTED], retry"),
    (f"secret 'dose{HEX}'", "secret '[REDACTED]'"),
    # JSON Web Tokens
    (f"jwt {JWT} expired", "jwt [REDACTED] expired"),
    (f'{{"id_token":"{JWT}"}}', '{"id_token":"[REDACTED]"}'),
    # AWS
    ("AKIAIOSFODNN7EXAMPLE is inactive", "[REDACTED] is inactive"),
    ("key ASIAIOSFODNN7EXAMPLE", "key [REDACTED]"),
    ("aws_secret_access_key=wJalrXUtnFEMI/K7MDENG+b", "aws_secret_access_key=[REDACTED]"),
    ("AWS_SECRET_ACCESS_KEY: 'wJalr XUtn'", "AWS_SECRET_ACCESS_KEY: [REDACTED]"),
    # Bearer
    ("Authorization: Bearer abc.DEF-123_xyz~", "Authorization: Bearer [REDACTED]"),
    ("{'authorization': 'bearer abcdefgh'}", "{'authorization': 'bearer [REDACTED]'}"),
    # password=
    ("host=db password=hunter2 port=1", "host=db password=[REDACTED] port=1"),
    ('{"db_password": "a, b"}', '{"db_password": [REDACTED]}'),
    ("connect(Password='it is', user='x')", "connect(Password=[REDACTED], user='x')"),
    # PEM
    (f"key:\n{PEM}\nend", "key:\n[REDACTED]\nend"),
    (repr(PEM), "'[REDACTED]'"),
    (PEM[:45] + "!", "[REDACTED]!"),
    (PEM[40:] + "\nafter", "[REDACTED]\nafter"),
    # URLs
    ("postgresql://bob:p%40ss@db:5432/x", "postgresql://[REDACTED]@db:5432/x"),
    ("https://bob:p@ss@host/a@b", "https://[REDACTED]@host/a@b"),
    ("https://:only@host", "https://[REDACTED]@host"),
    # Two of them, and one that is masked already
    (f"dapi{HEX} dapi{HEX}", "[REDACTED] [REDACTED]"),
    ("password=[REDACTED]", "password=[REDACTED]"),
]
KEPT = [
    "",
    "no rows in main.ops.daily at 2026-11-21T06:00:00Z",
    "https://host:8080/path?x=1@2",
    "mail me@example.com: https://host/x",
    f"sha256 {HEX}{HEX} of entry.py",
    "dapi is not defined; an overdose",
    "the bearer of bad news, a token, a password",
    "eyJ is how they begin; eyJhbGciOi is no whole one",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "File \"entry.py\", line 3, in get_password\n    raise KeyError('token')",
]


class RedactTest(unittest.TestCase):
    def test_well_known_shapes_are_masked(self) -> None:
        for given, expected in MASKED:
            with self.subTest(given):
                self.assertEqual(redacted(given), expected)
                self.assertEqual(redacted(expected), expected, "masking again changes nothing")

    def test_what_is_no_secret_stays(self) -> None:
        for text in KEPT:
            with self.subTest(text):
                self.assertEqual(redacted(text), text)

    def test_values_of_the_environment_are_masked_by_their_names(self) -> None:
        environment = {
            "MY_SECRET": "first-secret",
            "ACCESS_TOKEN": "first-secret-longer",
            "dbPassword": "päss wörd",
            "API_KEY": "seven77",
            "HOME": "/home/somebody",
        }
        with mock.patch.dict(os.environ, environment):
            for given, expected in [
                ("a first-secret b", "a [REDACTED] b"),
                ("first-secret-longer", "[REDACTED]"),
                ("'päss wörd'", "'[REDACTED]'"),
                ("seven77 in /home/somebody", "seven77 in /home/somebody"),
            ]:
                self.assertEqual(redacted(given), expected)

    def test_half_a_secret_at_the_cut_is_masked_too(self) -> None:
        text = "x" * 90 + f" dapi{HEX}"
        self.assertEqual(redacted_and_cut(text, 100, head), "x" * 90 + " [REDACTE…")

    def test_a_hostile_text_costs_little(self) -> None:
        started = time.monotonic()
        for piece in (
            *("eyJ-", "eyJa.", "://", "://a:", "a://b:c", "password", "password=", "bearer "),
            *("-----", "-----BEGIN PRIVATE KEY-----", "dapi", "AKIA", "A", "\\", " "),
        ):
            redacted(piece * (20_000 // len(piece)))
        self.assertLess(time.monotonic() - started, 10)


class RedactedErrorTest(ExecutorTest):
    def environment(self, fault: str = "") -> dict[str, str]:
        return {**super().environment(fault), "WAREHOUSE_TOKEN": "of-the-executor"}

    def test_an_exceptions_text_is_masked_in_summary_trace_tails_and_what_the_executor_says(
        self,
    ) -> None:
        ran = self.run_code(
            f"""
            import os, sys
            os.environ["OWN_PASSWORD"] = "of the artifact"
            print("out dapi{HEX}")
            raise ValueError("{JWT} of-the-executor " + os.environ["OWN_PASSWORD"])
            """
        )
        error, logs = ran.result["error"], ran.result["logs"]
        self.assertEqual(error["summary"], "[REDACTED] [REDACTED] [REDACTED]")
        self.assertIn("ValueError: [REDACTED] [REDACTED] [REDACTED]", error["trace"])
        self.assertEqual(logs["stdout_tail"], "out [REDACTED]\n")
        self.assertIn("FAILED: ValueError: [REDACTED] [REDACTED] [REDACTED] (", ran.stderr)
        for secret in (HEX, JWT, "of-the-executor"):
            self.assertNotIn(secret, (ran.bytes or b"").decode())
        # The log has what was printed, and only who may read the scratchpad reads it.
        self.assertIn(f"dapi{HEX}", self.real(logs["stdout"]).read_text())

    def test_a_secret_at_the_edge_of_what_is_kept_is_masked(self) -> None:
        result = self.failed(
            f"""
            print('dapi{HEX}' + 'x' * {LOG_TAIL_CHARS_MAX - 10})
            raise ValueError('y' * {SUMMARY_CHARS_MAX - 10} + ' dapi{HEX}')
            """
        )
        self.assertNotIn(HEX[-9:], result["logs"]["stdout_tail"])
        self.assertNotIn("dapi0", result["error"]["summary"])

    def test_an_artifact_that_takes_the_environment_apart_is_told_of_all_the_same(self) -> None:
        for code in (
            "import os\nos.environ.clear()",
            "import os\nos.environ = None",
            "import os\nos.environ._data = None",
            "import re\nre.compile = re.sub = None",
        ):
            with self.subTest(code):
                error = self.failed(f"{code}\nraise ValueError('dapi{HEX} x')")["error"]
                self.assertEqual((error["type"], error["summary"]), ("ValueError", "[REDACTED] x"))
                self.real(f"{SCRATCHPAD}/result.json").unlink()


if __name__ == "__main__":
    unittest.main()
