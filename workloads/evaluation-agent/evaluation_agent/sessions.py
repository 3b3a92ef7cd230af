"""Finished tasks, as JSON files in the run's folder: a session that is cut off anywhere goes on.

The folder is a Volume's: every file is written whole, and other code may write there too. So a file
that is not what a worker leaves counts as a task that is not done.
"""

import hashlib
import json
import os


class Session:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def answer(self, task: dict) -> str | None:
        """The answer that an earlier session found for this very question."""
        try:
            with open(self._path(task), encoding="utf-8") as file:
                done = json.load(file)
        except (OSError, ValueError):
            return None
        is_ours = isinstance(done, dict) and done.get("question") == _digest(task)
        answer = done.get("answer") if is_ours else None
        return answer if isinstance(answer, str) else None

    def keep(self, task: dict, answer: str) -> None:
        with open(self._path(task), "w", encoding="utf-8") as file:
            json.dump({"question": _digest(task), "answer": answer}, file)

    def _path(self, task: dict) -> str:
        return os.path.join(self._folder, f"answer-{task['id']}.json")


def _digest(task: dict) -> str:
    return hashlib.sha256(task["prompt"].encode()).hexdigest()
