"""What a tag is: its definition, before it has any value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from plantgate.model.value import DataType, Scalar

DEFAULT_PROVIDER = "default"

# Ignition 8.3 manual, tag paths: letters, digits, underscore first, then also space ' - : ( ); at most 256.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ '\-:()]{0,255}\Z")
_PATH = re.compile(r"\[(?P<provider>[^\]]+)\](?P<rest>.*)\Z")


class TagKind(StrEnum):
    DEVICE = "device"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class TagDefinition:
    """`path` is full (`[default]Line 1/Filler/Speed`).

    `address` is the driver's own (`HRF40`, `3.C12`), without `[device]` before it.
    `writable` is for commands through the gate; `history` stores every change; `unit` is the engineering unit.
    `low` and `high` are the engineering range, for charts and gauges.
    """

    path: str
    data_type: DataType
    kind: TagKind = TagKind.MEMORY
    device: str = ""
    address: str = ""
    unit: str = ""
    description: str = ""
    history: bool = False
    writable: bool = False
    group: str = "default"
    low: float | None = None
    high: float | None = None
    initial: Scalar = None


def full_path(path: str) -> str:
    """`Line 1/Speed` -> `[default]Line 1/Speed`; a path that names its provider stays as it is."""
    return path if path.startswith("[") else f"[{DEFAULT_PROVIDER}]{path}"


def path_problem(path: str) -> str | None:
    """Why `path` can't be a tag path, in words, or None if it can."""
    match = _PATH.match(full_path(path))
    if match is None:
        return "a tag path looks like [provider]Folder/Tag"
    for name in (match["provider"], *match["rest"].split("/")):
        if not _NAME.match(name):
            return f"{name!r} can't be a name: letters, digits and _ first, then also space ' - : ( ), at most 256"
    return None
