"""What the workspace starts for each attempt: `python launcher.py spec.json`, with a socket to the
workspace as file 3.

Two processes: this one stays and watches, its child runs the task. When the workspace is gone (also
by SIGKILL), the socket hangs up and the whole group is killed.
"""

import json
import os
import select
import signal
import sys

CHANNEL_FD = 3


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    os.dup2(1, 2)  # one stream, so that the log has the order in which things were said
    os.set_inheritable(CHANNEL_FD, False)
    pid = os.fork()
    if pid == 0:
        sys.path.pop(0)  # this script's folder, which is not the task's
        from _workspace.task import run

        sys.exit(run(spec, CHANNEL_FD))
    sys.exit(_watch(pid))


def _watch(pid):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the group is told; the task decides how it ends
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(CHANNEL_FD, 0)  # hang-ups are told without being asked for
    poll.register(woken, select.POLLIN)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return _exit_code(status)
        for fd, event in poll.poll():
            if fd == CHANNEL_FD and event & (select.POLLHUP | select.POLLERR):
                _kill_all()
            elif fd == woken:
                os.read(woken, 512)


def _kill_all():
    """Ends what has left the group (by its mark; Linux only), and then the group."""
    marks = [pair for pair in _environment("self") if pair.startswith(b"WORKSPACE_TASK_RUN=")]
    others = [name for name in _listed("/proc") if name.isdecimal() and int(name) != os.getpid()]
    for name in others:
        if any(mark in _environment(name) for mark in marks):
            try:
                os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass  # already gone
    os.killpg(0, signal.SIGKILL)


def _listed(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _environment(process):
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []  # gone, or somebody else's, or there is no /proc


def _exit_code(status):
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    main()
