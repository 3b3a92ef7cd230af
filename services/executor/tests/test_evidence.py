"""The result in the run's own output: the last words, whole, and the bytes of result.json."""

import os
import socket
import subprocess
import sys
import unittest

from support import SCRATCHPAD, SOURCE, ExecutorTest, Ran, evidence_in

from signalbox_executor.evidence import block
from signalbox_executor.limits import FORWARD_BYTES_MAX, OUTPUT_BYTES_MAX, RESULT_BYTES_MAX

# Of a run's output, Jobs keeps so much at least.
KEPT_BYTES = 5_000_000
RUNNING, GO_ON = (f"/Volumes/main/ops/scratchpad/{name}" for name in ("running", "go_on"))


class EvidenceTest(ExecutorTest):
    """That output and result.json hold the same is checked wherever a test looks at a result."""

    def test_it_is_the_last_thing_in_one_stream_of_both(self) -> None:
        for code in (
            "import sys\nprint('out')\nprint('err', file=sys.stderr)\n",
            "import sys\nprint('out', end='')\nprint('err', file=sys.stderr, end='')\n",
            "import sys\nprint('x', end='\\r', file=sys.stderr)\nraise ValueError('a\\rb\\n\\n')\n",
        ):
            with self.subTest(code):
                process = self.start(self.manifest(code), stderr=subprocess.STDOUT)
                output, _ = process.communicate(timeout=60)
                ran = Ran(self, process.returncode, output, b"")
                self.assertIn(ran.result["status"], ("SUCCESS", "FAILED"))
                *_, last = ran.stdout.splitlines()
                self.assertTrue(last.endswith(b"result.json)"), ran.stdout)
                self.assertIn(b"\nsignalbox: ", ran.stdout)
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_refused_manifest_has_it_too(self) -> None:
        ran = self.run_manifest({**self.manifest("pass\n"), "mode": "TEST"})
        self.assertEqual((ran.code, ran.result["error"]["type"]), (2, "ManifestError"))

    def test_where_no_result_is_written_there_is_none(self) -> None:
        lie = f"open('{SCRATCHPAD}/result.json', 'w').write('{{}}')\n"
        for code, fault, expected in [
            ("print('x')\n", "result.json=close", 3),
            (lie + "print('x')\n", "", 4),
        ]:
            with self.subTest(expected):
                ran = self.run_code(code, fault=fault)
                self.assertEqual((ran.code, ran.evidence, ran.stdout), (expected, None, b"x\n"))
                self.real(f"{SCRATCHPAD}/result.json").unlink(missing_ok=True)

    def test_a_neighbour_who_shuts_the_stream_after_a_block_of_his_own_makes_no_success(
        self,
    ) -> None:
        platform, own = socket.socketpair()
        self.addCleanup(platform.close)
        code = f"open('{RUNNING}', 'w').close()\nimport os, time\n"
        code += f"while not os.path.exists('{GO_ON}'): time.sleep(0.02)\n"
        process = self.start(self.manifest(code), stdout=own)
        self.wait_for(self.real(RUNNING).exists)
        own.sendall(block(b'{"status": "SUCCESS"}').encode())
        own.shutdown(socket.SHUT_WR)
        own.close()
        self.put(GO_ON, "")
        _, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5, stderr)

    def test_of_a_failed_attempt_the_exit_code_stays_its_own(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        process = self.start(self.manifest("raise ValueError('x')\n"), stdout=writing)
        os.close(writing)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)

    def test_the_word_cannot_be_put_together_out_of_both_streams(self) -> None:
        for first, second in ((1, 2), (2, 1)):
            with self.subTest(first):
                code = f"""
                import os, time
                for tail in (b"begin " + b"a" * 64 + b" 10", b"end " + b"a" * 64):
                    os.write({first}, b"signalbox-")
                    time.sleep(0.1)
                    os.write({second}, b"result " + tail + b"\\n")
                    time.sleep(0.1)
                """
                process = self.start(self.manifest(code), stderr=subprocess.STDOUT)
                output, _ = process.communicate(timeout=60)
                ran = Ran(self, process.returncode, output, b"")
                self.assertEqual((ran.result["status"], ran.code), ("SUCCESS", 0))
                self.assertNotIn(b"signalbox-result", ran.stdout)
                self.assertIn(b"signalbox-signalbox-\n", ran.stdout)
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_a_long_line_is_forwarded_as_several(self) -> None:
        ran = self.run_code("print('ä' * 20_000 + 'end', end='')\n")
        self.assertEqual(ran.result["status"], "SUCCESS")
        lines = ran.stdout.decode().splitlines()
        self.assertEqual("".join(lines), "ä" * 20_000 + "end")
        self.assertEqual([len(line) for line in lines], [8_192, 8_192, 3_619])

    def test_in_a_notebooks_process_streams_are_text_only(self) -> None:
        program = """
import sys
class TextOnly:
    def __init__(self, name): self.name, self.calls = name, []
    def write(self, text):
        assert type(text) is str
        self.calls.append(text)
    def flush(self): pass
sys.path.insert(0, sys.argv.pop(1))
real, sys.stdout, sys.stderr = sys.stdout, TextOnly("out"), TextOnly("err")
from signalbox_executor.main import run_and_exit
run_and_exit()
assert sys.stdout.calls[-1].startswith("signalbox-result begin "), "in one call"
assert sys.stdout.calls[-1].endswith("\\n")
real.buffer.write("".join(sys.stdout.calls).encode())
real.flush()
"""
        manifest = self.put_manifest(self.manifest("print('ä 😀', end='')\n"))
        done = subprocess.run(
            [sys.executable, "-c", program, str(SOURCE), manifest],
            env=self.environment(),
            capture_output=True,
        )
        ran = Ran(self, done.returncode, done.stdout, done.stderr)
        self.assertEqual(ran.code, 0, ran.stderr)
        self.assertEqual((ran.result["status"], ran.stdout), ("SUCCESS", "ä 😀\n".encode()))

    def test_the_largest_result_fits_into_the_kept_output_together_with_all_that_is_forwarded(
        self,
    ) -> None:
        """Random bytes do not shrink: base64 makes 4/3 of them."""
        worst = block(os.urandom(RESULT_BYTES_MAX)).encode()
        self.assertLess(len(worst), 1_450_000)
        self.assertLess(2 * FORWARD_BYTES_MAX + len(worst), KEPT_BYTES)
        self.assertLessEqual(max(map(len, worst.splitlines())), 1_000 + 40)
        self.assertEqual(len(evidence_in(worst)[1] or b""), RESULT_BYTES_MAX)

    def test_a_flood_on_both_streams_leaves_room_for_a_result_of_the_largest_kind(self) -> None:
        tables = [f"{n:03}" + os.urandom(382).hex() for n in range(200)]
        ran = self.run_code(
            f"""
            import os, random, string
            from signalbox_executor import context
            text = lambda chars: "".join(random.choices(string.printable[:94], k=chars))
            for fd in (1, 2):
                for _ in range(8):
                    data = b"\\xff\\0\\x85signalbox-result begin\\n" * 40_000
                    while data:
                        data = data[os.write(fd, data):]
            for name in {tables!r}:
                context.table(name)
            for n in range(200):
                name = "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(200))
                context.metric(name, n)
            context.output = text({OUTPUT_BYTES_MAX} * 9 // 10)
            context.capsule["c"] = text(58_000)
            """,
            policy={"writes": tables},
        )
        self.assertEqual(ran.result["status"], "SUCCESS")
        self.assertGreater(len(ran.bytes or b""), 550_000)
        for shown in (ran.stdout, ran.stderr.encode()):
            self.assertLessEqual(len(shown), FORWARD_BYTES_MAX + 1_000)
            self.assertNotIn(b"signalbox-result", shown)
        whole = len(ran.stdout) + len(ran.stderr.encode()) + len(block(ran.bytes or b""))
        self.assertLess(whole, KEPT_BYTES)

    def test_small_and_empty_contents(self) -> None:
        for content in (b"", b"x", b"{}\n", os.urandom(750), os.urandom(2_000)):
            found = evidence_in(b"before\n" + block(content).encode())
            self.assertEqual(found, (b"before\n", content))


if __name__ == "__main__":
    unittest.main()
