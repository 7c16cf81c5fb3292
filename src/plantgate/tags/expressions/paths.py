"""The paths in an expression: what `{...}` may hold, and what it means for a tag in some folder.

    [default]Line 1/Speed     that tag
    Line 1/Speed, [~]Line 1/Speed   from the root of the own provider
    [.]Speed, ./Speed         beside the tag that has the expression
    [..]Speed, ../Speed       one folder up; ../../Speed two
    Line 1/*, Motor*/Speed, **/Speed   all tags that fit, for functions over a folder

`*` stands for any characters within one name; `**` as a whole name for any number of folders, also none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from plantgate.model.tag import DEFAULT_PROVIDER, path_problem
from plantgate.tags.expressions.errors import ExpressionError

_ANCHOR = re.compile(r"\[(?P<anchor>[^\]]*)\](?P<rest>.*)\Z", re.DOTALL)
_ROOT = "~"
_PLACES = (".", "..")


@dataclass(frozen=True, slots=True)
class WrittenPath:
    """`provider` is a provider's name, or `~` for the own one. `up` is None from its root, else so many folders up."""

    text: str
    column: int = field(compare=False)
    provider: str
    up: int | None
    steps: tuple[str, ...]

    @property
    def is_pattern(self) -> bool:
        return any("*" in step for step in self.steps)

    def resolved(self, folder: str) -> str:
        """The full path for an expression of a tag in `folder` (`[default]Line 1`). Raises ExpressionError."""
        provider, _, inner = folder.removeprefix("[").partition("]")
        if self.provider != _ROOT:
            return f"[{self.provider}]{'/'.join(self.steps)}"
        if self.up is None:
            return f"[{provider}]{'/'.join(self.steps)}"
        names = inner.split("/") if inner else []
        if self.up > len(names):
            raise ExpressionError(
                "EXP-131",
                f"{{{self.text}}} goes {self.up} folders up, but {folder} is only {len(names)} deep",
                self.column,
                "take one ../ away, or begin with [~] for the root",
            )
        return f"[{provider}]{'/'.join((*names[: len(names) - self.up], *self.steps))}"


def written(text: str, column: int) -> WrittenPath:
    """What stands between braces. Raises ExpressionError EXP-130."""
    match = _ANCHOR.match(text)
    anchor, rest = (match["anchor"], match["rest"]) if match else ("", text)
    steps = rest.split("/")
    up: int | None = None
    if anchor in _PLACES:
        up = len(anchor) - 1
    if anchor in ("", *_PLACES):
        while len(steps) > 1 and steps[0] in _PLACES:
            up = (up or 0) + len(steps.pop(0)) - 1
    if steps[-1] == "**":
        steps.append("*")
    path = WrittenPath(text, column, _ROOT if anchor in ("", _ROOT, *_PLACES) else anchor, up, tuple(steps))
    if problem := _problem(path):
        raise ExpressionError("EXP-130", f"{{{text}}} names no tag: {problem}", column, _hint(text))
    return path


def _problem(path: WrittenPath) -> str | None:
    if path.steps.count("**") > 1:
        return "only one ** may stand in a path"
    if any("**" in step and step != "**" for step in path.steps):
        return "** stands for whole folders: Line 1/**/Speed, or Line 1/** for all tags below"
    names = [step.replace("*", "x") for step in path.steps]
    provider = DEFAULT_PROVIDER if path.provider == _ROOT else path.provider
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
