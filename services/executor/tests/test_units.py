"""The small parts that are easier to see through alone."""

import json
import unittest

import support  # noqa: F401  (puts the package on sys.path)

from signalbox_executor.artifact_context import safe_name
from signalbox_executor.json_value import NotJsonError, plain, to_bytes
from signalbox_executor.limits import MANIFEST_SCHEMA, REPORT_LINE_BYTES_MAX, RESULT_SCHEMA
from signalbox_executor.reports import Reports
from signalbox_executor.schema import _KEYWORDS, problems
from signalbox_executor.text import head, head_and_tail, tail


class TextTest(unittest.TestCase):
    def test_what_is_cut_is_within_the_limit_and_can_be_written(self) -> None:
        for text in ("x" * 50, "😀" * 50, "a" + "😀" * 50, "\ud800" * 50, "表" * 50):
            for limit in range(1, 101):
                for cut in (head, tail):
                    self.assertLessEqual(len(cut(text, limit)), limit)
                    cut(text, limit).encode("utf-8")
        self.assertEqual(head("abcdef", 4), "abc…")
        self.assertEqual(tail("abcdef", 4), "cdef")
        self.assertEqual(head("abcd", 4), "abcd")
        self.assertEqual(head("a\ud800", 4), "a?")

    def test_head_and_tail_keep_both_ends(self) -> None:
        text = "begin" + "x" * 1000 + "end"
        cut = head_and_tail(text, 300)
        self.assertLessEqual(len(cut), 300)
        self.assertTrue(cut.startswith("begin") and cut.endswith("end") and "were cut here" in cut)
        self.assertEqual(head_and_tail("short", 300), "short")


class JsonValueTest(unittest.TestCase):
    def test_sizes_are_those_of_javascripts_json_stringify(self) -> None:
        # The length that JSON.stringify gives in Node 24, in bytes.
        for value, size in [
            (None, 4), (True, 4), (1.0, 1), (-0.0, 1), (1e20, 21), (1e21, 4 + 1),
            (123456789012345680000.0, 21),
            (1e-5, 7), (0.00001234, 10), (1e-6, 8), (1e-7, 4 + 1), (1.5, 3),
            ("ä", 4), ("\x01", 8), ("\n", 4), ("\x7f", 3),
            ([2**60], 21), ([10**22], 7), ([1.0, 2], 5), ({"a": [1e16]}, 25),
        ]:  # fmt: skip
            with self.subTest(value):
                self.assertGreaterEqual(plain(value, "it")[1], size - 1)
                if not isinstance(value, float) or value not in (1e21, 1e-7):
                    self.assertEqual(plain(value, "it")[1], size)

    def test_copies_are_plain(self) -> None:
        class Text(str):
            pass

        copy, _ = plain({Text("k"): (Text("v"), [1])}, "it")
        self.assertEqual(copy, {"k": ["v", [1]]})
        self.assertIs(type(copy["k"][0]), str)
        self.assertIs(type(next(iter(copy))), str)

    def test_depth_is_counted_as_typescript_counts_it(self) -> None:
        def nested(levels: int) -> list:
            value: list = []
            for _ in range(levels - 1):
                value = [value]
            return value

        plain(nested(32), "it")
        with self.assertRaises(NotJsonError):
            plain(nested(33), "it")


class SchemaTest(unittest.TestCase):
    def test_every_keyword_of_the_contract_is_known(self) -> None:
        def keywords(schema: object) -> set:
            if not isinstance(schema, dict):
                return set()
            found = set(schema)
            for name in ("properties", "$defs"):
                for inner in schema.get(name, {}).values():
                    found |= keywords(inner)
            for name in ("items", "additionalProperties", "propertyNames"):
                found |= keywords(schema.get(name))
            for inner in schema.get("anyOf", []):
                found |= keywords(inner)
            return found

        self.assertEqual(
            (keywords(MANIFEST_SCHEMA) | keywords(RESULT_SCHEMA)) - set(_KEYWORDS), set()
        )

    def test_an_unknown_keyword_is_an_error(self) -> None:
        with self.assertRaises(NotImplementedError):
            problems(1, {"multipleOf": 2}, "it")

    def test_each_keyword_refuses_what_it_is_for(self) -> None:
        for schema, good, bad in [
            ({"type": "integer"}, 1.0, 1.5),
            ({"type": "integer"}, 1, True),
            ({"type": "number"}, 1.5, "1.5"),
            ({"type": "boolean"}, False, 0),
            ({"type": "null"}, None, 0),
            ({"const": 1}, 1, True),
            ({"enum": ["a", "b"]}, "a", "c"),
            ({"pattern": "^a$"}, "a", "a\n"),
            ({"pattern": "^\\d$"}, "1", "١"),
            ({"maxLength": 2}, "😀a", "abc"),
            ({"minLength": 1}, "a", ""),
            ({"maximum": 3}, 3, 4),
            ({"minimum": 3}, 3, 2),
            ({"maxItems": 1}, [1], [1, 2]),
            ({"minItems": 1}, [1], []),
            ({"items": {"type": "null"}}, [None], [1]),
            ({"properties": {"a": {"type": "null"}}}, {"a": None, "b": 1}, {"a": 1}),
            ({"required": ["a"]}, {"a": 1}, {}),
            ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
            ({"additionalProperties": {"type": "null"}}, {"b": None}, {"b": 1}),
            ({"propertyNames": {"maxLength": 1}}, {"a": 1}, {"ab": 1}),
            ({"anyOf": [{"type": "null"}, {"type": "string"}]}, "a", 1),
            ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "null"}}}, None, 1),
        ]:
            with self.subTest(schema):
                self.assertEqual(problems(good, schema, "it"), [])
                self.assertEqual(len(problems(bad, schema, "it")), 1)


