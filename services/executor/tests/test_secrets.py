"""Secrets: how they reach an artifact, and what is kept of them where it prints them."""

import base64
import json
import os
import sys
import time
import unittest
from random import Random

from support import SCRATCHPAD, ExecutorTest, Ran

from signalbox_executor.masking import MASK, MaskedStream, Masking

VALUE = "s3cr3t-Zoë/+value&more"
KEY = {"scope": "team", "key": "api-key", "env": "API_KEY", "required": True}


class SecretsTest(ExecutorTest):
    """A databricks-sdk whose dbutils holds one scope: the platform installs a real one."""

    def setUp(self) -> None:
        super().setUp()
        self.sdk = self.root / "site"
        package = self.sdk / "databricks" / "sdk" / "runtime"
        package.mkdir(parents=True)
        for folder in (package.parent.parent, package.parent):
            (folder / "__init__.py").write_text("")
        self.hold({"team/api-key": VALUE})

    def hold(self, values: dict[str, str]) -> None:
        (self.sdk / "databricks/sdk/runtime/__init__.py").write_text(
            f"values = {values!r}\n"
            "class secrets:\n"
            "    def get(scope, key):\n"
            "        if f'{scope}/{key}' not in values:\n"
            "            raise PermissionError('no READ')\n"
            "        return values[f'{scope}/{key}']\n"
            "class dbutils: secrets = secrets\n"
        )

    def environment(self, fault: str = "") -> dict[str, str]:
        own = super().environment(fault)
        return {**own, "PYTHONPATH": f"{own['PYTHONPATH']}{os.pathsep}{self.sdk}"}

    def everything(self, ran: Ran) -> bytes:
        """All that an attempt leaves in its Volume, and what the platform shows."""
        kept = [path.read_bytes() for path in self.volumes.rglob("*") if path.is_file()]
        return b"\n".join([*kept, ran.stdout, ran.stderr.encode(), ran.evidence or b""])

    def test_it_is_there_by_its_key_in_the_environment_and_in_what_the_artifact_starts(self) -> None:
        ran = self.run_code(
            """
            import os, subprocess, sys
            from signalbox_executor import context
            value = context.secret("api-key")
            assert os.environ["API_KEY"] == value
            code = "import os; print(len(os.environ['API_KEY']))"
            child = subprocess.run([sys.executable, "-c", code], stdout=-1, check=True)
            context.output({"chars": int(child.stdout), "keys": list(context.secrets)})
            """,
            secrets=[KEY],
        )
        self.assertEqual(ran.result["status"], "SUCCESS", ran.stderr)
        self.assertEqual(ran.result["output"]["chars"], len(VALUE))
        self.assertEqual(ran.result["output"]["keys"], ["api-key"])

    def test_what_a_process_was_started_with_does_not_show_it(self) -> None:
        ran = self.run_code(
            """
            from signalbox_executor import context
            begun = [open(f"/proc/self/{name}", "rb").read() for name in ("environ", "cmdline")]
            context.output(any(context.secret("api-key").encode() in each for each in begun))
            """,
            secrets=[KEY],
        )
        if sys.platform == "linux":
            self.assertIs(ran.result["output"], False)

    def test_nothing_that_is_left_holds_it_however_it_was_printed(self) -> None:
        ran = self.run_code(
            """
            import base64, json, os, sys, urllib.parse
            from signalbox_executor import context
            value = context.secret("api-key")
            print("plain", value, flush=True)
            print(base64.b64encode(value.encode()).decode(), value.encode().hex(), repr(value))
            print(urllib.parse.quote(value), urllib.parse.quote(value, safe=""))
            print(json.dumps([value]))
            for n in range(3):
                print(base64.b64encode(b"u" * n + b":" + value.encode() + b"!").decode())
            sys.stderr.write(f"x{value}x")
            for letter in value.encode():
                os.write(1, bytes([letter]))
            context.summary(f"used {value}")
            context.capsule["last"] = {value: [value]}
            context.output = {"token": value}
            context.progress(0.5, f"with {value}")
            raise ValueError(f"{value} was refused")
            """,
            secrets=[KEY],
        )
        self.assertEqual(ran.result["status"], "FAILED")
        self.assertIn("[REDACTED] was refused", ran.result["error"]["summary"])
        self.assertEqual(ran.result["output"], {"token": MASK})
        self.assertEqual(ran.result["summary"], f"used {MASK}")
        left = self.everything(ran)
        for form in (
            VALUE.encode(),
            base64.b64encode(VALUE.encode()),
            base64.b64encode(VALUE.encode())[4:-4],
            VALUE.encode().hex().encode(),
            json.dumps(VALUE)[1:-1].encode(),
            b"s3cr3t",
            b"czNjcjN0",
            b"%2Fvalue",
        ):
            self.assertNotIn(form, left, form)
        self.assertIn(b"plain [REDACTED]", left)

    def test_a_capsule_that_holds_one_goes_on_without_it(self) -> None:
        result = self.succeed(
            "from signalbox_executor import context\n"
            'context.capsule["t"] = context.secret("api-key")',
            secrets=[KEY],
        )
        self.assertEqual(result["capsule"], {"t": MASK})

    def test_names_that_hold_one_are_refused(self) -> None:
        secret = "context.secret('api-key')"
        for call in (f"metric({secret}, 1)", f"artifact(b'', {secret})"):
            with self.subTest(call):
                self.hold({"team/api-key": "plain-secret-value"})
                ran = self.run_code(
                    f"from signalbox_executor import context\ncontext.{call}", secrets=[KEY]
                )
                self.assertIn("holds a secret", ran.result["error"]["summary"])
                self.assertNotIn(b"plain-secret-value", self.everything(ran))
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_one_that_is_required_and_missing_fails_before_anything_runs(self) -> None:
        missing = {**KEY, "key": "other"}
        ran = self.run_code("print('it ran')", secrets=[missing], run_as="1f1c-app")
        error = ran.result["error"]
        self.assertEqual((error["type"], ran.code), ("SecretError", 1))
        command = "databricks secrets put-acl team 1f1c-app READ"
        for word in ("other", "team", "1f1c-app", "no READ", command):
            self.assertIn(word, error["summary"])
        self.assertNotIn(b"it ran", ran.stdout)

    def test_one_that_may_be_missing_is_missing(self) -> None:
        result = self.succeed(
            """
            import os
            from signalbox_executor import context
            try:
                context.secret("other")
            except KeyError as error:
                context.output([list(context.secrets), "API_KEY" in os.environ, str(error)])
            """,
            secrets=[{**KEY, "key": "other", "required": False}],
        )
        self.assertEqual(result["output"][:2], [[], False])
        self.assertIn("name it under secrets in the recipe", result["output"][2])

    def test_the_computes_own_variable_comes_first_unless_it_was_never_filled(self) -> None:
        self.hold({"team/api-key": "from-the-scope"})
        for own, expected in (("from-the-cluster", 16), ("{{secrets/team/api-key}}", 14)):
            with self.subTest(own):
                os.environ["API_KEY"] = own
                self.addCleanup(os.environ.pop, "API_KEY", None)
                result = self.succeed(
                    "from signalbox_executor import context\n"
                    "context.output(len(context.secret('api-key')))",
                    secrets=[KEY],
                )
                self.assertEqual(result["output"], expected)
                self.real(f"{SCRATCHPAD}/result.json").unlink()


