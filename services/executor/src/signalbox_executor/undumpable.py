"""Keeps other processes of the same user out of this one's descriptors and memory."""

try:
    import ctypes
except ImportError:  # a Python that was built without it
    ctypes = None  # type: ignore[assignment]

_PR_SET_DUMPABLE = 4


def make_undumpable() -> None:
    """On Linux whoever runs as the same user may open /proc/<pid>/fd/1 and print as if it were this
    process, unless it is not dumpable. Root still may, and elsewhere there is no such folder.

    It stays so: whoever outlives the artifact must not get in when the result has been printed. A
    program that this process starts begins dumpable again.
    """
    try:
        # As long as the register that the kernel reads it from; the rest must be 0.
        arguments = [ctypes.c_ulong(value) for value in (0, 0, 0, 0)]
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, *arguments)
    except (AttributeError, OSError, TypeError):
        pass  # no ctypes, or no prctl: macOS, Windows
