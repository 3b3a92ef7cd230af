"""A thin client of a workspace's SQL with the words of Spark, for compute that has no pyspark: the
embedded workspace. Statements run in a warehouse, as the run's own principal. What it does not have
says so; on Databricks nothing of this is used.
"""

import datetime
import decimal
import importlib
import importlib.util
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

Call = Callable[[str, str, "dict[str, Any] | None"], dict[str, Any]]
_QUERY = re.compile(r"\s*(?:--[^\n]*\n\s*)*\(*\s*(?:select|with|values|table|from)\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+){0,2}")
_SHOWN_CHARS = 20


class SparkError(Exception):
    """The workspace refused a statement, or this client lacks what was asked for."""


def workspace_access() -> dict[str, str] | None:
    """Host and token of the run's principal, where a process of the platform may have them and
    there is no pyspark. The executor asks, and hands them to the artifact's process.
    """
    try:
        if importlib.util.find_spec("pyspark") is not None:
            return None
    except ImportError:
        pass  # a finder that says in a sentence that it is not there
    try:
        provider = importlib.import_module("dbruntime.sdk_credential_provider")
        host, headers = provider.init_runtime_native_auth()
        return {"host": host, "token": headers()["Authorization"].removeprefix("Bearer ")}
    except Exception:
        return None  # not within a workspace


def spark_session(access: dict[str, str] | None, report: Callable[[str], None]) -> Any:
    """The platform's session, or a thin one. `report` hears each table that is written by name."""
    if access is not None:
        return ThinSession(_caller(access), report)
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise SparkError(
            "spark and %sql need pyspark or a workspace's warehouse, and here is neither"
        ) from None
    return SparkSession.builder.getOrCreate()


class ThinSession:
    def __init__(self, call: Call, report: Callable[[str], None]) -> None:
        self._call, self._report, self._warehouse = call, report, ""

    def sql(self, text: str) -> "ThinFrame":
        """A query runs when its rows are asked for, any other statement at once, as in Spark."""
        frame = ThinFrame(self, text.strip().rstrip(";"))
        if not _QUERY.match(text):
            frame.collect()
        return frame

    def table(self, name: str) -> "ThinFrame":
        return self.sql(f"SELECT * FROM {_checked(name)}")

    def __getattr__(self, name: str) -> NoReturn:
        _lacks(f"spark.{name}")

    def _rows(self, text: str) -> tuple[list[tuple[str, str]], list["Row"]]:
        answer = self._finished(text)
        columns = [
            (each["name"], each["type_name"])
            for each in answer.get("manifest", {}).get("schema", {}).get("columns", [])
        ]
        names = tuple(name for name, _ in columns)
        rows = [
            Row(names, [_value(kind, cell) for (_, kind), cell in zip(columns, cells)])
            for cells in self._cells(answer)
        ]
        return columns, rows

    def _finished(self, text: str) -> dict[str, Any]:
        body = {"warehouse_id": self._warehouse_id(), "statement": text, "wait_timeout": "50s"}
        answer = self._call("POST", "/api/2.0/sql/statements", body)
        while answer["status"]["state"] in ("PENDING", "RUNNING"):
            time.sleep(0.5)
            answer = self._call("GET", f"/api/2.0/sql/statements/{answer['statement_id']}", None)
        if answer["status"]["state"] != "SUCCEEDED":
            error = answer["status"].get("error", {})
            raise SparkError(str(error.get("message") or answer["status"]["state"]))
        return answer

    def _cells(self, answer: dict[str, Any]) -> Iterator[list[Any]]:
        part: dict[str, Any] = answer.get("result") or {}
        while True:
            yield from part.get("data_array") or []
            link = part.get("next_chunk_internal_link")
            if not link:
                return
            part = self._call("GET", link, None)

    def _warehouse_id(self) -> str:
        if not self._warehouse:
            found = self._call("GET", "/api/2.0/sql/warehouses", None).get("warehouses") or []
            if not found:
                raise SparkError("the workspace has no SQL warehouse that this run may use")
            self._warehouse = found[0]["id"]
        return self._warehouse