class ReportsTest(unittest.TestCase):
    """The artifact's process is not believed: what its reports may not say is refused here too."""

    def test_what_is_not_a_report_is_refused(self) -> None:
        for line in (
            b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000,
            b'{"report": "new"}', b'{"report": "metric"}',
            b'{"report": "metric", "name": "m", "value": NaN}',
            b'{"report": "metric", "name": "", "value": 1}',
            b'{"report": "metric", "name": "__proto__", "value": 1}',
            b'{"report": "metric", "name": "m", "value": true}',
            b'{"report": "metric", "name": "m", "value": "1"}',
            b'{"report": "metric", "name": "m", "value": " 1_0 "}',
            b'{"report": "metric", "name": 5, "value": 1}',
            b'{"report": "metric", "name": "m", "value": 1, "samples": true}',
            b'{"report": "metric", "name": "m", "value": 1, "of": "a b"}',
            b'{"report": "metric_failed", "name": "m"}',
            b'{"report": "metric_failed", "name": "", "why": "x"}',
            b'{"report": "no_baseline", "name": null}',
            b'{"report": "artifact", "name": "a\\nb", "sha256": "", "bytes": 0}',
            b'{"report": "artifact", "name": "a\\u202eb", "sha256": "", "bytes": 0}',
            b'{"report": "table", "name": "main.ops.secret"}', b'{"report": "artifact", "name": 5}',
        ):  # fmt: skip
            with self.subTest(line[:40]):
                reports = Reports(writes=["main.ops.daily"])
                reports.take(line)
                self.assertIsNotNone(reports.refused)
                self.assertEqual(
                    (reports.measured.as_json(), reports.tables, reports.artifacts, reports.end),
                    ({"metrics": {}}, [], {}, None),
                )

    def test_an_end_is_refused_where_typescript_would_not_read_it(self) -> None:
        deep = "[" * 900 + "]" * 900
        for capsule, output, words in (
            ('{"__proto__": 1}', "null", "the capsule has the key __proto__"),
            ('{"n": %s}' % deep, "null", "nested deeper than 32 levels"),
            ('{"n": %s}' % ("1" * 4000), "null", "that no double holds"),
            ('{"n": NaN}', "null", "is nan"),
            ('{"s": "%s"}' % ("x" * 65_600), "null", "at most 65,536 are allowed"),
            ("[]", "null", "must be a dict"),
            ("{}", "[" * 33 + "]" * 33, "nested deeper than 32 levels"),
        ):
            with self.subTest(capsule[:40]):
                reports = Reports(writes=[])
                end = f'{{"report": "end", "error": null, "capsule": {capsule}, "output": {output}}}'
                reports.take(end.encode())
                self.assertIn(words, reports.refused or "")
                self.assertIsNone((reports.end or {})["output"])

    def test_limits_hold_here_too(self) -> None:
        reports = Reports(writes=[])
        for n in range(300):
            reports.take(json.dumps({"report": "metric", "name": f"m{n}", "value": n}).encode())
            reports.take(
                json.dumps(
                    {"report": "artifact", "name": f"a{n}", "sha256": "", "bytes": 0}
                ).encode()
            )
        self.assertEqual((len(reports.measured.metrics), len(reports.artifacts)), (200, 200))
        self.assertIn("m200 is one too many", reports.refused or "")

    def test_an_artifact_cannot_leave_its_folder(self) -> None:
        reports = Reports(writes=[])
        reports.take(
            b'{"report": "artifact", "name": "../../etc/passwd", "sha256": "", "bytes": 0}'
        )
        self.assertEqual(list(reports.artifacts), ["passwd"])

    def test_a_report_has_room_for_the_largest_that_is_permitted(self) -> None:
        end = {"report": "end", "capsule": "\x01" * 65_536, "output": "\x01" * 262_144}
        self.assertLess(len(to_bytes(end)), REPORT_LINE_BYTES_MAX)


class SafeNameTest(unittest.TestCase):
    def test_names_are_plain_and_short(self) -> None:
        for given in (
            "a.csv",
            "",
            ".",
            "..",
            "/",
            "a/b",
            "\0",
            "ä",
            "表",
            "-rf",
            ".hidden",
            "x" * 500,
            "x" * 500 + ".csv",
            "a" + "." * 300,
        ):
            with self.subTest(given[:20]):
                self.assertRegex(safe_name(given), r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


if __name__ == "__main__":
    unittest.main()
