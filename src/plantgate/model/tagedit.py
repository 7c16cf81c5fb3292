"""Edits of the tag definitions of a running gateway: what is wanted, what becomes of it, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

# The keys of one [[tag]], [[instance]] or [[udt]] as a file has them.
Entry: TypeAlias = Mapping[str, Any]


class Conflict(StrEnum):
    """What becomes of an imported item whose path is there already (Ignition's import policies)."""

    ABORT = "abort"
    IGNORE = "ignore"
    OVERWRITE = "overwrite"
    MERGE = "merge"
    RENAME = "rename"


class EntryOrigin(StrEnum):
    """What a tag is made of: an entry of its own, an instance of a type, or the gateway itself."""

    TAG = "tag"
    INSTANCE = "instance"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class TagFault:
    """One thing that is wrong with an edit: `path` of the tag, `key` of its entry; either may be empty."""

    path: str
    key: str
    message: str
    hint: str
    code: str


@dataclass(frozen=True, slots=True)
class TagEdit:
    """`put` are whole entries (an instance has `udt`), `remove` paths of tags, instances or folders.

    `rename` is a tag, instance or folder and its new path. `udts` are types; `file` is where new items go (a name of
    the tags folder; empty: beside their neighbours).
    """

    put: Sequence[Entry] = ()
    remove: Sequence[str] = ()
    rename: tuple[str, str] | None = None
    udts: Sequence[Entry] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class TagDifference:
    """The entry of a tag before and after; None where there is none."""

    path: str
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class TagsEdited:
    """What was done, or would be. `revision` is the one that holds now; paths are full.

    `unmapped` are (path, reason) of what an import could not take over.
    """

    revision: int
    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    unchanged: Sequence[str] = ()
    removed: Sequence[str] = ()
    renamed: Sequence[tuple[str, str]] = ()
    ignored: Sequence[str] = ()
    types: Sequence[str] = ()
    differences: Sequence[TagDifference] = ()
    files: Sequence[str] = ()
    unmapped: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ConfiguredTag:
    """A tag as it is defined. `file` and `line` are where: of a member those of its instance."""

    path: str
    entry: Entry
    origin: EntryOrigin
    udt: str = ""
    instance: str = ""
    file: str = ""
    line: int = 0
    editable: bool = True
    why_not: str = ""
