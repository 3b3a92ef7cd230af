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
        self._lock = threading.Lock()

    def tell(self, kind, **fields):
        """Says something that needs no answer."""
        with self._lock:
            self._send({"kind": kind, **fields})

    def ask(self, kind, **fields):
        """@raise WorkspaceError"""
        with self._lock:
            self._send({"kind": kind, "ask": True, **fields})
            line = self._lines.readline()
        if not line:
            raise WorkspaceError("the workspace is gone")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkspaceError(answer["error"])
        return answer.get("value")

    def _send(self, message):
        self._socket.sendall(json.dumps(message).encode() + b"\n")
