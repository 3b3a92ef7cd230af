"""Changes a module once it is there, without importing it for that."""

import sys


class AfterImport:
    """Asked first by the import system."""

    def __init__(self, name, change):
        self._name = name
        self._change = change

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self._change(module)

        spec.loader.exec_module = exec_module
        return spec


def after_import(name, change):
    """`change(module)`, when somebody imports it."""
    sys.meta_path.insert(0, AfterImport(name, change))
