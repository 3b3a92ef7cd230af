"""The errors that end a task before its program begins."""


class TaskError(Exception):
    """The task cannot be run as it is described. `code` is the platform's termination code."""

    def __init__(self, message, code="INVALID_RUN_CONFIGURATION"):
        super().__init__(message)
        self.code = code