class Row(tuple):
    """A row by position, by name and by attribute."""

    _names: tuple[str, ...]

    def __new__(cls, names: tuple[str, ...], values: list[Any]) -> "Row":
        row = super().__new__(cls, values)
        row._names = names
        return row

    def asDict(self) -> dict[str, Any]:
        return dict(zip(self._names, self))

    def __getitem__(self, key: Any) -> Any:
        return self.asDict()[key] if isinstance(key, str) else super().__getitem__(key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._names:
            raise AttributeError(name)
        return self[name]

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{name}={value!r}' for name, value in self.asDict().items())})"


class ThinFrame:
    """A statement and, once it has run, its rows."""

    def __init__(self, session: ThinSession, text: str) -> None:
        self._session, self._text = session, text
        self._found: tuple[list[tuple[str, str]], list[Row]] | None = None

    def collect(self) -> list[Row]:
        return list(self._result()[1])

    @property
    def columns(self) -> list[str]:
        return [name for name, _ in self._result()[0]]

    @property
    def dtypes(self) -> list[tuple[str, str]]:
        return [(name, kind.lower()) for name, kind in self._result()[0]]

    def count(self) -> int:
        return len(self._result()[1])

    def take(self, num: int) -> list[Row]:
        return self.collect()[:num]

    def first(self) -> Row | None:
        return next(iter(self.collect()), None)

    def limit(self, num: int) -> "ThinFrame":
        return self._session.sql(f"SELECT * FROM ({self._query('limit')}) LIMIT {int(num)}")

    def toPandas(self) -> Any:
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            raise SparkError("toPandas needs pandas, which is not installed here") from None
        return pandas.DataFrame.from_records(self.collect(), columns=self.columns)

    def show(self, n: int = 20, truncate: bool = True) -> None:
        """Prints the first rows, one in a line."""
        print(" | ".join(self.columns))
        for row in self.take(n):
            cells = ["NULL" if cell is None else str(cell) for cell in row]
            print(" | ".join(each[:_SHOWN_CHARS] if truncate else each for each in cells))
        if self.count() > n:
            print(f"only showing top {n} rows")

    @property
    def write(self) -> "ThinWriter":
        return ThinWriter(self._session, self._query("write"))

    def __getattr__(self, name: str) -> NoReturn:
        _lacks(f"DataFrame.{name}")

    def _query(self, what: str) -> str:
        if not _QUERY.match(self._text):
            raise SparkError(f"{what} needs a query, and this is another statement")
        return self._text

    def _result(self) -> tuple[list[tuple[str, str]], list[Row]]:
        if self._found is None:
            self._found = self._session._rows(self._text)
        return self._found


class ThinWriter:
    _MODES = ("error", "errorifexists", "append", "overwrite", "ignore")

    def __init__(self, session: ThinSession, query: str) -> None:
        self._session, self._query, self._mode = session, query, "error"

    def mode(self, saveMode: str) -> "ThinWriter":
        if saveMode not in self._MODES:
            raise SparkError(f"mode {saveMode} is none of {', '.join(self._MODES)}")
        self._mode = saveMode
        return self

    def format(self, source: str) -> "ThinWriter":
        if source != "delta":
            raise SparkError(f"format {source}: tables are Delta tables here")
        return self

    def saveAsTable(self, name: str) -> None:
        """Writes it, and reports the table: it must be one of the recipe's `writes`."""
        self._session._report(_checked(name))  # refused before anything is written
        begin = {
            "append": f"INSERT INTO {name}",
            "overwrite": f"CREATE OR REPLACE TABLE {name} AS",
            "ignore": f"CREATE TABLE IF NOT EXISTS {name} AS",
        }.get(self._mode, f"CREATE TABLE {name} AS")
        self._session._rows(f"{begin} {self._query}")

    def insertInto(self, tableName: str, overwrite: bool = False) -> None:
        self._session._report(_checked(tableName))
        verb = "INSERT OVERWRITE" if overwrite else "INSERT INTO"
        self._session._rows(f"{verb} {tableName} {self._query}")

    def __getattr__(self, name: str) -> NoReturn:
        _lacks(f"DataFrame.write.{name}")


def _lacks(what: str) -> NoReturn:
    if what.rpartition(".")[2].startswith("__"):
        raise AttributeError(what)
    raise SparkError(
        f"{what} does not exist in this thin client of the workspace's SQL: say it in SQL "
        "(spark.sql), or start the workspace with pyspark (--sql spark)"
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SparkError(f"{name!r} is no table's name: write catalog.schema.table")
    return name


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("BYTE", "SHORT", "INT", "LONG"), int),
    **dict.fromkeys(("FLOAT", "DOUBLE"), float),
    "DECIMAL": decimal.Decimal,
    "BOOLEAN": lambda text: text == "true",
    "DATE": datetime.date.fromisoformat,
    # As Spark's collect() has it: without a zone, in UTC.
    "TIMESTAMP": lambda text: datetime.datetime.fromisoformat(text.removesuffix("Z")),
    "TIMESTAMP_NTZ": lambda text: datetime.datetime.fromisoformat(text.removesuffix("Z")),
    **dict.fromkeys(("ARRAY", "MAP", "STRUCT"), json.loads),
}


def _value(kind: str, cell: Any) -> Any:
    return _READ[kind](cell) if isinstance(cell, str) and kind in _READ else cell


def _caller(access: dict[str, str]) -> Call:
    def call(method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(
            access["host"].rstrip("/") + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {access['token']}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            text = error.read(10_000).decode("utf-8", "replace")
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError, TypeError):
                pass
            raise SparkError(f"{error.code}: {text[:1000]}") from None

    return call
