"""Cells as IPython reads them: `%magic`, `%%magic`, `!command`, `x = !command`, `name?`.

Where IPython is installed, its own reader does it. Otherwise the one below, which leaves the same
Python behind (test/notebook-cells.test.ts holds both against one table).
"""

import re

_LIKELY = re.compile(r"^\s*[%!?]|=\s*[%!]|\?\s*$", re.MULTILINE)
_ASSIGNED = re.compile(r"[ \t]*(%[^\W\d]\w*|!)")
_HELP = re.compile(r"[ \t]*(\?\??)?(%{0,2}[^\W\d][\w.]*)(\?\??)?[ \t]*$")
_QUOTES = re.compile(r"\"\"\"|'''|\"|'")


def to_python(cell):
    """The Python of a cell. What has none of this stays as it is, letter for letter."""
    if not _LIKELY.search(cell):
        return cell
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return transformed(cell)
    return TransformerManager().transform_cell(cell)


def transformed(cell):
    text = _dedented(cell.lstrip("\n") if not cell.strip(" \t")[:1].strip() else cell)
    if not text.endswith("\n"):
        text += "\n"
    if text.startswith("%%") and text[2:3].strip() and not text.split("\n")[0].endswith("?"):
        head, _, body = text.partition("\n")
        name, _, line = head[2:].partition(" ")
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {body!r})\n"
    return "".join(_statements(text))


def _dedented(text):
    """IPython takes the indentation of the first line from all lines."""
    indent = re.match(r"[ \t]+", text)
    if indent is None:
        return text
    return re.sub(rf"^{indent[0]}", "", text, flags=re.MULTILINE)


def _statements(text):
    """Pieces of the text: logical lines as they are, or what a magic becomes."""
    at = 0
    while at < len(text):
        end, assigned = _logical_line(text, at)
        line = text[at:end]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        body = line[len(indent) :]
        if body[:1] in ("%", "!") or (body[:1] == "?" and _help(body) is not None):
            end, body = _joined(text, at + len(indent))
            yield indent + _escaped(body) + "\n"
        elif assigned is not None:
            end, command = _joined(text, assigned)
            yield text[at:assigned] + _value(command) + "\n"
        elif (found := _help(body)) is not None:
            yield indent + found + "\n"
        else:
            yield line
        at = end


def _logical_line(text, start):
    """(its end, where a `%magic` or `!command` is assigned in it, or None)."""
    at, depth, assigned, seen = start, 0, None, False
    while at < len(text):
        character = text[at]
        if character in "\"'":
            at = _string_end(text, at)
            continue
        if character == "#":
            at = _line_end(text, at)
            continue
        if character == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
            continue
        if character == "\n" and depth == 0:
            return at + 1, assigned
        depth += (character in "([{") - (character in ")]}")
        if character == "=" and depth == 0 and not seen:
            seen = True
            if text[at - 1] not in "=<>!+-*/%&|^@:" and (found := _ASSIGNED.match(text, at + 1)):
                assigned = found.start(1)
                return _line_end(text, at) + 1, assigned
        at += 1
    return at, assigned


def _string_end(text, at):
    quote = _QUOTES.match(text, at)[0]
    at += len(quote)
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        elif text[at] == "\n" and len(quote) == 1:
            return at  # never closed: Python will say so
        else:
            at += 1
    return at


def _line_end(text, at):
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _joined(text, at):
    """(the end of a command that may go on behind backslashes, the command in one line)."""
    parts = []
    while True:
        end = _line_end(text, at)
        part = text[at:end]
        at = end + 1
        if not part.endswith("\\") or at >= len(text):
            return at, " ".join([*parts, part])
        parts.append(part[:-1])


def _escaped(body):
    if body.startswith("!!"):
        return f"get_ipython().getoutput({body[2:]!r})"
    if body.startswith("!"):
        return f"get_ipython().system({body[1:]!r})"
    return _help(body) or _magic(body)


def _value(command):
    if command.startswith("!"):
        return f"get_ipython().getoutput({command[1:]!r})"
    return _magic(command)


def _magic(body):
    name, _, rest = body.lstrip("%").partition(" ")
    return f"get_ipython().run_line_magic({name!r}, {rest!r})"


def _help(body):
    found = _HELP.match(body.rstrip("\n"))
    if found is None or not (found[1] or found[3]):
        return None
    name = "pinfo2" if "??" in (found[1], found[3]) else "pinfo"
    return f"get_ipython().run_line_magic({name!r}, {found[2]!r})"
