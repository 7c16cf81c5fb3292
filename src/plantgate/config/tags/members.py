"""Members of instances of types: what they are made of, and how an edit of one becomes an override of its instance."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from plantgate.config.fields import Entry
from plantgate.config.problems import Problems
from plantgate.config.tags.document import InstanceEntry, TagEntry, UdtEntry
from plantgate.config.tags.text import same_value
from plantgate.config.tags.udt import Expander
from plantgate.config.tags.write import Row, instance_row, plain_row, udt_row
from plantgate.config.tomlfile import Sections
from plantgate.model.tag import full_path

_DEFAULTS = {field.encode_name: field.default for field in msgspec.structs.fields(TagEntry)}


def _here(_: object) -> str:
    """Nobody has written it yet."""
    return "edited"


def _entry(row: Row) -> Entry:
    return Entry(row, _here, place=_here)


def expanded(
    udts: Iterable[UdtEntry], instances: Iterable[InstanceEntry], problems: Problems
) -> tuple[dict[str, Entry], dict[str, str]]:
    """(entries of all members by their paths, the instance of each). What is wrong becomes a problem."""
    sections = Sections()
    sections.lists["udt"] = [_entry(udt_row(udt)) for udt in udts]
    sections.lists["instance"] = [_entry(instance_row(instance)) for instance in instances]
    expander = Expander(sections, problems)
    expander.run()
    found: dict[str, Entry] = {}
    for entry in sections.lists["tag"]:
        path = full_path(str(entry.values["path"]))
        if path in found:
            problems.add("CFG-160", "", f"tag.{path}.path", "there is already one of this name")
        found[path] = entry
    return found, expander.instance_of


def overridden(
    udts: Mapping[str, UdtEntry], instance: InstanceEntry, wanted: Mapping[str, Row]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The overrides of `instance` with which its members are as `wanted` (rows by full paths).

    Also gives what overrides can't say, as (path, key).
    """
    base = full_path(instance.path)
    overrides: dict[str, Any] = copy.deepcopy(dict(instance.override))
    chains = {path: chain for path in wanted if (chain := _chain(udts, instance.udt, path[len(base) + 1 :]))}
    for chain in chains.values():
        _table(overrides, udts, instance.udt, chain).clear()
    bare = InstanceEntry(path=instance.path, udt=instance.udt, parameters=instance.parameters, override=overrides)
    entries, _ = expanded(udts.values(), [bare], Problems())
    missing: list[tuple[str, str]] = []
    for path, chain in chains.items():
        table = _table(overrides, udts, instance.udt, chain)
        typed = dict(entries[path].values) if path in entries else {}
        for key, value in _difference(typed, wanted[path]).items():
            if value is None:
                missing.append((path, key))
            else:
                table[key] = value
    missing += [(path, "") for path in wanted if path not in chains]
    return _without_empty(overrides), missing


def _difference(typed: Mapping[str, Any], wanted: Row) -> dict[str, Any]:
    """What an override says. A key of the type that is not wanted gets its default; None where there is none."""
    plain = plain_row(typed)
    found: dict[str, Any] = {
        key: value
        for key, value in wanted.items()
        if key != "path" and not (key in typed and same_value(typed[key], value))
    }
    return found | {key: _default(key) for key in typed if key in plain and key not in wanted}


def _default(key: str) -> Any:
    default = _DEFAULTS[key]
    if isinstance(default, tuple):
        return list(default)
    return str(default) if isinstance(default, str) else default


def _members(udts: Mapping[str, UdtEntry], udt: str) -> dict[str, Mapping[str, Any]]:
    """The members of a type and of those above it."""
    found: dict[str, Mapping[str, Any]] = {}
    seen: set[str] = set()
    while udt in udts and udt not in seen:
        seen.add(udt)
        for member in udts[udt].member:
            if isinstance(member, dict) and isinstance(path := member.get("path"), str):
                found[path] = {**member, **found.get(path, {})}
        udt = udts[udt].extends
    return found


def _chain(udts: Mapping[str, UdtEntry], udt: str, rest: str) -> Sequence[str]:
    """`Motor 1/Speed` -> the names of members that lead to it, through instances within instances; empty if none do."""
    members = _members(udts, udt)
    if rest in members and "udt" not in members[rest]:
        return (rest,)
    for path, member in members.items():
        if "udt" in member and rest.startswith(f"{path}/"):
            inner = _chain(udts, str(member["udt"]), rest[len(path) + 1 :])
            if inner:
                return (path, *inner)
    return ()


def _table(overrides: dict[str, Any], udts: Mapping[str, UdtEntry], udt: str, chain: Sequence[str]) -> dict[str, Any]:
    """The table of a member within `overrides`, made if it is not there.

    An override of an inner instance stands in place of the one that the type gives it: that is copied first.
    """
    table = overrides
    for name in chain[:-1]:
        member = _members(udts, udt)[name]
        inner = table.setdefault(name, {})
        table = inner.setdefault("override", copy.deepcopy(member.get("override", {})))
        udt = str(member["udt"])
    found: dict[str, Any] = table.setdefault(chain[-1], {})
    return found


def _without_empty(overrides: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, table in overrides.items():
        if isinstance(table, dict) and isinstance(table.get("override"), dict):
            table = {**table, "override": _without_empty(table["override"])}  # noqa: PLW2901
        if table != {}:
            kept[name] = table
    return kept