class MaskingTest(unittest.TestCase):
    def masked(self, values: list[str], pieces: list[bytes]) -> bytes:
        masking = Masking()
        for value in values:
            masking.hide(value)
        stream = MaskedStream(masking)
        return b"".join([*map(stream.take, pieces), stream.end()])

    def test_every_way_to_cut_a_stream_gives_the_same(self) -> None:
        values = ["abcabcab", "abcabdxyz", "bcabcabd"]
        text = b"--abcabcab-bcabcabd-abcabdxyz--abcabca"
        whole = self.masked(values, [text])
        for first in range(len(text) + 1):
            for second in range(first, len(text) + 1, 3):
                pieces = [text[:first], text[first:second], text[second:]]
                self.assertEqual(self.masked(values, pieces), whole)
        for value in values:
            self.assertNotIn(value.encode(), whole)

    def test_a_stream_is_masked_as_the_whole_text_is(self) -> None:
        random = Random(7)
        for _ in range(3_000):
            letters = random.choice(["ab", "abc", "a\nb"])
            values = ["".join(random.choices(letters, k=random.randint(6, 9))) for _ in range(3)]
            parts = [random.choice([*values, *letters, "-"]) for _ in range(8)]
            data = "".join(parts).encode()
            cuts = sorted(random.choices(range(len(data) + 1), k=6))
            pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            masking = Masking()
            for value in values:
                masking.hide(value)
            self.assertEqual(self.masked(values, pieces).decode(), masking.text(data.decode()))

    def test_what_overlaps_itself_holds_no_stream_up(self) -> None:
        masking = Masking()
        masking.hide("aaaaaa")
        stream = MaskedStream(masking)
        held = 4096 * 100 - sum(len(stream.take(b"a" * 4096)) for _ in range(100))
        self.assertEqual(stream.end(), b"")
        self.assertEqual(held, 4096 * 100 - len(MASK))

    def test_of_two_that_overlap_nothing_comes_through(self) -> None:
        values, text = ["abcabcab", "abcabdxyz"], b"-abcabcabdxyz-"
        for cut in range(len(text) + 1):
            masked = self.masked(values, [text[:cut], text[cut:]])
            self.assertEqual(masked, b"-[REDACTED]-")

    def test_gigabytes_without_a_secret_pass_quickly(self) -> None:
        masking = Masking()
        for n in range(10):
            masking.hide(f"{n}-secret-of-forty-characters-0123456789")
        stream, chunk = MaskedStream(masking), b"0123456789abcdef" * 4096
        began = time.process_time()
        for _ in range(100):
            stream.take(chunk)
        self.assertLess(time.process_time() - began, 3)  # 6.5 MB; it takes 0.1 s

    def test_of_two_that_begin_alike_the_longer_one_goes_whole(self) -> None:
        for pieces in ([b"secretlonger."], [b"secret", b"longer."], [b"secretlo", b"nger."]):
            self.assertEqual(self.masked(["secret", "secretlonger"], pieces), b"[REDACTED].")

    def test_bytes_that_are_no_text_stay(self) -> None:
        self.assertEqual(self.masked(["secret"], [b"\xff\xfese", b"cre\xff"]), b"\xff\xfesecre\xff")

    def test_a_short_value_would_mask_half_of_all_words(self) -> None:
        self.assertEqual(self.masked(["a", "12345"], [b"a 12345"]), b"a 12345")

    def test_each_long_line_of_a_key_in_lines(self) -> None:
        lines = ["-----BEGIN KEY-----", "MIIEvQIBADANBgkqhkiG9w0", "AQEFAASCBKcwggSj", "-----END"]
        key = "\n".join(lines)
        self.assertNotIn(b"MIIEv", self.masked([key], [b"  MIIEvQIBADANBgkqhkiG9w0\r\n"]))

    def test_without_secrets_nothing_is_held_up(self) -> None:
        self.assertEqual(MaskedStream(Masking()).take(b"anything"), b"anything")



if __name__ == "__main__":
    unittest.main()
