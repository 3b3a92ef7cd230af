"""Printed output is kept, bounded, and forwarded as harmless text."""

import os
import sys
import unittest
from random import Random

from support import ExecutorTest, Ran, evidence_in

from signalbox_executor.harmless import Harmless, harmless
from signalbox_executor.limits import FORWARD_BYTES_MAX, LOG_BYTES_MAX, LOG_TAIL_CHARS_MAX
from signalbox_executor.logs import BoundedLog


class LogsTest(ExecutorTest):
    def test_both_streams_are_kept_whole_and_forwarded(self) -> None:
        ran = self.run_code(
            "import sys, os\nprint('out ä')\nprint('err', file=sys.stderr)\nos.system('echo "
            "shell')\n"
        )
        logs = ran.result["logs"]
        self.assertEqual(self.real(logs["stdout"]).read_text(), "out ä\nshell\n")
        self.assertEqual(self.real(logs["stderr"]).read_text(), "err\n")
        self.assertEqual((logs["stdout_tail"], logs["stderr_tail"]), ("out ä\nshell\n", "err\n"))
        self.assertEqual(ran.stdout.decode(), "out ä\nshell\n")
        self.assertTrue(ran.stderr.startswith("err\nsignalbox: SUCCESS"))

    def test_a_flood_of_output_is_cut_in_the_middle_and_takes_no_memory(self) -> None:
        manifest = self.manifest(
            """
            import os
            os.write(1, b"first\\n")
            line = b"x" * 99 + b"\\n"
            for _ in range(1000):
                data = line * 1000
                while data:
                    data = data[os.write(1, data):]
            os.write(1, b"last\\n")
            """
        )
        with open(self.root / "forwarded", "wb") as forwarded:
            process = self.start(manifest, stdout=forwarded)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        kept = self.real(
            "/Volumes/main/ops/scratchpad/run_r-1/iter_001/attempt_001/stdout.log"
        ).read_bytes()
        self.assertLessEqual(len(kept), LOG_BYTES_MAX)
        self.assertGreater(len(kept), LOG_BYTES_MAX - 1000)
        self.assertTrue(kept.startswith(b"first\nxxx") and kept.endswith(b"xxx\nlast\n"))
        mark = next(line for line in kept.decode().splitlines() if line.startswith("[signalbox"))
        cut, whole = 100_000_011 - (len(kept) - len(mark) - 2), 100_000_011
        self.assertEqual(
            mark, f"[signalbox: {cut} bytes were cut here, of {whole}; a log keeps {LOG_BYTES_MAX}]"
        )
        shown, _ = evidence_in((self.root / "forwarded").read_bytes())
        self.assertLessEqual(len(shown), FORWARD_BYTES_MAX)
        self.assertGreater(len(shown), FORWARD_BYTES_MAX - 1000)
        self.assertTrue(shown.startswith(b"first\nxxx") and shown.endswith(b"xxx\nlast\n"))
        mark = next(line for line in shown.decode().splitlines() if line.startswith("[signalbox"))
        self.assertEqual(
            mark,
            f"[signalbox: {whole - (len(shown) - len(mark) - 2)} bytes were cut here, of {whole}; "
            f"at most {FORWARD_BYTES_MAX} are shown here, the log in the scratchpad keeps more]",
        )
        kilobytes = usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)
        self.assertLess(
            kilobytes, 80 * 1024, "the executor and its artifact hold only what is kept"
        )

    def test_bytes_that_are_no_text_are_kept_as_they_are_and_forwarded_as_text(self) -> None:
        ran = self.run_code("import os\nos.write(1, b'\\xff\\xfe\\x00 latin \\xe4\\n')\n")
        logs = ran.result["logs"]
        self.assertEqual(self.real(logs["stdout"]).read_bytes(), b"\xff\xfe\x00 latin \xe4\n")
        self.assertEqual(logs["stdout_tail"], "\ufffd\ufffd\x00 latin \ufffd\n")
        self.assertEqual(ran.stdout, b"??? latin ?\n")

    def test_printing_what_is_no_text_does_not_fail_the_artifact(self) -> None:
        result = self.succeed("print('\\ud800 😀')\n")
        self.assertEqual(result["logs"]["stdout_tail"], "\\ud800 😀\n")

    def test_tails_are_bounded_in_characters(self) -> None:
        tail = self.succeed("print('a' + '😀' * 10_000, end='!')\n")["logs"]["stdout_tail"]
        self.assertEqual(tail, "😀" * (LOG_TAIL_CHARS_MAX - 1) + "!")

    def test_an_unfinished_line_before_a_crash_is_kept(self) -> None:
        result = self.failed("import os\nprint('half a li', end='')\nos._exit(1)\n")
        self.assertEqual(result["logs"]["stdout_tail"], "half a li")

    def test_where_nobody_reads_stderr_nothing_changes(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        code = "import sys\nprint('x' * 100_000, file=sys.stderr)\n"
        process = self.start(self.manifest(code), stderr=writing)
        os.close(writing)
        stdout, _ = process.communicate(timeout=30)
        ran = Ran(self, process.returncode, stdout, b"")
        self.assertEqual((ran.result["status"], ran.code), ("SUCCESS", 0))

    def test_where_nobody_reads_stdout_the_result_is_written_and_the_run_fails(self) -> None:
        """Else whoever shut it after a block of his own would have made a success."""
        reading, writing = os.pipe()
        os.close(reading)
        process = self.start(self.manifest("print('x' * 100_000)\n"), stdout=writing)
        os.close(writing)
        _, stderr = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 5)
        self.assertIn(b"signalbox: the result could not be printed: BrokenPipeError", stderr)
        result = self.real(
            "/Volumes/main/ops/scratchpad/run_r-1/iter_001/attempt_001/result.json"
        ).read_bytes()
        self.assertIn(b'"status":"SUCCESS"', result)


