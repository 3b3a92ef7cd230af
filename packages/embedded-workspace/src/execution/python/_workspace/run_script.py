"""`python run_script.py /Volumes/…/x.py args`: runs the script as if the interpreter had been given
it.
"""

import os
import sys


def run(path, namespace):
    """Executes the source of a file in a namespace, under its own name."""
    with open(path, "rb") as file:
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), namespace)


if __name__ == "__main__":
    _path = os.path.abspath(sys.argv[1])
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(_path)
    __file__ = _path
    _run = run
    del run
    _run(_path, globals())
