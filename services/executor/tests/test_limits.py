"""Every limit of the contract is held, and what goes beyond it is named."""

import unittest

from support import SCRATCHPAD, ExecutorTest

from signalbox_executor.limits import (
    CAPSULE_BYTES_MAX,
    OUTPUT_BYTES_MAX,
    SUMMARY_CHARS_MAX,
    TRACE_CHARS_MAX,
)

CONTEXT = "from signalbox_executor import context\n"


class LimitsTest(ExecutorTest):
    def refused(self, code: str, *words: str, **changes: object) -> None:
        """The attempt fails with these words, whether the artifact lets the refusal through or
        swallows it.
        """
        swallowed = "".join(f"    {line}\n" for line in code.splitlines())
        for name, text in {
            "let through": code,
            "swallowed": f"try:\n{swallowed}except ValueError:\n    pass",
        }.items():
            with self.subTest(code, how=name):
                error = self.failed(CONTEXT + text + "\n", **changes)["error"]
                self.assertEqual(error["type"], "RefusedError")
                for word in words:
                    self.assertIn(word, error["summary"])
                self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_metrics_are_finite_numbers(self) -> None:
        for value in ("float('nan')", "float('inf')", "float('-inf')", "10 ** 400"):
            self.refused(f"context.metric('rmse', {value})", "metric rmse is", "number")
        for value in ("None", "'1.5'", "True", "[1]", "1j"):
            self.refused(
                f"context.metric('rmse', {value})", "metric rmse is", "a metric must be a number"
            )

    def test_metrics_have_names_of_bounded_length(self) -> None:
        for name in (
            "''",
            "'n' * 201",
            "'😀' * 201",
            "None",
            "5",
            "'__proto__'",
            "'\\ud800'",
            "'a\\nb'",
            "'a\\x9b'",
        ):
            self.refused(
                f"context.metric({name}, 1)", "a metric's name must be text of 1 to 200 characters"
            )
        self.succeed(CONTEXT + "context.metric('n' * 200, 1)\ncontext.metric('😀' * 200, 1)\n")

    def test_what_stands_beside_a_metric_is_checked_too(self) -> None:
        for samples in ("-1", "0.5", "True", "'9'", "2**53"):
            self.refused(f"context.metric('m', 1, samples={samples})", "metric m has", "samples")
        for name in ("'the old one'", "'__proto__'", "''", "'n' * 65", "5", "'a\\n'", "'-a'"):
            for call in ("metric('m', 1, of={})", "metric_failed('m', '', of={})", "no_baseline({})"):
                self.refused(f"context.{call.format(name)}", "a baseline's name must be one such as")
        self.refused("context.metric_failed('', 'why')", "a metric's name must be text of 1 to 200")

    def test_a_baseline_exists_or_does_not(self) -> None:
        metric, none = "context.metric('m', 1, of='b')", "context.no_baseline('b')"
        self.refused(f"{none}\n{metric}", "baseline b has a metric, and was said not to exist")
        self.refused(f"{metric}\n{none}", "baseline b has metrics, so it exists")
        self.refused(
            "for n in range(11): context.no_baseline(f'b{n}')", "baseline b10 is one too many"
        )

    def test_measures_that_are_too_much_together_are_refused_and_left_out(self) -> None:
        result = self.failed(
            CONTEXT
            + "for b in range(10):\n"
            "    for n in range(200): context.metric(f'{n:03}' + '😀' * 197, n, of=f'b{b}')\n"
        )
        self.assertIn("report less", result["error"]["summary"])
        self.assertEqual((result["metrics"], "baselines" in result), ({}, False))

    def test_there_are_at_most_so_many_metrics(self) -> None:
        self.refused(
            "for n in range(201):\n    context.metric(f'm{n}', n)",
            "metric m200 is one too many",
            "at most 200",
        )
        result = self.succeed(
            CONTEXT + "for n in range(1000):\n    context.metric(f'm{n % 200}', n)\n"
        )
        self.assertEqual((len(result["metrics"]), result["metrics"]["m0"]), (200, 800))

    def test_there_are_at_most_so_many_artifacts(self) -> None:
        self.refused(
            "for n in range(201):\n    context.artifact(b'', f'a{n}')",
            "artifact a200 is one too many",
            "at most 200",
        )

    def test_tables_must_be_among_the_permitted_and_not_too_many(self) -> None:
        self.refused(
            "context.table('main.ops.daily')", "table 'main.ops.daily' is not among", ": none"
        )
        self.refused(
            "context.table('main.ops.b')",
            "may write: main.ops.a",
            policy={"writes": ["main.ops.a"]},
        )
        self.refused("context.table(None)", "table None is not among")
        writes = [f"main.ops.t{n}" for n in range(201)]
        self.refused(
            "for n in range(201):\n    context.table(f'main.ops.t{n}')",
            "one too many",
            policy={"writes": writes},
        )

    def test_the_capsule_is_bounded(self) -> None:
        room = CAPSULE_BYTES_MAX - len('{"x":""}')
        result = self.succeed(CONTEXT + f"context.capsule['x'] = 'y' * {room}\n")
        self.assertEqual(len(result["capsule"]["x"]), room)
        self.real(f"{SCRATCHPAD}/result.json").unlink()
        for code in (
            f"context.capsule['x'] = 'y' * {room + 1}",
            f"context.capsule['x'] = 'ä' * {room // 2 + 1}",
        ):
            error = self.failed(CONTEXT + code + "\n")["error"]
            self.assertEqual(error["type"], "RefusedError")
            self.assertIn("the capsule has 65,53", error["summary"])
            self.assertIn("at most 65,536 are allowed", error["summary"])
            self.real(f"{SCRATCHPAD}/result.json").unlink()

    def test_the_output_is_bounded(self) -> None:
        result = self.succeed(CONTEXT + f"context.output = 'y' * {OUTPUT_BYTES_MAX - 2}\n")
        self.assertEqual(len(result["output"]), OUTPUT_BYTES_MAX - 2)
        self.real(f"{SCRATCHPAD}/result.json").unlink()
        error = self.failed(CONTEXT + f"context.output = 'y' * {OUTPUT_BYTES_MAX - 1}\n")["error"]
        self.assertIn("the output has 262,145 bytes as JSON", error["summary"])

    def test_capsule_and_output_are_json_that_comes_back_as_it_was(self) -> None:
        for value, words in {
            "{1: 2}": "has the key 1: JSON has only text as keys",
            "{'a': {1, 2}}": "['a'] is a set",
            "{'a': [0, float('nan')]}": "['a'][1] is nan",
            "{'a': 2 ** 53 + 1}": "['a'] is an integer beyond 2^53 that no double holds",
            "{'a': 10 ** 5000}": "['a'] is an integer beyond 2^53 that no double holds",
            "{'a': b'x'}": "['a'] is a bytes",
            "{'a': '\\ud800'}": "lone surrogate",
            "{'__proto__': 1}": "__proto__",
            "{'a': __import__('datetime').date.today()}": "['a'] is a date",
            "(lambda d: (d.update(a=d), d)[1])({})": "nested deeper than 32 levels",
        }.items():
            for target in ("capsule", "output"):
                with self.subTest(value, target=target):
                    error = self.failed(f"{CONTEXT}context.{target} = {value}\n")["error"]
                    self.assertEqual(error["type"], "RefusedError")
                    self.assertIn(f"the {target}", error["summary"])
                    self.assertIn(words, error["summary"])
                    self.real(f"{SCRATCHPAD}/result.json").unlink()
        self.assertIn(
            "must be a dict", self.failed(CONTEXT + "context.capsule = [1]\n")["error"]["summary"]
        )

    def test_tuples_and_numbers_of_subclasses_are_json(self) -> None:
        result = self.succeed(
            CONTEXT + "import enum\nclass N(enum.IntEnum):\n    A = 3\ncontext.output = (1, (2.5, "
            "N.A), 2 ** 53 - 1)\n"
        )
        self.assertEqual(result["output"], [1, [2.5, 3], 2**53 - 1])

    def test_large_numbers_that_a_double_holds_are_numbers(self) -> None:
        code = (
            "context.metric('loss', 1e16)\ncontext.metric('bytes', 2**53)\n"
            "context.metric('rounded', 2**53 + 1)\ncontext.capsule['scale'] = 1e20\n"
            "context.output = [2**60, 10**22]\n"
        )
        result = self.succeed(CONTEXT + code)
        self.assertEqual(result["metrics"], {"loss": 1e16, "bytes": 2**53, "rounded": 2**53})
        self.assertEqual(result["capsule"]["scale"], 1e20)
        self.assertEqual(result["output"], [2**60, 10**22])

    def test_long_sentences_are_cut_and_the_log_says_so(self) -> None:
        for text in ("'x' * 3000", "'😀' * 2500"):
            result = self.succeed(CONTEXT + f"context.summary({text})\ncontext.finish({text})\n")
            for key in ("summary", "finished"):
                self.assertLessEqual(len(result[key]), SUMMARY_CHARS_MAX)
                self.assertGreater(len(result[key]), SUMMARY_CHARS_MAX - 1)
                self.assertTrue(result[key].endswith("…"))
            self.assertIn("the summary was cut to 2000 characters", result["logs"]["stderr_tail"])
            self.real(f"{SCRATCHPAD}/result.json").unlink()
        self.refused("context.finish(' ')", "needs a reason")

    def test_long_errors_are_cut(self) -> None:
        error = self.failed(
            "class E(Exception): pass\nE.__qualname__ = 'E' * 500\nraise E('😀' * 20000)\n"
        )["error"]
        self.assertEqual(len(error["type"]), 200)
        self.assertLessEqual(len(error["summary"]), SUMMARY_CHARS_MAX)
        self.assertLessEqual(len(error["trace"]), TRACE_CHARS_MAX)
        self.assertIn("characters and more were cut here", error["trace"])
        self.assertIn('File "entry.py", line 3', error["trace"])

    def test_a_result_that_would_be_too_large_loses_its_tails_first(self) -> None:
        """Metrics, tables, output and capsule fit alone, and not together with the tails."""
        tables = [f"{n:03}" + "😀" * 764 for n in range(200)]
        # About 612 kB of tables, 328 of output and capsule, 80 of metrics, and 96 of tails (six
        # bytes for each \x01).
        code = f"""
import sys
{CONTEXT}
for name in {tables!r}: context.table(name)
context.output = "o" * {OUTPUT_BYTES_MAX - 2}
context.capsule["c"] = "c" * {CAPSULE_BYTES_MAX - 8}
for n in range(200): context.metric(f"{{n:03}}" + "😀" * 97, n)
for stream in (sys.stdout, sys.stderr): stream.write("\\x01" * 8000)
"""
        result = self.succeed(code, policy={"writes": tables})
        self.assertEqual(
            (len(result["produced_tables"]), len(result["output"])), (200, OUTPUT_BYTES_MAX - 2)
        )
        self.assertEqual(
            (len(result["logs"]["stdout_tail"]), len(result["logs"]["stderr_tail"])), (1000, 1000)
        )
        self.assertEqual(self.real(result["logs"]["stdout"]).stat().st_size, 8000)

    def test_a_result_that_is_too_large_all_the_same_fails_the_attempt(self) -> None:
        tables = [f"{n:03}" + "\x01" * 764 for n in range(200)]
        code = (
            f"{CONTEXT}for name in {tables!r}: context.table(name)\ncontext.output = 'o' * "
            f"{OUTPUT_BYTES_MAX - 2}\n"
        )
        result = self.failed(code, policy={"writes": tables}, capsule={"n": 1})
        self.assertIn("at most 1,048,576 are allowed: report less", result["error"]["summary"])
        self.assertEqual(
            (result["produced_tables"], result["output"], result["capsule"]), ([], None, {"n": 1})
        )


if __name__ == "__main__":
    unittest.main()
