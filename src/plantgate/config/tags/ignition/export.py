"""Tags as a JSON document that Ignition imports: the way back of `reading.py`, with the same tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plantgate.config.tags.ignition.alarms import to_alarms
from plantgate.config.tags.ignition.reading import TYPES, Unmapped
from plantgate.config.tags.ignition.tag import KINDS, OPC_SERVER, SAME, WORDS
from plantgate.config.tags.write import Row, TagRows


def to_ignition(rows: TagRows) -> tuple[dict[str, Any], list[Unmapped]]:
    """A document that Ignition imports, and what it doesn't hold."""
    writer = _Writer()
    for udt in rows.udt:
        writer.put(f"{TYPES}/{udt['name']}", writer.type(udt))
    for instance in rows.instance:
        writer.put(str(instance["path"]), writer.instance(instance, str(instance["path"])))
    for tag in rows.tag:
        writer.put(str(tag["path"]), writer.tag(tag, str(tag["path"]), whole=True, bound=False))
    return writer.root, writer.unmapped


class _Writer:
    def __init__(self) -> None:
        self.root: dict[str, Any] = {"name": "", "tagType": "Provider", "tags": []}
        self.unmapped: list[Unmapped] = []
        self._folders: dict[str, list[dict[str, Any]]] = {"": self.root["tags"]}

    def put(self, path: str, node: dict[str, Any]) -> None:
        self._into(self._folders, path, node)

    def _into(self, folders: dict[str, list[dict[str, Any]]], path: str, node: dict[str, Any]) -> None:
        if path.startswith("["):
            self.unmapped.append(
                Unmapped(path, "an export holds one provider: it is under its name in the default one")
            )
            path = path[1:].replace("]", "/", 1)
        folder, _, name = path.rpartition("/")
        self._folder(folders, folder).append({"name": name, **node})

    def _folder(self, folders: dict[str, list[dict[str, Any]]], path: str) -> list[dict[str, Any]]:
        missing: list[str] = []
        while path not in folders:
            missing.append(path)
            path = path.rpartition("/")[0]
        for inner in reversed(missing):
            folders[inner] = []
            node = {"name": inner.rpartition("/")[2], "tagType": "Folder", "tags": folders[inner]}
            folders[inner.rpartition("/")[0]].append(node)
        return folders[missing[0]] if missing else folders[path]

    def type(self, udt: Row) -> dict[str, Any]:
        node: dict[str, Any] = {"tagType": "UdtType"}
        if udt.get("extends"):
            node["typeId"] = udt["extends"]
        if udt.get("description"):
            self.unmapped.append(Unmapped(f"{TYPES}/{udt['name']}.description", "a type has no place for it"))
        node["parameters"] = _parameters(udt)
        members: list[dict[str, Any]] = []
        folders = {"": members}
        for member in udt.get("member", []):
            path = f"{TYPES}/{udt['name']}/{member['path']}"
            inner = self.instance(member, path) if "udt" in member else self.tag(member, path, whole="type" in member)
            self._into(folders, str(member["path"]), inner)
        node["tags"] = members
        return node

    def instance(self, instance: Row, path: str) -> dict[str, Any]:
        node: dict[str, Any] = {"tagType": "UdtInstance", "typeId": instance.get("udt", "")}
        if parameters := _parameters(instance):
            node["parameters"] = parameters
        tags: list[dict[str, Any]] = []
        folders = {"": tags}
        for name, row in instance.get("override", {}).items():
            if row.keys() <= {"parameters", "override"}:
                inner = self.instance(row, f"{path}/{name}")
            else:
                inner = self.tag(row, f"{path}/{name}", whole=False)
            self._into(folders, name, inner)
        if tags:
            node["tags"] = tags
        return node

    def tag(self, row: Row, path: str, *, whole: bool, bound: bool = True) -> dict[str, Any]:
        """`bound`: a member of a type or instance, whose texts may have parameters in them."""
        node: dict[str, Any] = {"tagType": "AtomicTag"}
        if "type" in row:
            node["dataType"] = row["type"]
        done = {"path", "type", "kind"} | self._source(row, path, node, whole=whole)
        for ours, theirs in SAME.items():
            if ours in row:
                done.add(ours)
                node[theirs] = _bound(row[ours]) if bound else row[ours]
        for ours, (theirs, words) in WORDS.items():
            if ours in row:
                done.add(ours)
                node[theirs] = words.get(row[ours], row[ours])
        if "deadband" in row:
            node.setdefault("deadbandMode", "Absolute")
        if "alarms" in row:
            done.add("alarms")
            node["alarms"] = to_alarms(
                row["alarms"], lambda key, reason: self.unmapped.append(Unmapped(f"{path}.{key}", reason))
            )
        for key in row:
            if key not in done:
                self.unmapped.append(Unmapped(f"{path}.{key}", "no counterpart"))
        return node

    def _source(self, row: Row, path: str, node: dict[str, Any], *, whole: bool) -> set[str]:
        kind = _kind_of(row)
        if whole or kind != "memory":
            node["valueSource"] = next(theirs for theirs, ours in KINDS.items() if ours == kind)
        texts: dict[str, tuple[str, Callable[[str], str]]] = {
            "source": ("sourceTagPath", lambda text: text if text.startswith(("[", ".")) else f"[~]{text}"),
            "write_expression": ("deriveExpressionSetter", str),
            "expression": ("expression", str),
        }
        if kind == "derived":
            texts["expression"] = ("deriveExpressionGetter", lambda text: text.replace("{value}", "{source}"))
        for ours, (theirs, changed) in texts.items():
            if ours in row:
                node[theirs] = changed(row[ours])
        if kind == "device":
            device = row.get("device", "")
            item = row.get("address", "") if not device else f"[{device}]{row.get('address', '')}"
            node["opcServer"] = OPC_SERVER
            node["opcItemPath"] = _bound(f"ns=1;s={item}")
        if "initial" in row:
            node["value"] = row["initial"] // 1_000 if row.get("type") == "DateTime" else row["initial"]
        if "group" in row:
            node["tagGroup"] = row["group"]
        if (whole and kind != "expression") or "writable" in row:
            node["readOnly"] = not row.get("writable", False)
        if kind == "memory" and (whole or "persist" in row):
            node["valuePersistence"] = "Database" if row.get("persist") else "None"
        return {*texts, "device", "address", "initial", "group", "writable", "persist"}


def _parameters(row: Row) -> dict[str, Any]:
    names = {bool: "Boolean", int: "Integer", float: "Float"}
    return {
        name: {"dataType": names.get(type(value), "String"), "value": _bound(value)}
        for name, value in row.get("parameters", {}).items()
    }


def _bound(value: Any) -> Any:
    """A text with parameters is a binding there."""
    if isinstance(value, str) and "{" in value:
        return {"bindType": "parameter", "binding": value}
    return value


def _kind_of(row: Row) -> str:
    if "kind" in row:
        return str(row["kind"])
    if "address" in row or "device" in row:
        return "device"
    if "source" in row:
        return "derived" if "expression" in row else "reference"
    return "expression" if "expression" in row else "memory"
