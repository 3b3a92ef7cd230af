"""The process that the workspace starts for each attempt: `python launcher.py spec.json`, with a
socket to the workspace as file 3.

Two processes: this one stays and watches, its child runs the task. What the task leaves behind comes
to this one (Linux: whatever group, session or environment it has) and is killed with its end. When
the workspace is gone (also by SIGKILL), the socket hangs up, and everything is killed.
"""

import json
import os
import select
import signal
import sys
import time

CHANNEL_FD = 3
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
ENDING_SECONDS_MAX = 10


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    os.dup2(1, 2)  # one stream, so that the log has the order in which things were said
    os.set_inheritable(CHANNEL_FD, False)
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go)
        sys.path.pop(0)  # this script's folder, which is not the task's
        from _workspace.task import run

        os.read(ready, 1)  # ends when the parent is ready for orphans
        os.close(ready)
        sys.exit(run(spec, CHANNEL_FD))
    os.close(ready)
    _let_go_of_output()
    marks = _marks()  # now: who is not dumpable may not even read its own environ
    _prctl(PR_SET_DUMPABLE, 0)  # others of the same user get no hold of its files and memory
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # elsewhere the group and the marks are all that we can reach
    os.close(go)
    sys.exit(_watch(pid, marks))


def _let_go_of_output():
    """The task's output is the task's alone: a look into this process would find it here, too.
    This process prints nothing itself.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _prctl(option, value):
    try:
        import ctypes

        # As long as the register that the kernel reads it from; the rest must be 0.
        ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0)))
    except (ImportError, OSError, AttributeError, TypeError):
        pass  # not Linux


def _watch(pid, marks):
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
        status = _reap().get(pid)
        if status is not None:
            _end_descendants()
            return _exit_code(status)
        for fd, event in poll.poll():
            if fd == CHANNEL_FD and event & (select.POLLHUP | select.POLLERR):
                _kill_all(marks)
            elif fd == woken:
                os.read(woken, 512)


def _reap():
    """Statuses of those that have ended, by process: adopted ones would stay zombies."""
    ended = {}
    try:
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = found[1]
    except ChildProcessError:
        pass  # nobody is left
    return ended


def _end_descendants():
    """Again and again, because they may begin others until they are all gone."""
    deadline = time.monotonic() + ENDING_SECONDS_MAX
    while (left := _descendants()) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid)
        time.sleep(0.002)
        _reap()


def _descendants():
    children = {}
    for name in _listed("/proc"):
        if name.isdecimal():
            children.setdefault(_parent_of(name), []).append(int(name))
    found, left = [], [os.getpid()]
    while left:
        new = children.get(left.pop(), [])
        found += new
        left += new
    return found


def _parent_of(process):
    content = _content(f"/proc/{process}/stat")
    fields = content[content.rfind(b")") + 1 :].split()
    return int(fields[1]) if len(fields) > 1 else None


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # already gone


def _marks():
    return [pair for pair in _environment("self") if pair.startswith(b"WORKSPACE_TASK_RUN=")]


def _kill_all(marks):
    """Ends what has left the group (by its mark; Linux only), and then the group."""
    others = [name for name in _listed("/proc") if name.isdecimal() and int(name) != os.getpid()]
    for name in others:
        if any(mark in _environment(name) for mark in marks):
            _kill(int(name))
    _end_descendants()
    os.killpg(0, signal.SIGKILL)


def _listed(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _environment(process):
    return _content(f"/proc/{process}/environ").split(b"\0")


def _content(path):
    # Without what tasks see instead: to them, other processes are closed.
    read = getattr(open, "__wrapped__", open)
    try:
        with read(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone, or somebody else's, or there is no /proc


def _exit_code(status):
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    main()
