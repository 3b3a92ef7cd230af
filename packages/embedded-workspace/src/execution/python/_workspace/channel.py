"""Talks to the workspace over a socket: one JSON object a line."""

import json
import socket
import threading


class WorkspaceError(Exception):
    """The workspace refused; the message is its own."""


class Channel:
    def __init__(self, fd):
        self._socket = socket.socket(fileno=fd)
        self._lines = self._socket.makefile("rb")
        self._sending = threading.Lock()
        self._changed = threading.Condition()
        self._answers = {}
        self._reading = False
        self._asked = 0

    def tell(self, kind, **fields):
        """Says something that needs no answer."""
        with self._sending:
            self._send({"kind": kind, **fields})

    def ask(self, kind, **fields):
        """Threads may ask at the same time, and each gets its own answer. @raise WorkspaceError"""
        with self._sending:
            self._asked += 1
            number = self._asked
            self._send({"kind": kind, "ask": number, **fields})
        answer = self._answer(number)
        if "error" in answer:
            raise WorkspaceError(answer["error"])
        return answer.get("value")

    def _answer(self, number):
        """One thread reads for all; whoever's answer it was not waits on."""
        with self._changed:
            while number not in self._answers:
                if self._reading:
                    self._changed.wait()
                    continue
                self._reading = True
                self._changed.release()
                try:
                    line = self._lines.readline()
                finally:
                    self._changed.acquire()
                    self._reading = False
                    self._changed.notify_all()
                if not line:
                    raise WorkspaceError("the workspace is gone")
                answer = json.loads(line)
                self._answers[answer["ask"]] = answer
            return self._answers.pop(number)

    def _send(self, message):
        self._socket.sendall(json.dumps(message).encode() + b"\n")
