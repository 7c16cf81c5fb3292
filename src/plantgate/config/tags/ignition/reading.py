"""Ignition's tag export (JSON) as ours. What has no counterpart is listed with its path and the reason.

Ignition 8.3 manual: tag properties, exporting and importing tags; shapes as its exports have them: one provider, one
folder, one tag, a list of them, and the tags.json and udts.json of an 8.3 gateway's configuration.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from plantgate.config.tags.ignition.alarms import settle_overrides
from plantgate.config.tags.ignition.tag import Skip, atomic_tag, bound_text, item_of
from plantgate.config.tags.write import Row, TagRows
from plantgate.limits import UDT_DEPTH
from plantgate.model.tag import path_problem

TYPES: Final = "_types_"
_ATOMIC, _FOLDER, _TYPE, _INSTANCE = "AtomicTag", "Folder", "UdtType", "UdtInstance"
_BRACES = re.compile(r"\{([A-Za-z_][A-Za-z0-9_ ]*)\}")
_NO_VALUES: Final = {"integer": 0, "int4": 0, "int8": 0, "float": 0.0, "float4": 0.0, "float8": 0.0, "boolean": False}


class Unmapped(NamedTuple):
    """`path` is that of the tag, with the property behind a dot."""

    path: str
    reason: str


class _Node(NamedTuple):
    path: str
    values: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Files of a gateway's configuration don't always say it."""
        values = self.values
        if "tagType" in values:
            return str(values["tagType"])
        if "parameters" in values and "valueSource" not in values:
            return _INSTANCE if values.get("typeId") else _TYPE
        return _FOLDER if "tags" in values else _ATOMIC

    @property
    def tags(self) -> object:
        return self.values.get("tags", [])


class _Inherited(NamedTuple):
    """What a type's parent has: `members` by their paths; None if the parent is not in the file."""

    parent: str = ""
    members: Mapping[str, Row] | None = None


def from_ignition(document: object) -> tuple[TagRows, list[Unmapped]]:
    """The rows of an export, and what is not in them. Raises ValueError for what is no tag export."""
    reader = _Reader()
    reader.read(document)
    settle_overrides(reader.rows.instance, reader.rows.udt)
    return reader.rows.sorted(), reader.unmapped


def type_name(given: object) -> str:
    """`[default]_types_/Motors/Pump` -> `Motors/Pump`."""
    text = given if isinstance(given, str) else ""
    if text.startswith("["):
        text = text.partition("]")[2]
    return text.removeprefix(f"{TYPES}/")


def _items(document: object) -> object:
    """Raises ValueError."""
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        if document.get("tagType") == "Provider" or ("tagType" not in document and "tags" in document):
            return document.get("tags", [])
        if "tagType" in document:
            return [document]
    raise ValueError('no tag export of Ignition: it is {"name": ..., "tagType": ..., "tags": [...]}')


