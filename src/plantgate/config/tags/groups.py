"""Edits of [[tag_group]] in plantgate.toml: checked with everything else, comments and order stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from plantgate.config.document import Configuration
from plantgate.config.fields import Entry, read_entry, rules_of
from plantgate.config.load import PLANTGATE_TOML
from plantgate.config.origins import Origins
from plantgate.config.problems import Problems
from plantgate.config.source import read_bytes
from plantgate.config.tags.checks import TagChecks
from plantgate.config.tags.document import TagGroup
from plantgate.config.tags.faults import FaultList
from plantgate.config.tags.text import TagText, closed, opened
from plantgate.config.units import duration_text, parse_duration
from plantgate.limits import CONFIG_FILE_BYTES

SECTION = "tag_group"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """The groups as they are then, and the file that says so."""

    groups: tuple[TagGroup, ...]
    files: Mapping[Path, bytes]


def plan_group(configuration: Configuration, directory: Path, name: str, row: Mapping[str, Any] | None) -> GroupPlan:
    """`row` are all keys of the group (durations may be seconds), None takes it away. Raises TagFaults, ConfigError."""
    faults = FaultList()
    groups = {group.name: group for group in configuration.tag_groups}
    before = groups.pop(name, None)
    path = directory / PLANTGATE_TOML
    data = read_bytes(path, CONFIG_FILE_BYTES) if path.exists() else b""
    text = opened(path, data)
    written = text.find(SECTION, name)
    if before is not None and (written is not None or before != TagGroup(name=_DEFAULT)):
        _check_written(written, before, name, faults)
    if row is None:
        _remove(configuration, name, before, faults)
    else:
        _put(text, configuration, groups, {"name": name, **row}, faults)
    faults.raise_any()
    if row is None:
        text.remove(SECTION, name)
    else:
        new = _row(groups[name], written)
        text.put(SECTION, name, new) if written is not None else text.add(SECTION, new)
    order = {group.name: place for place, group in enumerate(configuration.tag_groups)}
    found = sorted(groups.values(), key=lambda group: order.get(group.name, len(order)))
    changed = closed(text, data)
    return GroupPlan(tuple(found), {path: changed} if changed != data else {})


def _check_written(written: Mapping[str, Any] | None, before: TagGroup, name: str, faults: FaultList) -> None:
    entry = Entry(written or {}, lambda _: "")
    found = read_entry(TagGroup, entry, "", Problems()) if written is not None else None
    if found is None or msgspec.structs.replace(found, driving_tag=before.driving_tag) != before:
        what = f"{PLANTGATE_TOML} says something else of this group than what is in force"
        faults.refuse("CFG-440", "", what, "was it edited by hand, or set with --set? restart", f"tag_group.{name}")


def _remove(configuration: Configuration, name: str, before: TagGroup | None, faults: FaultList) -> None:
    users = [tag.path for tag in configuration.tags if tag.group == name]
    if before is None:
        faults.refuse("CFG-441", "", f"there is no tag group {name}", key="name")
    elif name == _DEFAULT:
        faults.refuse("CFG-442", "", "this group is always there", key="name")
    elif users:
        more = f" and {len(users) - 3} more" if len(users) > 3 else ""
        what = f"is used by {', '.join(users[:3])}{more}"
        faults.refuse("CFG-443", "", what, "give those another group first", "name")


def _put(
    text: TagText,
    configuration: Configuration,
    groups: dict[str, TagGroup],
    row: dict[str, Any],
    faults: FaultList,
) -> None:
    rules = rules_of(TagGroup)
    values = {key: value for key, value in row.items() if value is not None}
    for key, value in values.items():
        if key in rules and rules[key].read is not None and isinstance(value, int | float):
            values[key] = duration_text(value) if value > 0 else "0s"
    name = str(values["name"])
    entry = Entry(values, lambda _: "")
    group = read_entry(TagGroup, entry, f"tag_group.{name}", faults)
    if group is None:
        return
    origins = Origins(items={(SECTION, name): entry})

    def dangling(place: tuple[str, str, str], what: str, missing: str, _: set[str]) -> None:
        faults.add("CFG-155", "", ".".join(place), f"there is no {what} {missing}")

    paths = {tag.path for tag in configuration.tags}
    (groups[name],) = TagChecks((), paths, origins, faults, dangling).groups((group,))


def _row(group: TagGroup, written: Mapping[str, Any] | None) -> dict[str, Any]:
    """Its keys as they are to be written: what is a default only where it was written before."""
    plain, old = TagGroup(name=group.name), written or {}
    row: dict[str, Any] = {"name": group.name}
    for key, rule in rules_of(TagGroup).items():
        value = getattr(group, rule.name)
        if key == "name" or (value == getattr(plain, rule.name) and key not in old) or value is None:
            continue
        if rule.read is None:
            row[key] = str(value) if isinstance(value, str) else value
        elif isinstance(old.get(key), str) and parse_duration(old[key]) == value:
            row[key] = old[key]
        else:
            row[key] = duration_text(value) if value else "0s"
    return row
