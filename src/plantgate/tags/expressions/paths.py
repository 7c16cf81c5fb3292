"""The paths in an expression: what `{...}` may hold, and what it means for a tag in some folder.

    [default]Line 1/Speed     that tag
    Line 1/Speed, [~]Line 1/Speed   from the root of the own provider
    [.]Speed, ./Speed         beside the tag that has the expression
    [..]Speed, ../Speed       one folder up; ../../Speed two
    [.]Speed.quality, [.]Speed.EngUnit, [.]Profile[3]   a property of that tag, a value of that array
    Line 1/*, Motor*/Speed, **/Speed   all tags that fit, for functions over a folder

`*` stands for any characters within one name; `**` as a whole name for any number of folders, also none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from plantgate.model.tag import DEFAULT_PROVIDER, path_problem
from plantgate.model.tagproperty import KNOWN, NAMES, split_property
from plantgate.tags.expressions.errors import ExpressionError, nearest

_ANCHOR = re.compile(r"\[(?P<anchor>[^\]]*)\](?P<rest>.*)\Z", re.DOTALL)
_ROOT = "~"
_PLACES = (".", "..")
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_ '\-:()]{0,255}"
# What almost every reference is, in one look: the long way below gives the same.
_PLAIN = re.compile(
    rf"(?:\[(?P<provider>{_NAME}|~)\]|(?P<beside>\[\.\]|\./)|(?P<above>\[\.\.\]|\.\./))?"
    rf"(?P<rest>{_NAME}(?:/{_NAME})*)(?:\.(?P<property>[A-Za-z]+))?\Z"
)


@dataclass(slots=True)
class WrittenPath:
    """`provider` is a provider's name, or `~` for the own one. `up` is None from its root, else so many folders up.

    `rest` are the names from there, `wanted` is what of the tag: "" for its value, `unit`, `[3]`.
    Nobody changes one (`frozen` would triple the cost of making it).
    """

    text: str
    column: int = field(compare=False)
    provider: str
    up: int | None
    rest: str
    wanted: str = ""

    @property
    def is_pattern(self) -> bool:
        return "*" in self.rest

    def resolved(self, folder: str) -> str:
        """The full path for an expression of a tag in `folder` (`[default]Line 1`). Raises ExpressionError."""
        if self.provider != _ROOT:
            return f"[{self.provider}]{self.rest}"
        end = folder.index("]") + 1
        if self.up is None:
            return folder[:end] + self.rest
        if self.up == 0:
            return f"{folder}/{self.rest}" if end < len(folder) else folder + self.rest
        names = folder[end:].split("/") if end < len(folder) else []
        if self.up > len(names):
            raise ExpressionError(
                "EXP-131",
                f"{{{self.text}}} goes {self.up} folders up, but {folder} is only {len(names)} deep",
                self.column,
                "take one ../ away, or begin with [~] for the root",
            )
        return folder[:end] + "/".join((*names[: len(names) - self.up], self.rest))


def written(text: str, column: int) -> WrittenPath:
    """What stands between braces. Raises ExpressionError EXP-130 or EXP-132."""
    plain = _PLAIN.match(text)
    if plain is not None:
        provider, beside, above, names, wanted = plain.groups()
        if not wanted or (wanted := KNOWN.get(wanted.lower())):
            up = 0 if beside else 1 if above else None
            return WrittenPath(text, column, provider or _ROOT, up, names, wanted or "")
    return _written(text, column)


def _written(text: str, column: int) -> WrittenPath:
    """The long way, for all there is."""
    try:
        path, wanted = split_property(text)
    except ValueError as error:
        hint = nearest(text.rpartition(".")[2], NAMES)
        raise ExpressionError("EXP-132", f"{{{text}}}: {error}", column, hint) from None
    match = _ANCHOR.match(path)
    anchor, rest = (match["anchor"], match["rest"]) if match else ("", path)
    steps = rest.split("/")
    up: int | None = None
    if anchor in _PLACES:
        up = len(anchor) - 1
    if anchor in ("", *_PLACES):
        while len(steps) > 1 and steps[0] in _PLACES:
            up = (up or 0) + len(steps.pop(0)) - 1
    if steps[-1] == "**":
        steps.append("*")
    provider = _ROOT if anchor in ("", _ROOT, *_PLACES) else anchor
    problem = _problem(provider, steps)
    if problem is None and wanted and any("*" in step for step in steps):
        problem = "one tag has properties, not all that fit a *"
    if problem:
        raise ExpressionError("EXP-130", f"{{{text}}} names no tag: {problem}", column, _hint(text))
    return WrittenPath(text, column, provider, up, "/".join(steps), wanted)


def _problem(provider: str, steps: list[str]) -> str | None:
    if steps.count("**") > 1:
        return "only one ** may stand in a path"
    if any("**" in step and step != "**" for step in steps):
        return "** stands for whole folders: Line 1/**/Speed, or Line 1/** for all tags below"
    names = [step.replace("*", "x") for step in steps]
    provider = DEFAULT_PROVIDER if provider == _ROOT else provider
    return path_problem(f"[{provider}]{'/'.join(names)}")


def _hint(text: str) -> str:
    if text.strip() != text:
        return f"without spaces around it: {{{text.strip()}}}"
    if text in ("", *_PLACES):
        return "all tags of the own folder are {./*}, for sum, mean, count and the like"
    return "a tag is written {[default]Folder/Tag}, {../Tag} or {Folder/Tag}, its folder's tags {Folder/*}"


class FolderPattern:
    """The tags that a full path with `*` names. Cost of `matches`: linear in the path.

    `base` is the folder below which all of them lie: `[default]Line 1` for `[default]Line 1/Motor*/Speed`.
    """

    def __init__(self, text: str) -> None:
        provider, _, inner = text.partition("]")
        steps = inner.split("/")
        wild = next((place for place, step in enumerate(steps) if "*" in step), len(steps) - 1)
        self.text = text
        self.base = f"{provider}]{'/'.join(steps[:wild])}"
        self._prefix = self.base if self.base.endswith("]") else f"{self.base}/"
        rest = steps[wild:]
        self._any_folders = "**" in rest
        place = rest.index("**") if self._any_folders else len(rest)
        self._first = [step.split("*") for step in rest[:place]]
        self._last = [step.split("*") for step in rest[place + 1 :]]

    def matches(self, path: str) -> bool:
        if not path.startswith(self._prefix):
            return False
        names = path[len(self._prefix) :].split("/")
        fixed = len(self._first) + len(self._last)
        if len(names) < fixed or (len(names) > fixed and not self._any_folders):
            return False
        ends = zip(names[len(names) - len(self._last) :], self._last, strict=True)
        starts = zip(names[: len(self._first)], self._first, strict=True)
        return all(_fits(name, parts) for name, parts in (*starts, *ends))


def _fits(name: str, parts: list[str]) -> bool:
    """Whether `name` is `parts` with anything between them."""
    first, *middle = parts
    if not middle:
        return name == first
    last = middle.pop()
    at, end = len(first), len(name) - len(last)
    if end < at or not name.startswith(first) or not name.endswith(last):
        return False
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
