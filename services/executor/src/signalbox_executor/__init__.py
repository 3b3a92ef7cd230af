"""The executor: the reviewed Python harness that runs one attempt inside Databricks.

An artifact imports two names from here:

    from signalbox_executor import TransientError, context
"""

from .artifact_context import Context, ModuleNotAllowedError, RefusedError, TransientError

context = Context()
"""The artifact's inputs, and the calls by which it reports. Filled while the executor runs the
artifact.
"""

__all__ = ["ModuleNotAllowedError", "RefusedError", "TransientError", "context"]
