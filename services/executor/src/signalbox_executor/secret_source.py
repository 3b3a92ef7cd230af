"""Reads the secrets that a plan names, as the principal that the run runs as.

The executor reads them and hands them to the artifact's process by its stdin: dbutils is at home in
the process that the platform started, and a plan, a payload or a command line never holds a value.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

Read = Callable[[str, str], str]
_VALUE_BYTES_MAX = 128 * 1024  # of the platform


class SecretError(Exception):
    """A secret that the plan requires cannot be read. The sentence says which, and what to do."""


def read_secrets(wanted: list[dict[str, Any]], principal: str) -> dict[str, str]:
    """The values by their keys; what is not required and cannot be read is left out.

    Raises SecretError.
    """
    found: dict[str, str] = {}
    for secret in wanted:
        try:
            found[secret["key"]] = _value(secret, principal)
        except SecretError:
            if secret["required"]:
                raise
    return found


def _value(secret: dict[str, Any], principal: str) -> str:
    scope, key, name = secret["scope"], secret["key"], secret.get("env")
    # The compute's own variable, which the platform filled from {{secrets/scope/key}}.
    given = os.environ.get(name, "") if name else ""
    if given and not given.startswith("{{secrets/"):
        return given
    failures = []
    for read in _readers():
        try:
            value = read(scope, key)
        except Exception as error:
            failures.append(f"{type(error).__name__}: {str(error).strip()[:300]}")
            continue
        if not isinstance(value, str) or len(value.encode("utf-8", "replace")) > _VALUE_BYTES_MAX:
            sentence = f"the secret {key} of the scope {scope} is no text of a secret's size"
            raise SecretError(sentence)
        return value
    why = failures[0] if failures else "this process has no dbutils, so no secrets at all"
    raise SecretError(
        f"the secret {key} of the scope {scope} cannot be read ({why}). It must exist (databricks "
        f"secrets put-secret {scope} {key}), and the principal that this run runs as, {principal}, "
        f"needs READ: databricks secrets put-acl {scope} {principal} READ"
    )


def _readers() -> Iterator[Read]:
    """Each way to dbutils that this process may have, the documented one first."""
    for find in (_of_the_sdk, _of_the_runtime, _of_the_notebook, _of_spark):
        try:
            dbutils = find()
        except Exception:
            continue  # not installed, or not on this compute
        if dbutils is not None:
            yield dbutils.secrets.get


def _of_the_sdk() -> Any:
    return importlib.import_module("databricks.sdk.runtime").dbutils


def _of_the_runtime() -> Any:
    runtime = importlib.import_module("dbruntime").UserNamespaceInitializer
    return runtime.getOrCreate().get_namespace_globals()["dbutils"]


def _of_the_notebook() -> Any:
    return getattr(sys.modules.get("__main__"), "dbutils", None)


def _of_spark() -> Any:
    session = importlib.import_module("pyspark.sql").SparkSession.getActiveSession()
    if session is None:
        return None
    return importlib.import_module("pyspark.dbutils").DBUtils(session)
