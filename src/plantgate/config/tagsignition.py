"""Ignition's tag export (JSON) as ours. What has no counterpart is listed with its path and the reason.

Ignition 8.3 manual: tag properties, exporting and importing tags; property names as its exports write them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from plantgate.config.tagswrite import Row, TagRows, plain_row, short_path
from plantgate.limits import UDT_DEPTH
from plantgate.model.value import DataType

TYPES: Final = "_types_"
OPC_SERVER = "Ignition OPC UA Server"
_NODE = re.compile(r"(?:ns=\d+;s=)?(?P<item>\[.*)\Z", re.DOTALL)
# Ours -> Ignition's, where the value stays as it is.
SAME: Mapping[str, str] = {
    "unit": "engUnit",
    "low": "engLow",
    "high": "engHigh",
    "format": "formatString",
    "description": "tooltip",
    "documentation": "documentation",
    "deadband": "deadband",
    "history": "historyEnabled",
    "raw_low": "rawLow",
    "raw_high": "rawHigh",
    "scaled_low": "scaledLow",
    "scaled_high": "scaledHigh",
    "factor": "scaleFactor",
}
WORDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "scale": (
        "scaleMode",
        {
            "off": "Off",
            "linear": "Linear",
            "square_root": "SquareRoot",
            "exponential_filter": "ExponentialFilter",
            "bit_inversion": "BitInversion",
        },
    ),
    "clamp": ("clampMode", {"none": "No_Clamp", "low": "Clamp_Low", "high": "Clamp_High", "both": "Clamp_Both"}),
    "limit": ("engLimitMode", {"none": "No_Clamp", "low": "Clamp_Low", "high": "Clamp_High", "both": "Clamp_Both"}),
    "deadband_mode": ("deadbandMode", {"absolute": "Absolute", "percent": "Percent"}),
    "execute": ("executionMode", {"event": "EventDriven", "rate": "TagGroupRate"}),
}
KINDS = {"opc": "device", "memory": "memory", "expr": "expression", "derived": "derived", "reference": "reference"}
_TYPES_BY_NAME = {str(kind).lower(): str(kind) for kind in DataType}
# What says nothing that we don't know already.
_IDLE = frozenset(
    {"name", "tagType", "tags", "typeId", "parameters", "valueSource", "opcServer", "enabled", "typeColor"}
)


class Unmapped(NamedTuple):
    """`path` is that of the tag, with the property behind a dot."""

    path: str
    reason: str


class _Node(NamedTuple):
    path: str
    values: Mapping[str, Any]


def from_ignition(document: object) -> tuple[TagRows, list[Unmapped]]:
    """The rows of an export, and what is not in them. Raises ValueError for what is no tag export."""
    reader = _Reader()
    reader.read(document)
    return reader.rows.sorted(), reader.unmapped


class _Reader:
    def __init__(self) -> None:
        self.rows = TagRows()
        self.unmapped: list[Unmapped] = []
        self._within: list[str] = []  # of types and instances that are being read: their members' paths begin anew

    def read(self, document: object) -> None:
        if isinstance(document, list):
            items = document
        elif isinstance(document, dict) and document.get("tagType") == "Provider":
            items = document.get("tags", [])
        elif isinstance(document, dict) and "tagType" not in document and isinstance(document.get("tags"), list):
            items = document["tags"]
        elif isinstance(document, dict) and "tagType" in document:
            items = [document]
        else:
            raise ValueError('no tag export of Ignition: it is {"name": ..., "tagType": ..., "tags": [...]}')
        self._folder("", items, self.rows.tag, self.rows.instance)

    def _folder(self, folder: str, items: object, tags: list[Row], instances: list[Row]) -> None:
        """Walks without recursion: exports nest as deep as people like."""
        waiting: deque[tuple[str, object]] = deque([(folder, items)])
        while waiting:
            folder, items = waiting.popleft()
            for node in self._nodes(folder, items):
                kind = node.values.get("tagType", "AtomicTag")
                if kind == "Folder":
                    waiting.append((node.path, node.values.get("tags", [])))
                    self._rest(node, {"name", "tagType", "tags"})
                elif kind == "UdtType" and self._within:
                    self._lost(node.path, "a type within a type")
                elif kind == "UdtType":
                    self._type(node)
                elif kind == "UdtInstance":
                    instances.append(self._instance(node))
                elif kind == "AtomicTag":
                    if (row := self._tag(node, whole=True)) is not None:
                        tags.append(row)
                else:
                    self._lost(node.path, f"a tag of tagType {kind} has no counterpart")

    def _nodes(self, folder: str, items: object) -> Iterator[_Node]:
        if not isinstance(items, list):
            self._lost(folder, "tags is not a list")
            return
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                yield _Node(f"{folder}/{item['name']}" if folder else item["name"], item)
            else:
                self._lost(folder, "an item without a name")

    def _lost(self, path: str, reason: str) -> None:
        self.unmapped.append(Unmapped("/".join(filter(None, (*self._within, path))), reason))

    def _rest(self, node: _Node, known: set[str]) -> None:
        for key in node.values:
            if key not in known:
                self._lost(f"{node.path}.{key}", "no counterpart")

    def _type(self, node: _Node) -> None:
        tags: list[Row] = []
        instances: list[Row] = []
        self._within.append(node.path)
        self._folder("", node.values.get("tags", []), tags, instances)
        self._within.pop()
        row: Row = {"name": node.path.removeprefix(f"{TYPES}/")}
        if parent := node.values.get("typeId"):
            row["extends"] = str(parent)
        if parameters := self._parameters(node):
            row["parameters"] = parameters
        row["member"] = [*tags, *instances]
        self.rows.udt.append(row)
        self._rest(node, {"name", "tagType", "tags", "typeId", "parameters", "typeColor"})

    def _parameters(self, node: _Node) -> Row:
        found: Row = {}
        given = node.values.get("parameters", {})
        for name, value in given.items() if isinstance(given, dict) else ():
            plain = value.get("value") if isinstance(value, dict) else value
            if isinstance(plain, dict):
                plain = plain.get("binding")
            if isinstance(plain, bool | int | float | str):
                found[name] = plain
            else:
                self._lost(f"{node.path}.parameters.{name}", "a parameter without a plain value")
        return found

    def _instance(self, node: _Node) -> Row:
        row: Row = {"path": node.path, "udt": str(node.values.get("typeId", "")).removeprefix(f"{TYPES}/")}
        if parameters := self._parameters(node):
            row["parameters"] = parameters
        if len(self._within) >= UDT_DEPTH:
            self._lost(node.path, f"instances within instances, more than {UDT_DEPTH} deep")
            return row
        self._within.append(node.path)
        if override := self._overrides(node):
            row["override"] = override
        self._within.pop()
        self._rest(node, {"name", "tagType", "tags", "typeId", "parameters"})
        return row

    def _overrides(self, node: _Node) -> dict[str, Row]:
        found: dict[str, Row] = {}
        waiting: list[tuple[str, object]] = [("", node.values.get("tags", []))]
        while waiting:
            folder, items = waiting.pop()
            for inner in self._nodes(folder, items):
                if inner.values.get("tagType") == "Folder":
                    waiting.append((inner.path, inner.values.get("tags", [])))
                elif inner.values.get("tagType") == "UdtInstance":
                    row = self._instance(inner)
                    found[inner.path] = {key: row[key] for key in ("parameters", "override") if key in row}
                elif row := self._tag(inner, whole=False) or {}:
                    del row["path"]
                    found[inner.path] = row
        return {path: row for path, row in found.items() if row}

    def _tag(self, node: _Node, *, whole: bool) -> Row | None:
        """A [[tag]]; as an override (not `whole`) only what it says. None for a tag that can't be one."""
        values = node.values
        source = values.get("valueSource", "memory")
        if source not in KINDS:
            self._lost(node.path, f"valueSource {source} has no counterpart")
            return None
        if values.get("enabled", True) is not True:
            self._lost(node.path, "it is disabled there: left out")
            return None
        row: Row = {"path": node.path}
        if whole or "dataType" in values:
            given = str(values.get("dataType", "Int4"))
            row["type"] = _TYPES_BY_NAME.get(given.lower(), given)
        known = set(_IDLE)
        if values.get("opcServer", OPC_SERVER) != OPC_SERVER:
            self._lost(f"{node.path}.opcServer", "tags of other OPC UA servers have no counterpart")
        known |= self._source(node, KINDS[source], row, whole=whole)
        known |= self._numbers(node, row)
        self._rest(node, known)
        return plain_row(row) if whole else row

    def _source(self, node: _Node, kind: str, row: Row, *, whole: bool) -> set[str]:
        values = node.values
        known = {"dataType", "tagGroup", "readOnly"}
        if isinstance(group := values.get("tagGroup"), str):
            row["group"] = "default" if group == "Default" else group
        formulas = {"expression": "expression", "sourceTagPath": "source", "opcItemPath": "address"}
        formulas |= {"deriveExpressionGetter": "expression", "deriveExpressionSetter": "write_expression"}
        for theirs, ours in formulas.items():
            if theirs in values:
                known.add(theirs)
                self._text(node, theirs, ours, row)
        if "deriveExpressionGetter" in values and "expression" in row:
            row["expression"] = row["expression"].replace("{source}", "{value}")
        if "value" in values and kind == "memory":
            known.add("value")
            self._initial(node, row)
        if whole:
            if kind == "memory":
                row["persist"] = True
            writable = kind in {"device", "memory", "reference"} or "write_expression" in row
            row["writable"] = writable and values.get("readOnly") is not True
        elif "readOnly" in values:
            row["writable"] = values["readOnly"] is not True
        return known

    def _text(self, node: _Node, theirs: str, ours: str, row: Row) -> None:
        text = node.values[theirs]
        if isinstance(text, dict) and text.get("bindType") == "parameter":
            text = text.get("binding")
        if not isinstance(text, str):
            self._lost(f"{node.path}.{theirs}", "no plain text, nor one with parameters")
            return
        if ours == "address":
            match = _NODE.match(text)
            if match is None:
                self._lost(f"{node.path}.{theirs}", "no item of a device: [Device]Address")
                return
            text = match["item"]
        row[ours] = short_path(text) if ours == "source" else text

    def _initial(self, node: _Node, row: Row) -> None:
        value = node.values["value"]
        if value is None:
            return
        if isinstance(value, dict) or row.get("type") == "DataSet":
            self._lost(f"{node.path}.value", "a value of this form has no counterpart")
        elif row.get("type") == "DateTime" and isinstance(value, int):
            row["initial"] = value * 1_000
        else:
            row["initial"] = value

    def _numbers(self, node: _Node, row: Row) -> set[str]:
        values, known = node.values, set[str]()
        for ours, theirs in SAME.items():
            if theirs in values:
                known.add(theirs)
                value = values[theirs]
                if isinstance(value, dict) and value.get("bindType") == "parameter":
                    value = value.get("binding")
                if isinstance(value, dict | list):
                    self._lost(f"{node.path}.{theirs}", "no plain value, nor one with parameters")
                elif value is not None:
                    row[ours] = value
        for ours, (theirs, words) in WORDS.items():
            if theirs in values:
                known.add(theirs)
                given = str(values[theirs]).replace("_", "").lower()
                word = next((word for word, name in words.items() if name.replace("_", "").lower() == given), None)
                if word is not None:
                    row[ours] = word
                elif given == "off" and ours == "deadband_mode":
                    row.pop("deadband", None)
                else:
                    self._lost(f"{node.path}.{theirs}", f"{values[theirs]} has no counterpart")
        return known