class _Reader:
    def __init__(self) -> None:
        self.rows = TagRows()
        self.unmapped: list[Unmapped] = []
        self._within: list[str] = []  # of types and instances that are being read: their members' paths begin anew
        self._defaults: dict[str, Row] = {}  # type -> its parameters, with those of its parents
        self._members: dict[str, dict[str, Row]] = {}  # type -> its members, with those of its parents

    def read(self, document: object) -> None:
        """Types first: what their instances and their children say depends on them. Raises ValueError."""
        nodes, types = self._walked("", _items(document))
        for node in self._parents_first(types):
            self._type(node)
        for node in nodes:
            if node.kind == _INSTANCE:
                self._add(self.rows.instance, self._instance(node, _Inherited()))
            else:
                self._add(self.rows.tag, self._tag(node, whole=True))

    def _walked(self, folder: str, items: object) -> tuple[list[_Node], list[_Node]]:
        """(tags and instances, types) without recursion: exports nest as deep as people like."""
        nodes: list[_Node] = []
        types: list[_Node] = []
        waiting: deque[tuple[str, object]] = deque([(folder, items)])
        while waiting:
            folder, items = waiting.popleft()
            for node in self._nodes(folder, items):
                if node.kind == _FOLDER:
                    waiting.append((node.path, node.tags))
                    self._rest(node, {"name", "tagType", "tags"})
                elif node.kind == _TYPE:
                    types.append(node)
                elif node.kind in (_ATOMIC, _INSTANCE):
                    nodes.append(node)
                else:
                    self._lost(node.path, f"a tag of tagType {node.kind} has no counterpart")
        return nodes, types

    def _nodes(self, folder: str, items: object) -> Iterator[_Node]:
        if not isinstance(items, list):
            self._lost(folder, "tags is not a list")
            return
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("name"), str):
                self._lost(folder, "an item without a name")
                continue
            name = item["name"]
            node = _Node(f"{folder}/{name}" if folder else name, item)
            if "/" in name or path_problem(f"[x]{name}"):
                more = ", with all that is in it" if node.tags else ""
                self._lost(node.path, f"that can't be a name here: letters, digits, _ ' - : ( ) and spaces{more}")
            else:
                yield node

    def _lost(self, path: str, reason: str) -> None:
        self.unmapped.append(Unmapped("/".join(filter(None, (*self._within, path))), reason))

    def _rest(self, node: _Node, known: set[str]) -> None:
        for key in node.values:
            if key not in known:
                self._lost(f"{node.path}.{key}", "no counterpart")

    @staticmethod
    def _add(rows: list[Row], row: Row | None) -> None:
        if row is not None:
            rows.append(row)

    # types

    def _parents_first(self, types: Sequence[_Node]) -> Iterator[_Node]:
        by_name = {node.path.removeprefix(f"{TYPES}/"): node for node in types}
        done: set[str] = set()
        for name in by_name:
            line = [name]
            while (parent := type_name(by_name[line[-1]].values.get("typeId"))) in by_name and parent not in line:
                line.append(parent)
            for each in reversed(line):
                if each not in done:
                    done.add(each)
                    yield by_name[each]

    def _type(self, node: _Node) -> None:
        name, parent = node.path.removeprefix(f"{TYPES}/"), type_name(node.values.get("typeId"))
        inherited = _Inherited(parent, self._members.get(parent)) if parent else _Inherited(members={})
        if parent and inherited.members is None:
            self._lost(node.path, f"its parent type {parent} is not in this file: import it too")
        row: Row = {"name": name}
        if parent:
            row["extends"] = parent
        if parameters := self._parameters(node, declared=True):
            row["parameters"] = parameters
        self._defaults[name] = {**self._defaults.get(parent, {}), **parameters}
        self._within.append(node.path)
        members = list(self._type_members(node, inherited))
        self._within.pop()
        row["member"] = members
        known = {path: dict(member) for path, member in (inherited.members or {}).items()}
        for member in members:
            known[member["path"]] = {**known.get(member["path"], {}), **member}
        self._members[name] = known
        self.rows.udt.append(row)
        self._rest(node, {"name", "tagType", "tags", "typeId", "parameters", "typeColor"})

    def _type_members(self, node: _Node, inherited: _Inherited) -> Iterator[Row]:
        nodes, types = self._walked("", node.tags)
        for inner in types:
            self._lost(inner.path, "a type within a type")
        for inner in nodes:
            if inner.kind == _INSTANCE:
                row = self._instance(inner, inherited)
            elif inherited.members is None:
                row = self._tag(inner, whole="valueSource" in inner.values)
            else:
                row = self._tag(inner, whole=inner.path not in inherited.members)
            if row is not None and row.keys() != {"path"}:
                yield row

    def _parameters(self, node: _Node, *, declared: bool) -> Row:
        """Of a type (`declared`) those without a value too: its instances give them one."""
        found: Row = {}
        given = node.values.get("parameters", {})
        for name, value in given.items() if isinstance(given, dict) else ():
            plain, kind = value, "string"
            if isinstance(value, dict) and "bindType" not in value:
                plain, kind = value.get("value"), str(value.get("dataType", "String")).lower()
            bound = isinstance(plain, dict)
            plain = bound_text(plain)
            if plain is None and not bound:
                if declared:
                    found[name] = _NO_VALUES.get(kind, "")
                continue
            if isinstance(plain, bool | int | float | str):
                found[name] = (item_of(plain) or plain) if isinstance(plain, str) else plain
            else:
                self._lost(f"{node.path}.parameters.{name}", "a parameter without a plain value")
            if declared and isinstance(plain, str) and "{" in plain:
                reason = "a default that is made of other parameters: it is given to each instance in this file"
                self._lost(f"{node.path}.parameters.{name}", reason)
        return found

    def _all_parameters(self, node: _Node, udt: str, given: Row) -> Row:
        """With those defaults of the type that are made of others: here a default is what it is."""
        found, defaults = dict(given), self._defaults.get(udt, {})
        folder, _, name = node.path.rpartition("/")
        known = {"InstanceName": name, **({} if self._within else {"PathToParentFolder": folder}), **given}

        def put(match: re.Match[str], depth: int) -> str:
            default = defaults.get(match[1])
            if match[1] in known or default is None or depth > UDT_DEPTH:
                return str(known.get(match[1], match[0]))
            return _BRACES.sub(lambda inner: put(inner, depth + 1), str(default))

        if not self._within:
            known |= {key: _BRACES.sub(lambda match: put(match, 0), str(value)) for key, value in given.items()}
            found |= {key: known[key] for key, value in given.items() if isinstance(value, str) and "{" in value}
        for key, default in defaults.items():
            if key not in given and isinstance(default, str) and "{" in default:
                found[key] = _BRACES.sub(lambda match: put(match, 1), default)
                if not self._within and _BRACES.search(found[key]):
                    self._lost(f"{node.path}.parameters.{key}", f"{found[key]} names no parameter")
        return found

    # instances

    def _instance(self, node: _Node, inherited: _Inherited) -> Row | None:
        """`inherited`: a type may change an instance that its parent has, without saying of which type that is."""
        base = (inherited.members or {}).get(node.path, {})
        udt = type_name(node.values.get("typeId")) or str(base.get("udt", ""))
        if not udt:
            self._lost(node.path, "an instance without a typeId")
            return None
        row: Row = {"path": node.path, "udt": udt}
        given = {**base.get("parameters", {}), **self._parameters(node, declared=False)}
        if parameters := self._all_parameters(node, udt, given):
            row["parameters"] = parameters
        if len(self._within) >= UDT_DEPTH:
            self._lost(node.path, f"instances within instances, more than {UDT_DEPTH} deep")
            return row
        self._within.append(node.path)
        override = {name: dict(each) for name, each in base.get("override", {}).items()}
        for name, each in self._overrides(node, udt).items():
            override[name] = {**override.get(name, {}), **each}
        if override:
            row["override"] = override
        self._within.pop()
        self._rest(node, {"name", "tagType", "tags", "typeId", "parameters", "enabled"})
        return row

    def _overrides(self, node: _Node, udt: str) -> dict[str, Row]:
        """Members are named as in the type; one that it doesn't have can't be added to an instance."""
        found: dict[str, Row] = {}
        members = self._members.get(udt)
        nodes, types = self._walked("", node.tags)
        for inner in (*nodes, *types):
            base = members.get(inner.path) if members is not None else {}
            if base is None:
                self._lost(inner.path, f"the type {udt} has no such member")
            elif inner.kind == _INSTANCE:
                row = self._instance(inner, _Inherited(members={inner.path: {"udt": base.get("udt", "?")}})) or {}
                found[inner.path] = {key: row[key] for key in ("parameters", "override") if key in row}
            elif (tag := self._tag(inner, whole=False)) is not None:
                found[inner.path] = {key: value for key, value in tag.items() if key != "path"}
        return {path: row for path, row in found.items() if row}

    def _tag(self, node: _Node, *, whole: bool) -> Row | None:
        try:
            return atomic_tag(
                node.path, node.values, lambda key, reason: self._lost(f"{node.path}.{key}", reason), whole=whole
            )
        except Skip as reason:
            self._lost(node.path, str(reason))
            return None
