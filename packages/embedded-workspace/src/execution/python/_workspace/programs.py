"""spark_python_task and python_wheel_task."""

import importlib
import importlib.metadata
import os
import re
import sys
import types

from _workspace.errors import TaskError
from _workspace.run_script import run
from _workspace.runtime import globals_of


def run_file(spec, dbutils):
    """Runs a Python file as `__main__`."""
    path = spec["file"]
    if not os.path.isfile(path):
        raise TaskError(
            f"Cannot read the python file {spec['shown_file']}. Please check that it exists and "
            "that the run's identity may read it.",
            "RESOURCE_NOT_FOUND",
        )
    main = types.ModuleType("__main__")
    vars(main).update(globals_of(dbutils, path))
    sys.modules["__main__"] = main
    sys.argv = [path, *spec["parameters"]]
    folder = os.path.dirname(path)
    sys.path.insert(0, folder)
    os.chdir(folder)  # as on the platform since runtime 14
    run(path, vars(main))


def run_wheel(spec, _dbutils):
    """Calls an entry point of an installed package: a declared one, else the function of that name
    in the package.
    """
    sys.argv = [spec["entry_point"], *_arguments(spec)]
    _entry_point(spec["package_name"], spec["entry_point"])()


def _arguments(spec):
    named = spec.get("named_parameters")
    if named is None:
        return spec["parameters"]
    return [f"--{name}={value}" for name, value in named.items()]


def _entry_point(package_name, entry_point):
    distribution = _distribution(package_name)
    declared = [] if distribution is None else distribution.entry_points
    for found in declared:
        if found.name == entry_point:
            return found.load()
    for name in (package_name, package_name.replace("-", "_")):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name == name:
                continue
            raise
        function = getattr(module, entry_point, None)
        if callable(function):
            return function
        raise TaskError(
            f"The package {package_name} has neither an entry point nor a function named "
            f"{entry_point}."
        )
    raise TaskError(
        f"Python wheel with name {package_name} could not be found. Please check the task's "
        "libraries, or the dependencies of its environment.",
        "RESOURCE_NOT_FOUND",
    )


def _distribution(name):
    wanted = re.sub(r"[-_.]+", "-", name).lower()
    for distribution in importlib.metadata.distributions():
        found = distribution.metadata["Name"]
        if found is not None and re.sub(r"[-_.]+", "-", found).lower() == wanted:
            return distribution
    return None
