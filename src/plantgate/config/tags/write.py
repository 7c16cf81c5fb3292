"""Tag definitions as texts that people can compare: TOML (a section an item), JSON and CSV (a line an item).

Items are in the order of their paths, keys in that of `TagEntry`, and what is a default is left out: the same
definitions always give the same text.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import ValidationError

from plantgate.config.document import Configuration
from plantgate.config.fields import rules_of
from plantgate.config.tags.alarms import alarm_row, plain_alarm
from plantgate.config.tags.document import InstanceEntry, TagEntry, UdtEntry
from plantgate.config.tags.values import initial_value
from plantgate.model.tag import DEFAULT_PROVIDER, ScaleMode, TagDefinition, TagKind

Row: TypeAlias = dict[str, Any]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_DEFAULTS = TagEntry(path="", type=None)  # type: ignore[arg-type]  # only its defaults are looked at
_ORDER = {key: place for place, key in enumerate(rules_of(TagEntry))}


@dataclass(slots=True)
class TagRows:
    """What a tag file holds: keys as they are written, without defaults."""

    udt: list[Row] = field(default_factory=list)
    instance: list[Row] = field(default_factory=list)
    tag: list[Row] = field(default_factory=list)

    def sorted(self) -> TagRows:
        return TagRows(
            sorted(self.udt, key=lambda row: str(row["name"])),
            sorted(self.instance, key=lambda row: str(row["path"])),
            sorted(self.tag, key=lambda row: str(row["path"])),
        )

    def sections(self) -> Iterable[tuple[str, list[Row]]]:
        yield from (("udt", self.udt), ("instance", self.instance), ("tag", self.tag))


def rows_of(configuration: Configuration, *, expanded: bool = False) -> TagRows:
    """All tags of a gateway; those of instances as their types and instances, or `expanded` as plain tags."""
    if expanded:
        return TagRows(tag=[row_of(tag) for tag in configuration.tags]).sorted()
    return TagRows(
        [udt_row(udt) for udt in configuration.udts],
        [instance_row(instance) for instance in configuration.instances],
        [row_of(tag) for tag in configuration.tags if tag.path not in configuration.instance_of],
    ).sorted()


def short_path(path: str) -> str:
    return path.removeprefix(f"[{DEFAULT_PROVIDER}]")


def row_of(tag: TagDefinition) -> Row:
    """The [[tag]] that gives `tag`."""
    scaling = tag.scaling
    written: Row = {
        "path": short_path(tag.path),
        "type": str(tag.data_type),
        "address": f"[{tag.device}]{tag.address}" if tag.kind is TagKind.DEVICE else "",
        "source": short_path(tag.source),
        "initial": list(tag.initial) if isinstance(tag.initial, tuple) else tag.initial,
        "alarms": [alarm_row(alarm) for alarm in tag.alarms] or (),
    }
    if scaling is not None and scaling.mode is not ScaleMode.OFF:
        written["scale"] = str(scaling.mode)
        if scaling.mode in {ScaleMode.LINEAR, ScaleMode.SQUARE_ROOT}:
            written |= {key: getattr(scaling, key) for key in ("raw_low", "raw_high", "scaled_low", "scaled_high")}
            written["clamp"] = str(scaling.clamp)
        elif scaling.mode is ScaleMode.EXPONENTIAL_FILTER:
            written["factor"] = scaling.factor
    for key in _ORDER:
        if key not in written and key not in {"kind", "device"} and hasattr(tag, key):
            value = getattr(tag, key)
            written[key] = str(value) if isinstance(value, str) else value
    return plain_row(written)


def plain_row(values: Mapping[str, Any]) -> Row:
    """Keys in their order, without those that are defaults."""
    return {
        key: values[key]
        for key in sorted(values, key=lambda key: _ORDER.get(key, len(_ORDER)))
        if key in {"path", "type"} or key not in _ORDER or values[key] != getattr(_DEFAULTS, key)
    }


def entry_row(entry: TagEntry, *, as_text: bool = False) -> Row:
    """A [[tag]] as it was read; `as_text` if its file knows only text."""
    values = {key: getattr(entry, key) for key in _ORDER}
    if as_text and entry.initial is not None:
        with contextlib.suppress(ValidationError, ValueError, OverflowError):  # `load` says what is wrong with it
            values["initial"] = initial_value(entry.initial, entry.type, as_text=True)
    if isinstance(values["initial"], tuple):
        values["initial"] = list(values["initial"])
    if values["alarms"]:
        values["alarms"] = [plain_alarm(item) if isinstance(item, dict) else item for item in values["alarms"]]
    return plain_row({key: str(value) if isinstance(value, str) else value for key, value in values.items()})


def udt_row(udt: UdtEntry) -> Row:
    row: Row = {"name": udt.name}
    for key in ("extends", "description", "parameters"):
        if value := getattr(udt, key):
            row[key] = value
    row["member"] = [dict(member) for member in udt.member]
    return row


def instance_row(instance: InstanceEntry) -> Row:
    row: Row = {"path": short_path(instance.path), "udt": instance.udt}
    for key in ("parameters", "override"):
        if value := getattr(instance, key):
            row[key] = value
    return row


# texts


def toml_text(rows: TagRows) -> str:
    parts: list[str] = []
    for udt in rows.udt:
        members = udt.get("member", [])
        parts.append(toml_item("udt", {key: value for key, value in udt.items() if key != "member"}))
        parts += [toml_item("udt.member", member) for member in members]
    parts += [toml_item("instance", row) for row in rows.instance]
    parts += [toml_item("tag", row) for row in rows.tag]
    return "\n".join(parts)


def toml_item(section: str, row: Mapping[str, Any]) -> str:
    return f"[[{section}]]\n" + "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in row.items())


def toml_key(key: str) -> str:
    return key if _BARE_KEY.match(key) else toml_value(key)


def toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{toml_key(key)} = {toml_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) > 1 and isinstance(value[0], Mapping):
            return "[\n" + "".join(f"  {toml_value(item)},\n" for item in value) + "]"
        return f"[{', '.join(toml_value(item) for item in value)}]"
    # A JSON string is a TOML one but for DEL, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def json_text(rows: TagRows) -> str:
    parts: list[str] = []
    for name, items in rows.sections():
        lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in items)
        if items:
            parts.append(f'  "{name}": [\n{lines}\n  ]')
    return "{\n" + ",\n".join(parts) + "\n}\n" if parts else '{"tag": []}\n'


def csv_text(rows: TagRows) -> str:
    """Tags only: the members of instances are to be among them (`rows_of(..., expanded=True)`)."""
    used = {key for row in rows.tag for key in row} | {"path", "type"}
    head = [key for key in _ORDER if key in used]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([cell_text(row.get(key)) for key in head] for row in rows.tag)
    return text.getvalue()


def cell_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
