"""Contract and limits as generated from shared/domain/contract.ts: numbers and shapes are never
typed in twice.
"""

import json
import pkgutil
from typing import Any


def _contract(name: str) -> Any:
    # pkgutil asks the package's own loader, so that it also works where the package is a zip or a
    # mapped folder.
    content = pkgutil.get_data(__package__, f"contract/{name}")
    if content is None:
        raise FileNotFoundError(
            f"signalbox_executor/contract/{name} is missing: install the package whole"
        )
    return json.loads(content)


MANIFEST_SCHEMA = _contract("manifest.schema.json")
RESULT_SCHEMA = _contract("result.schema.json")

_limits = _contract("limits.json")
RESULT_BYTES_MAX: int = _limits["resultBytesMax"]
CAPSULE_BYTES_MAX: int = _limits["capsuleBytesMax"]
OUTPUT_BYTES_MAX: int = _limits["outputBytesMax"]
JSON_DEPTH_MAX: int = _limits["jsonDepthMax"]
METRICS_MAX: int = _limits["metricsMax"]
BASELINES_MAX: int = _limits["baselinesMax"]
METRIC_FAILURE_CHARS_MAX: int = _limits["metricFailureCharsMax"]
BASELINE_NAME: str = RESULT_SCHEMA["properties"]["baselines"]["propertyNames"]["pattern"]
METRIC_NAME_CHARS_MAX: int = RESULT_SCHEMA["properties"]["metrics"]["propertyNames"]["maxLength"]
ARTIFACTS_MAX: int = _limits["artifactsMax"]
TABLES_MAX: int = _limits["tablesMax"]
SUMMARY_CHARS_MAX: int = _limits["summaryCharsMax"]
TRACE_CHARS_MAX: int = _limits["traceCharsMax"]
LOG_TAIL_CHARS_MAX: int = _limits["logTailCharsMax"]
LOG_BYTES_MAX: int = _limits["logBytesMax"]

ERROR_TYPE_CHARS_MAX = 200
ARTIFACT_NAME_CHARS_MAX = 128
# Of the executor alone; TypeScript never sees them.
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
REPORT_LINE_BYTES_MAX = (
    2 * 1024 * 1024
)  # above output + capsule with every character escaped to six
INTEGER_MAX = (
    2**53 - 1
)  # JavaScript's largest exact integer: beyond it a number comes back as another one
FORWARD_BYTES_MAX = 1024 * 1024
"""Of each stream, to the executor's own. Jobs keeps the last 5 MB of a run's output: both streams
and the evidence after them fit into it.
"""
GRACE_SECONDS = 2.0  # between SIGTERM and SIGKILL for an artifact that is stopped
DRAIN_SECONDS = 5.0  # for output that is still in the pipes when everything has been killed
