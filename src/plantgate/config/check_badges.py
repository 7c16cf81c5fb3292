"""Checks of [[badge_write]] and [[write_permit]]: the tags are there, can be written and take the values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from plantgate.config.badges import BadgeWrite, WritePermit
from plantgate.config.origins import Origins
from plantgate.config.problems import Problems, shown
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.value import DataType, Scalar

_FOLDER = "/*"


class _Dangling(Protocol):
    def __call__(self, place: tuple[str, str, str], what: str, name: str, known: set[str]) -> None: ...


class _ReadersExist(Protocol):
    def __call__(self, section: str, name: str, readers: tuple[str, ...], *, wildcard: bool) -> None: ...


class BadgeChecks:
    """The last two arguments are the checks of references that every section has."""

    def __init__(
        self,
        origins: Origins,
        named: Callable[[str], set[str]],
        problems: Problems,
        dangling: _Dangling,
        readers_exist: _ReadersExist,
    ) -> None:
        self._origins = origins
        self._named = named
        self._problems = problems
        self._dangling = dangling
        self._readers_exist = readers_exist

    def write(self, write: BadgeWrite, tags: Mapping[str, TagDefinition]) -> BadgeWrite:
        """With its full path, and with what a pulse goes back to."""
        path, after = full_path(write.tag), write.after
        self._readers_exist("badge_write", write.name, write.readers, wildcard=True)
        tag = self._writable(path, ("badge_write", write.name, "tag"), tags)
        if write.pulse is not None and after is None and isinstance(write.value, bool):
            after = not write.value
        if write.pulse is not None and after is None:
            what, hint = "after is missing", "what is written back when the pulse is over?"
            self._add("CFG-182", ("badge_write", write.name, "pulse"), what, hint)
        elif write.pulse is None and after is not None:
            what, hint = "pulse is missing", 'how long does the value stay? "5s"'
            self._add("CFG-182", ("badge_write", write.name, "after"), what, hint)
        for key, value in (("value", write.value), ("after", after)):
            if tag is not None and value is not None and not _takes(tag.data_type, value):
                what = f"{shown(value)} is no value of {path}, which is {tag.data_type}"
                self._add("CFG-181", ("badge_write", write.name, key), what, "")
        return msgspec.structs.replace(write, tag=path, after=after)

    def permit(self, permit: WritePermit, tags: Mapping[str, TagDefinition]) -> WritePermit:
        """With full paths."""
        paths = tuple(full_path(path) for path in permit.tags)
        place = ("write_permit", permit.name, "tags")
        self._readers_exist("write_permit", permit.name, permit.readers, wildcard=True)
        for path in paths:
            if not path.endswith(_FOLDER):
                self._writable(path, place, tags)
            elif not any(tag.startswith(path.removesuffix("*")) for tag in self._named("tag")):
                folder = path.removesuffix(_FOLDER)
                self._add("CFG-183", place, f"there is no tag below {shown(folder)}", "check the folder's name")
        return msgspec.structs.replace(permit, tags=paths)

    def _writable(
        self, path: str, place: tuple[str, str, str], tags: Mapping[str, TagDefinition]
    ) -> TagDefinition | None:
        tag = tags.get(path)
        if tag is None:
            if path not in self._named("tag"):
                self._dangling(place, "tag", path, self._named("tag"))
        elif not tag.writable:
            where = self._origins.of("tag", path, "writable")
            self._add("CFG-180", place, f"tag {path} is not writable", f"set writable = true at {where}")
        return tag

    def _add(self, code: str, place: tuple[str, str, str], what: str, hint: str) -> None:
        self._problems.add(code, self._origins.of(*place), ".".join(place), what, hint)


def _takes(kind: DataType, value: Scalar) -> bool:
    """Whether a tag of that type can have such a value; the gate looks at its range."""
    if kind is DataType.BOOLEAN or isinstance(value, bool):
        return kind is DataType.BOOLEAN and isinstance(value, bool)
    return isinstance(value, str) is (kind is DataType.STRING)
