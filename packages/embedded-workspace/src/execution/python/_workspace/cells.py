"""The cells of a source notebook: a Python or SQL file of `# COMMAND ----------` and `# MAGIC`.

What is a notebook, and in which language, the workspace says (state/workspace-files.ts); here its
text is read.
"""

import re

_MARKS = {"PYTHON": "#", "SQL": "--"}
_HEADER = "Databricks notebook source"

# Magics that take the whole cell, as they switch its language or are none of Python's business.
_WHOLE = {"md", "md-sandbox", "sql", "python", "scala", "r", "sh", "run", "skip"}
_WORD = re.compile(r"%([A-Za-z][\w-]*)(?=\s|$)[ \t]*")


class Cell:
    """`language` is a word of `_WHOLE`, or the notebook's own; `source` is without that word."""

    __slots__ = ("number", "language", "source")

    def __init__(self, number, language, source):
        self.number = number
        self.language = language
        self.source = source


def cells_of(text, language="PYTHON"):
    """Text without a header is one cell, as it is where a notebook was imported with its language
    alone.
    """
    mark = re.escape(_MARKS[language])
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    header = re.match(rf"{mark} {_HEADER}[ \t]*(\n|$)", text)
    if header is None:
        return [cell_of(1, text, language)]
    parts = re.split(rf"^{mark} COMMAND -+[ \t]*$", text[header.end() :], flags=re.MULTILINE)
    return [cell_of(at, _plain(part, mark), language) for at, part in enumerate(parts, start=1)]


def _plain(part, mark):
    """Without the marks that make magics into comments, and without titles of cells."""
    part = re.sub(rf"^{mark} DBTITLE [^\n]*\n?", "", part, flags=re.MULTILINE)
    return re.sub(rf"^{mark} MAGIC ?", "", part, flags=re.MULTILINE).strip("\n")


def cell_of(number, source, language):
    """The first line that says something may name a language."""
    found = _WORD.match(source.lstrip())
    if found is None or found[1] not in _WHOLE:
        return Cell(number, language.lower(), source)
    rest = source.lstrip()[found.end() :]
    return Cell(number, found[1], rest.removeprefix("\n"))


_ARGUMENT = re.compile(r"""\s\$([^\s=$]+)=("[^"]*"|'[^']*'|\S*)""")


def run_target(source):
    """`./other $name="value"`: the path, and what the other notebook's widgets are given.

    @raise ValueError where the line cannot be read
    """
    lines = [line for line in source.split("\n") if line.strip() and line.lstrip()[0] != "#"]
    if len(lines) != 1:
        raise ValueError("%run stands alone in its cell, with the path of a notebook")
    line = f" {lines[0].strip()}"
    arguments = {name: _unquoted(value) for name, value in _ARGUMENT.findall(line)}
    path = _unquoted(_ARGUMENT.sub("", line).strip())
    if not path or re.search(r"\s\$", path):
        raise ValueError(f"%run{line}: this is no path with arguments such as $name=value")
    return path, arguments


def _unquoted(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