class BoundedLogTest(unittest.TestCase):
    def test_it_keeps_the_beginning_and_the_end_whatever_the_pieces(self) -> None:
        data = bytes(range(256)) * 40
        for size in (1, 7, 100, 1000, len(data)):
            with self.subTest(size):
                forwarded: list[bytes] = []
                log = BoundedLog(forwarded.append, bytes_max=1200, forward_bytes_max=400)
                for start in range(0, len(data), size):
                    log.add(data[start : start + size])
                self.assertEqual(b"".join(forwarded), data[:100], "the head goes at once")
                kept = log.freeze()
                log.add(b"too late")
                log.forward_rest()
                self.assertEqual(kept, data[:500] + self.mark(len(data) - 1000, 1200) + data[-500:])
                shown = b"".join(forwarded)
                self.assertTrue(
                    shown.startswith(data[:100] + b"\n[signalbox: 10040 bytes were cut")
                )
                self.assertTrue(shown.endswith(b"]\n" + data[-100:]))
                self.assertLessEqual(len(shown), 400)

    def test_nothing_is_cut_up_to_the_limit(self) -> None:
        for size in (0, 1, 99, 100, 101, 199, 200, 201, 499, 500, 501, 999, 1000):
            forwarded: list[bytes] = []
            log = BoundedLog(forwarded.append, bytes_max=1200, forward_bytes_max=400)
            data = (bytes(range(256)) * 4)[:size]
            log.add(data)
            self.assertEqual(log.freeze(), data)
            log.forward_rest()
            if size <= 200:
                self.assertEqual(b"".join(forwarded), data)
            else:
                self.assertIn(f"{size - 200} bytes were cut here".encode(), b"".join(forwarded))

    def mark(self, cut: int, keeps: int) -> bytes:
        return (
            f"\n[signalbox: {cut} bytes were cut here, of {cut + keeps - 200}; "
            f"a log keeps {keeps}]\n"
        ).encode()


class HarmlessTest(unittest.TestCase):
    """The same for all pieces in which it may come."""

    def test_what_is_changed(self) -> None:
        for given, expected in [
            (b"", ""),
            ("plain ä 表 😀\n\tindented\n".encode(), "plain ä 表 😀\n\tindented\n"),
            (b"a\r\nb\rc\r", "a\nb?c?"),
            (b"\r\r\n", "?\n"),
            (b"\0\x07\x1b[31m\x7f", "???[31m?"),
            ("\x85\u2028\u2029\x9b".encode(), "????"),
            (b"\xff\xe4\xf0\x9f\x98", "???"),
            (b"\xed\xa0\x80", "???"),
            (b"signalbox-result begin", "signalbox-resul? begin"),
            (b"x signalbox-result", "x signalbox-resul?"),
            (b"\nsignalbox-resultsignalbox-result\n", "\nsignalbox-resul?signalbox-resul?\n"),
            (b"signalbox-resul\0", "signalbox-resul?"),
            (b"signalbox-\r\nresult", "signalbox-\nresult"),
            (b"signalbox-\0result", "signalbox-?result"),
            (b"Signalbox-Result", "Signalbox-Result"),
        ]:
            for size in (1, 2, 3, 5, 15, 16, 17, 100):
                with self.subTest(given, size=size):
                    pieces = [given[at : at + size] for at in range(0, len(given), size)]
                    stream = Harmless()
                    shown = "".join([*map(stream.text, pieces), stream.text(b"", last=True)])
                    self.assertEqual(shown, expected)

    def test_a_text_of_our_own_that_quotes_others(self) -> None:
        self.assertEqual(harmless("a\ud800\nsignalbox-result end\r"), "a?\nsignalbox-resul? end?")

    def test_it_is_never_longer_than_what_came(self) -> None:
        random = Random(7)
        alphabet = [
            *(b"\xff", b"\xe4", b"\0", b"\r", b"\n", b"signalbox-result", b"signal"),
            *("表".encode(), "\u2028".encode()),
        ]
        for _ in range(300):
            given = b"".join(random.choices(alphabet, k=random.randrange(30)))
            stream = Harmless()
            at = random.randrange(len(given) + 1)
            shown = stream.text(given[:at]) + stream.text(given[at:]) + stream.text(b"", last=True)
            self.assertLessEqual(len(shown.encode()), len(given))
            self.assertNotIn("signalbox-result", shown)


if __name__ == "__main__":
    unittest.main()
