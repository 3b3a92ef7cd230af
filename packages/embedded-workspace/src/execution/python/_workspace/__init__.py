"""The Python side of the embedded workspace: standard library only, Python 3.10 and later."""
