"""Reads pip's command line and its requirements files, as far as wheels and installed
packages answer them. What is not understood is refused, never passed over.
"""

import os
import platform
import re
import sys
from urllib.parse import unquote, urlsplit

from _workspace.versions import Version, clauses_of, satisfies

# They choose where packages come from and how pip goes about it: without an index, nothing to do.
_FLAGS = set(
    "-q --quiet -v --verbose -U --upgrade -I --ignore-installed --no-deps --force-reinstall "
    "--no-cache-dir --pre --user --disable-pip-version-check --no-warn-script-location --no-input "
    "--no-index --prefer-binary --no-build-isolation --use-pep517 --break-system-packages -y --yes "
    "--root-user-action --no-warn-conflicts -qq -qqq".split()
)
_VALUED = set(
    "-i --index-url --extra-index-url --trusted-host -f --find-links --timeout --retries "
    "--only-binary --no-binary --progress-bar --upgrade-strategy --proxy --cert --hash "
    "--root-user-action --platform --python-version".split()
)
_FILES = {"-r": "requirement", "--requirement": "requirement", "-c": "constraint"}
_FILES["--constraint"] = "constraint"
_DEPTH_MAX = 16

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*"
    r"(?:@\s*(?P<url>\S+)|\(?(?P<specifier>[^;()@]*)\)?)\s*(?:;(?P<marker>.*))?",
    re.DOTALL,
)


class RequirementError(Exception):
    """It cannot be understood, or not be had here."""


class Wanted:
    """A wheel by its path, or a package with a specifier that an installed one must satisfy."""

    __slots__ = ("text", "wheel", "name", "specifier")

    def __init__(self, text, wheel=None, name=None, specifier=""):
        self.text = text
        self.wheel = wheel
        self.name = name
        self.specifier = specifier


def of_words(words):
    """`(wanted, constraints)` of what stands behind `pip install`."""
    found, constraints = [], []
    _read(list(words), found, constraints, 0)
    return found, constraints


def of_lines(lines):
    """The same of lines as a requirements file has them."""
    found, constraints = [], []
    _read_lines(lines, "", found, constraints, 0)
    return found, constraints


def _read(words, found, constraints, depth):
    while words:
        word = words.pop(0)
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            found.append(wanted(word))
        elif option in _FILES or word[:2] in ("-r", "-c") and not word.startswith("--"):
            path = _value(words, word, option, equals, value)
            kind = _FILES.get(option, _FILES.get(word[:2]))
            _read_file(path, found if kind == "requirement" else constraints, constraints, depth)
        elif option in _VALUED:
            _value(words, word, option, equals, value)
        elif option in _FLAGS:
            continue
        else:
            raise RequirementError(
                f"{word}: the embedded workspace does not know this option of pip install"
            )


def _value(words, word, option, equals, value):
    if equals and option.startswith("--"):
        return value
    if not option.startswith("--") and len(word) > 2:
        return word[2:].strip()
    if not words:
        raise RequirementError(f"{word}: its value is missing")
    return words.pop(0)


def _read_file(path, found, constraints, depth):
    if depth == _DEPTH_MAX:
        raise RequirementError(f"{path}: requirements files include each other without an end")
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise RequirementError(f"{path}: {error}") from None
    lines = text.replace("\\\n", " ").split("\n")
    _read_lines(lines, os.path.dirname(path), found, constraints, depth)


def _read_lines(lines, folder, found, constraints, depth):
    """Paths in them are relative to `folder`."""
    for line in lines:
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if not line:
            continue
        line = re.sub(r"\s--hash[= ]\S+", "", os.path.expandvars(line))
        if not line.startswith("-"):
            found.append(wanted(line, folder))
            continue
        option, _, rest = line.partition(" ")
        words = [option, *filter(None, [rest.strip()])]
        beside = option.partition("=")[0] in _FILES or option[:2] in ("-r", "-c")
        if beside and rest:
            words[1] = os.path.join(folder, words[1].removeprefix("dbfs:"))
        _read(words, found, constraints, depth + 1)


