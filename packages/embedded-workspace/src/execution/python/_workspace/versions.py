"""Versions and what is asked of them, as PEP 440 has it: `>=2,<3`, `~=1.4.2`, `==1.*`."""

import re

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_n>\d*))?"
    r"(?P<post>-(?P<post_bare>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_CLAUSE = re.compile(r"(===|==|!=|~=|<=|>=|<|>)\s*(\S+)")
_LETTERS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
_BEFORE, _AFTER = (-1,), (1,)


class Version:
    """@raise ValueError for what is no version"""

    def __init__(self, text):
        found = _VERSION.fullmatch(text.strip().lower())
        if found is None:
            raise ValueError(f"{text!r} is not a version")
        self.epoch = int(found["epoch"] or 0)
        self.release = tuple(int(part) for part in found["release"].split("."))
        self.pre = found["pre"] and (
            _LETTERS.get(found["pre"], found["pre"]),
            int(found["pre_n"] or 0),
        )
        self.post = found["post"] and int(found["post_bare"] or found["post_n"] or 0)
        self.dev = found["dev"] and int(found["dev_n"] or 0)
        self.local = tuple(
            (1, int(part), "") if part.isdecimal() else (0, 0, part)
            for part in re.split(r"[-_.]", found["local"] or "")
            if part
        )

    def key(self):
        """Without the local part: `1.0.dev1 < 1.0a1 < 1.0 < 1.0.post1`."""
        release = self.release
        while len(release) > 1 and release[-1] == 0:
            release = release[:-1]
        if self.pre is not None:
            pre = (0, *self.pre)
        elif self.post is None and self.dev is not None:
            pre = _BEFORE
        else:
            pre = _AFTER
        post = _BEFORE if self.post is None else (0, self.post)
        dev = _AFTER if self.dev is None else (0, self.dev)
        return (self.epoch, release, pre, post, dev)

    def starts_with(self, other):
        width = len(other.release)
        padded = (*self.release, *([0] * width))[:width]
        return self.epoch == other.epoch and padded == other.release


def clauses_of(text):
    """`[(operator, version)]` of a specifier. @raise ValueError for what is none"""
    clauses = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        found = _CLAUSE.fullmatch(part)
        if found is None:
            raise ValueError(f"{part!r} is not a version specifier")
        operator, version = found.groups()
        is_prefix = operator in ("==", "!=") and version.endswith(".*")
        if operator != "===":
            Version(version[:-2] if is_prefix else version)
        if operator not in ("==", "!=", "===") and "+" in version:
            raise ValueError(f"{part!r} compares a local version, which has no order")
        if operator == "~=" and len(Version(version).release) < 2:
            raise ValueError(f"{part!r} needs two parts, as in ~=1.4")
        clauses.append((operator, version))
    return clauses


def satisfies(version, text):
    """Whether an installed version is what a specifier asks for. @raise ValueError"""
    return all(_holds(version, *clause) for clause in clauses_of(text))


def _holds(text, operator, wanted):
    if operator == "===":
        return text.strip().lower() == wanted.lower()
    version = Version(text)
    if operator in ("==", "!="):
        return _equals(version, wanted) == (operator == "==")
    bound = Version(wanted)
    if operator == "~=":
        head = Version(".".join(map(str, bound.release[:-1])))
        head.epoch = bound.epoch
        return version.key() >= bound.key() and version.starts_with(head)
    if operator == "<=":
        return version.key() <= bound.key()
    if operator == ">=":
        return version.key() >= bound.key()
    same = version.key()[:2] == bound.key()[:2]
    if operator == "<":
        # `<2.0` leaves out 2.0's own pre-releases, unless it names one.
        early = version.pre is not None or version.dev is not None
        named = bound.pre is not None or bound.dev is not None
        return version.key() < bound.key() and not (early and same and not named)
    # `>2.0` leaves out 2.0's own post-releases, unless it names one.
    late = version.post is not None and bound.post is None and same
    return version.key() > bound.key() and not late


def _equals(version, wanted):
    if wanted.endswith(".*"):
        head = Version(wanted[:-2])
        return version.starts_with(head) and (head.pre is None or head.pre == version.pre)
    bound = Version(wanted)
    return version.key() == bound.key() and (not bound.local or bound.local == version.local)
