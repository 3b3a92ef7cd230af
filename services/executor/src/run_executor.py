"""The python_file of a spark_python_task: puts this folder on sys.path and runs the
executor.

Databricks runs the text of a python_file without a file of its own, and then `__file__` is not
defined (databrickslabs/dbx#680). The code object may still know where it came from, and sys.argv[0]
mostly does.
"""

import os
import sys


def own_folder() -> str:
    candidates = (
        globals().get("__file__"),
        own_folder.__code__.co_filename,
        sys.argv[0] if sys.argv else None,
        os.getcwd(),
    )
    for candidate in candidates:
        folder = os.path.dirname(os.path.abspath(candidate)) if candidate else ""
        if os.path.isdir(os.path.join(folder, "signalbox_executor")):
            return folder
    sys.exit(
        "signalbox: the package signalbox_executor was not found beside run_executor.py; "
        "upload the whole folder services/executor/src, not this file alone"
    )


sys.path.insert(0, own_folder())

from signalbox_executor.main import run_and_exit  # noqa: E402  (sys.path comes first)

run_and_exit()