def wanted(text, folder=""):
    """One requirement: a wheel's path, `name specifier; marker` or `name @ url`."""
    text = text.strip()
    path = _path_of(text)
    if path is not None and path.endswith(".whl"):
        return Wanted(text, wheel=os.path.join(folder, path))
    if path is not None or "://" in text.split("@")[0]:
        raise RequirementError(_wheels_only(text))
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        raise RequirementError(f"{text}: this is not a requirement")
    if found["marker"] is not None and not marker_holds(found["marker"]):
        return Wanted(text)
    if found["url"] is not None:
        path = _path_of(found["url"])
        if path is None or not path.endswith(".whl"):
            raise RequirementError(_wheels_only(text))
        return Wanted(text, wheel=path)
    specifier = (found["specifier"] or "").strip()
    try:
        clauses_of(specifier)
    except ValueError as error:
        raise RequirementError(f"{text}: {error}") from None
    return Wanted(text, name=found["name"], specifier=specifier)


def _path_of(text):
    """The path that it names on this machine; None for a package or something far away."""
    if text.startswith("file:"):
        return unquote(urlsplit(text).path)
    if text.startswith("dbfs:/"):
        text = text.removeprefix("dbfs:")
    is_path = text.startswith(("/", "./", "../")) or text in (".", "..")
    return text if is_path or re.fullmatch(r"[^\s@:]+\.whl", text) else None


def _wheels_only(text):
    return (
        f"{text}: the embedded workspace builds and downloads nothing; it takes wheels (.whl) from "
        "volumes and workspace folders, and packages that are installed already"
    )


def check(wanted_one, version):
    """@raise RequirementError when the installed version is another than what is asked for"""
    try:
        well = satisfies(version, wanted_one.specifier)
    except ValueError as error:
        raise RequirementError(f"{wanted_one.text}: {error}") from None
    if not well:
        raise RequirementError(f"{wanted_one.text}: version {version} is installed here")


_TOKEN = re.compile(r"\s*(?:(\(|\)|===|==|!=|~=|<=|>=|<|>)|'([^']*)'|\"([^\"]*)\"|([\w.]+))\s*")


def marker_holds(text):
    """A marker of PEP 508. `extra` is none. @raise RequirementError for what is no marker"""
    tokens = _tokens(text)
    value = _either(tokens, text)
    if tokens:
        raise RequirementError(f"{text.strip()}: this is not a marker")
    return value


def _tokens(text):
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise RequirementError(f"{text.strip()}: this is not a marker")
        operator, single, double, word = found.groups()
        quoted = single if single is not None else double
        tokens.append(("text", quoted) if quoted is not None else ("word", operator or word))
        at = found.end()
    return tokens


def _either(tokens, text):
    value = _both(tokens, text)
    while tokens and tokens[0] == ("word", "or"):
        tokens.pop(0)
        value = _both(tokens, text) or value
    return value


def _both(tokens, text):
    value = _term(tokens, text)
    while tokens and tokens[0] == ("word", "and"):
        tokens.pop(0)
        value = _term(tokens, text) and value
    return value


def _term(tokens, text):
    try:
        if tokens[0] == ("word", "("):
            tokens.pop(0)
            value = _either(tokens, text)
            if tokens.pop(0) != ("word", ")"):
                raise IndexError
            return value
        left, operator, right = tokens.pop(0), tokens.pop(0)[1], tokens.pop(0)
        if operator == "not":
            operator, right = f"not {right[1]}", tokens.pop(0)
        return _compare(_known(left), operator, _known(right))
    except (IndexError, KeyError):
        raise RequirementError(f"{text.strip()}: this is not a marker") from None


def _known(token):
    kind, value = token
    return value if kind == "text" else _environment()[value]


def _environment():
    implementation = sys.implementation.name
    return {
        "python_version": ".".join(map(str, sys.version_info[:2])),
        "python_full_version": platform.python_version(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_version": platform.version(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": implementation,
        "implementation_version": platform.python_version(),
        "extra": "",
    }


def _compare(left, operator, right):
    if operator in ("in", "not in"):
        return (left in right) == (operator == "in")
    try:
        Version(left), Version(right.removesuffix(".*"))
        return satisfies(left, f"{operator}{right}")
    except ValueError:
        plain = {"==": left == right, "===": left == right, "!=": left != right}
        plain |= {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
        return plain[operator]
