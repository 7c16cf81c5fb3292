"""Reads one section into its struct: every key by the type, default and bounds that `document.py` declares.

All problems of a section are collected; a section with problems gives None and the reading goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct, ValidationError
from msgspec.structs import FieldInfo

from plantgate.config.problems import Problems, did_you_mean, shown, valid_keys

S = TypeVar("S", bound=Struct)

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_LIST = re.compile(r"\s*,\s*")


@dataclass(frozen=True, slots=True)
class Override:
    """A value from outside the files: `text` is read by the type of its key, `source` says where it came from."""

    text: str
    source: str


@dataclass(slots=True)
class Entry:
    """One table as it was written, before it is checked.

    `where(key)` is the "file:line" of a key, of the table itself for None. `as_text` is set where the file has only
    text (XML, CSV). `overrides` beat `values`. `place` is the "file:line" of what is deeper inside. `note` says for an
    item that nobody wrote what it was made of.
    """

    values: Mapping[str, object]
    where: Callable[[str | None], str]
    as_text: bool = False
    overrides: dict[str, Override] = field(default_factory=dict)
    place: Callable[[tuple[str | int, ...]], str] | None = None
    note: str = ""

    def keys(self) -> set[str]:
        """The keys that something sets."""
        return {*self.values, *self.overrides}

    def source(self, key: str) -> str | None:
        """Where the value of `key` comes from, None if nothing sets it."""
        if key in self.overrides:
            return self.overrides[key].source
        return self.where(key) if key in self.values else None


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a key's value must be, made once per struct from its annotation."""

    key: str
    name: str
    type: Any
    bare: Any
    optional: bool
    words: str
    required: bool
    read: Callable[[str], object] | None
    secret: bool


@cache
def rules_of(struct: type[Struct]) -> dict[str, FieldRule]:
    """The rules of a struct by key."""
    return {info.encode_name: _rule(info) for info in msgspec.structs.fields(struct)}


def read_entry(struct: type[S], entry: Entry, label: str, problems: Problems) -> S | None:
    """The struct of a table, or None when anything in it is wrong. `label` is the dotted key of the table."""
    rules = rules_of(struct)
    found: dict[str, Any] = {}
    good = True
    for key in entry.values:
        if key not in rules:
            problems.add(
                "CFG-110",
                entry.where(key),
                _dotted(label, key),
                f"unknown key{did_you_mean(key, rules)}",
                valid_keys(key, rules),
            )
            good = False
    for key, rule in rules.items():
        source = entry.source(key)
        if source is None:
            if rule.required:
                where = entry.where(None)
                problems.add("CFG-112", where, _dotted(label, key), "missing", f"it must be {rule.words}")
                good = False
            continue
        try:
            found[rule.name] = _value(rule, entry, key)
        except (ValidationError, ValueError):
            given = "the value" if rule.secret else shown(_given(entry, key))
            problems.add(
                "CFG-111", source, _dotted(label, key), f"{given} is not {rule.words}{_near(rule, entry, key)}"
            )
            good = False
    return struct(**found) if good else None


def _given(entry: Entry, key: str) -> object:
    return entry.overrides[key].text if key in entry.overrides else entry.values[key]


def _value(rule: FieldRule, entry: Entry, key: str) -> object:
    """The converted value. Raises ValidationError or ValueError."""
    given = _given(entry, key)
    if rule.read is not None:
        if not isinstance(given, str):
            raise ValueError("text with a unit is wanted")
        return msgspec.convert(rule.read(given), rule.type)
    if key in entry.overrides or (entry.as_text and not isinstance(given, list)):
        return _from_text(rule, str(given))
    return msgspec.convert(given, rule.type)


def _from_text(rule: FieldRule, text: str) -> object:
    """A value of a file or a command line that knows only text."""
    if rule.bare is bool:
        word = text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise ValueError("true or false")
        return word in _TRUE
    if rule.bare == tuple[Any, ...]:
        return msgspec.convert(json.loads(text), rule.type)
    if get_origin(rule.bare) is tuple:
        inner = text.strip().removeprefix("[").removesuffix("]").strip()
        return tuple(item.strip("\"' ") for item in _LIST.split(inner)) if inner else ()
    if rule.optional and not text.strip():
        return None
    return msgspec.convert(text if rule.bare is str else text.strip(), rule.type, strict=False)


def _near(rule: FieldRule, entry: Entry, key: str) -> str:
    given = _given(entry, key)
    if isinstance(rule.bare, type) and issubclass(rule.bare, StrEnum) and isinstance(given, str):
        return did_you_mean(given, list(rule.bare))
    return ""


def _rule(info: FieldInfo) -> FieldRule:
    metas = [meta for meta in _metas(info.type) if isinstance(meta, Meta)]
    extra: dict[str, Any] = {}
    for meta in metas:
        extra |= meta.extra or {}
    required = info.default is NODEFAULT and info.default_factory is NODEFAULT
    return FieldRule(
        key=info.encode_name,
        name=info.name,
        type=info.type,
        bare=_bare(info.type),
        optional=_optional(info.type),
        words=extra.get("words") or _words(info.type, metas),
        required=required,
        read=extra.get("read"),
        secret=bool(extra.get("secret")),
    )


def _metas(kind: Any) -> list[Any]:
    """The annotations of `Annotated[int, ...]` and of `Annotated[int, ...] | None`."""
    found = list(getattr(kind, "__metadata__", ()))
    for part in get_args(kind):
        found += getattr(part, "__metadata__", ())
    return found


def _bare(kind: Any) -> Any:
    """The plain type of `Annotated[int, ...]` and of `Annotated[int, ...] | None`."""
    if hasattr(kind, "__metadata__"):
        return get_args(kind)[0]
    others = [part for part in get_args(kind) if part is not type(None)]
    return _bare(others[0]) if _optional(kind) and len(others) == 1 else kind


def _optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _words(kind: Any, metas: list[Meta]) -> str:
    """What a value of `kind` is, for a sentence that ends in it."""
    bare = _bare(kind)
    if bare is bool:
        return "true or false"
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return f"one of: {', '.join(bare)}"
    if bare is int:
        low = next((meta.ge for meta in metas if meta.ge is not None), None)
        high = next((meta.le for meta in metas if meta.le is not None), None)
        return "a whole number" if low is None else f"a whole number from {low} to {high}"
    if bare is str:
        return "a text in quotes"
    if get_origin(bare) is tuple:
        return "a list of texts"
    return "a number" if bare is float else "a number, a text, true or false"


def _dotted(label: str, key: str) -> str:
    return f"{label}.{key}" if label else key
