"""An artifact's measures: of its own version, and of others that it compares with."""

import math
import re
from typing import Any

from .limits import (
    BASELINE_NAME,
    BASELINES_MAX,
    INTEGER_MAX,
    METRIC_FAILURE_CHARS_MAX,
    METRIC_NAME_CHARS_MAX,
    METRICS_MAX,
)
from .redact import redacted_and_cut
from .text import head, is_metric_name

_BASELINE_NAME = re.compile(BASELINE_NAME)


class MeasureError(ValueError):
    """The reported value is no measure, or one too many. The sentence says which, and why."""


class Measures:
    """The metrics of one version. Of each name the last word counts: a number, or a failure."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        self._samples: dict[str, int] = {}

    def put(self, name: str, value: Any, samples: Any) -> None:
        """Raises MeasureError."""
        # float() would take true and "1" for numbers.
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not is_metric_name(name):
            raise MeasureError(
                f"metric {str(name)[:100]} is {value!r:.100}: a metric must be a finite number "
                "with a name"
            )
        if samples is not None:
            check_samples(name, samples)
        self._make_room(name)
        self._forget(name)
        self.metrics[name] = float(value)
        if samples is not None:
            self._samples[name] = samples

    def fail(self, name: str, why: Any) -> None:
        """Raises MeasureError."""
        check_name(name)
        self._make_room(name)
        self._forget(name)
        self._failed[name] = redacted_and_cut(str(why), METRIC_FAILURE_CHARS_MAX, head)

    def as_json(self) -> dict[str, Any]:
        """As the contract has it: what is empty is left out, but for the metrics."""
        more = {"failed_metrics": self._failed, "samples": self._samples}
        return {"metrics": self.metrics, **{name: value for name, value in more.items() if value}}

    def _forget(self, name: str) -> None:
        for kept in (self.metrics, self._failed, self._samples):
            kept.pop(name, None)

    def _make_room(self, name: str) -> None:
        names = self.metrics.keys() | self._failed.keys()
        if name not in names and len(names) >= METRICS_MAX:
            raise MeasureError(
                f"metric {name} is one too many: an attempt reports at most {METRICS_MAX} metrics"
            )


class Measured(Measures):
    """The measures of an attempt: its own, and its baselines'."""

    def __init__(self) -> None:
        super().__init__()
        self._baselines: dict[str, Measures | None] = {}

    def of(self, baseline: Any) -> Measures:
        """The measures of a baseline, or the attempt's own where it is None. Raises MeasureError."""
        if baseline is None:
            return self
        self._admit(baseline)
        measures = self._baselines.setdefault(baseline, Measures())
        if measures is None:
            raise MeasureError(f"baseline {baseline} has a metric, and was said not to exist")
        return measures

    def no_baseline(self, baseline: Any) -> None:
        """There is no such version yet. Raises MeasureError."""
        self._admit(baseline)
        if self._baselines.setdefault(baseline, None) is not None:
            raise MeasureError(f"baseline {baseline} has metrics, so it exists")

    def as_json(self) -> dict[str, Any]:
        if not self._baselines:
            return super().as_json()
        baselines = {name: each and each.as_json() for name, each in self._baselines.items()}
        return {**super().as_json(), "baselines": baselines}

    def _admit(self, baseline: Any) -> None:
        check_baseline(baseline)
        if baseline not in self._baselines and len(self._baselines) >= BASELINES_MAX:
            raise MeasureError(
                f"baseline {baseline} is one too many: an attempt compares with at most "
                f"{BASELINES_MAX}"
            )


def check_name(name: Any) -> None:
    """Raises MeasureError."""
    if not is_metric_name(name):
        raise MeasureError(
            f"a metric's name must be text of 1 to {METRIC_NAME_CHARS_MAX} characters without "
            f"control characters, not {head(repr(name), 100)}"
        )


def check_samples(name: str, samples: Any) -> None:
    """Raises MeasureError."""
    is_count = isinstance(samples, int) and not isinstance(samples, bool)
    if not is_count or not 0 <= samples <= INTEGER_MAX:
        raise MeasureError(
            f"metric {name} has {head(repr(samples), 100)} samples: their number must be a whole "
            "number, from 0 on"
        )


def check_baseline(baseline: Any) -> None:
    """Raises MeasureError."""
    if not isinstance(baseline, str) or not _BASELINE_NAME.fullmatch(baseline):
        raise MeasureError(
            f"a baseline's name must be one such as production, of letters, digits, - _ . (at most "
            f"64), not {head(repr(baseline), 100)}"
        )
