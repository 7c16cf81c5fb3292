"""Ignition's tag exports in XML, as the JSON document that says the same.

Since 8.0 an XML export has the properties of the JSON one. One of 7.9 has other names and numbers for words; the tables
below are those that exports of that time show. What is not in them keeps its name and is listed as without counterpart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from plantgate.config.problems import config_error
from plantgate.limits import CONFIG_FILE_BYTES, TAG_XML_DEPTH

Node = dict[str, Any]
_OLD_KINDS: Final = {
    "OPC": "opc",
    "MEMORY": "memory",
    "EXPRESSION": "expr",
    "DERIVED": "derived",
    "QUERY": "db",
    "CLIENT": "client",
}
# 7.9: property -> ours of 8.
_OLD_NAMES: Final[Mapping[str, str]] = {
    "Value": "value",
    "DataType": "dataType",
    "OPCServer": "opcServer",
    "OPCItemPath": "opcItemPath",
    "Enabled": "enabled",
    "ScanClass": "tagGroup",
    "EngUnit": "engUnit",
    "EngLow": "engLow",
    "EngHigh": "engHigh",
    "EngLimitMode": "engLimitMode",
    "FormatString": "formatString",
    "Tooltip": "tooltip",
    "Documentation": "documentation",
    "HistoryEnabled": "historyEnabled",
    "PrimaryHistoryProvider": "historyProvider",
    "Deadband": "deadband",
    "DeadbandMode": "deadbandMode",
    "ScaleMode": "scaleMode",
    "RawLow": "rawLow",
    "RawHigh": "rawHigh",
    "ScaledLow": "scaledLow",
    "ScaledHigh": "scaledHigh",
    "ClampMode": "clampMode",
    "ScaleFactor": "scaleFactor",
    "Expression": "expression",
    "UDTParentType": "typeId",
}
_CLAMPS: Final = ("No_Clamp", "Clamp_Low", "Clamp_High", "Clamp_Both")
_OLD_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "dataType": ("Int1", "Int2", "Int4", "Int8", "Float4", "Float8", "Boolean", "String", "DateTime", "DataSet"),
    "scaleMode": ("Off", "Linear", "SquareRoot", "ExponentialFilter", "BitInversion"),
    "clampMode": _CLAMPS,
    "engLimitMode": _CLAMPS,
    "deadbandMode": ("Absolute", "Percent", "Off"),
}
_OLD_TYPES: Final = {"UDT_DEF": "UdtType", "UDT_INST": "UdtInstance", "Folder": "Folder"}
# AccessRights of 7.9: 0 is to read only.
_READ_ONLY: Final = "0"
_TEXTS: Final = frozenset({"name", "tooltip", "documentation", "formatString", "engUnit", "expression", "tagGroup"})


def xml_document(file: Path, data: bytes) -> Node:
    """Raises ConfigErrors for what is no tag export in XML."""
    from lxml import etree  # noqa: PLC0415 - slow to import, rarely needed

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data[:CONFIG_FILE_BYTES], parser)
    except etree.XMLSyntaxError as error:
        raise config_error("CFG-214", f"{file}:{error.lineno or 1}", "", f"not XML: {error.msg}") from None
    if root.tag != "Tags":
        raise config_error("CFG-214", f"{file}:1", "", f"no tag export of Ignition: <{root.tag}> instead of <Tags>")
    if any(_depth(element) > TAG_XML_DEPTH for element in root.iter("Tag")):
        raise config_error("CFG-214", f"{file}:1", "", f"tags within tags, more than {TAG_XML_DEPTH} deep")
    top: Node = {"tags": []}
    for element in root.iterchildren("Tag"):
        _put(top, str(element.get("path") or ""), _node(element))
    return top


def _depth(element: Any) -> int:
    return sum(1 for _ in element.iterancestors("Tag"))


def _put(top: Node, path: str, node: Node) -> None:
    """7.9 has a flat list whose members say in which folder they are."""
    place = top
    for name in filter(None, path.split("/")):
        inner = next((each for each in place["tags"] if each.get("name") == name and "tags" in each), None)
        if inner is None:
            inner = {"name": name, "tagType": "Folder", "tags": []}
            place["tags"].append(inner)
        place = inner
    known = next((each for each in place["tags"] if each.get("name") == node["name"] and "tags" in each), None)
    if known is not None and node.get("tagType") == "Folder":
        known["tags"] += node["tags"]
    else:
        place["tags"].append(node)


def _node(element: Any) -> Node:
    """Recursion is bounded by TAG_XML_DEPTH."""
    node: Node = {"name": str(element.get("name") or ""), "tagType": str(element.get("type") or "AtomicTag")}
    old = node["tagType"] in _OLD_TYPES and node["tagType"] != "Folder"
    old = old or node["tagType"] in {*_OLD_KINDS, "DB", "EXTENSION"}
    for child in element.iterchildren():
        if child.tag == "Property":
            node[str(child.get("name"))] = _bound(child)
        elif child.tag == "CompoundProperty":
            node[str(child.get("name"))] = [
                {str(each.get("name")): _bound(each) for each in group.iterchildren("Property")}
                for group in child.iterchildren("PropertySet")
            ]
        elif child.tag == "Parameters":
            node["parameters"] = {
                str(each.get("name")): {"dataType": str(each.get("type") or "String"), "value": _bound(each)}
                for each in child.iterchildren("Property")
            }
    inner: Node = {"tags": []}
    for child in (*element.iterchildren("Tag"), *(tag for tags in element.iterchildren("Tags") for tag in tags)):
        _put(inner, str(child.get("path") or ""), _node(child))
    if inner["tags"] or node["tagType"] in {"Folder", *_OLD_TYPES, "UdtType", "UdtInstance"}:
        node["tags"] = inner["tags"]
    return _renewed(node) if old else node


def _bound(element: Any) -> Any:
    """The value of a <Property>, or as JSON exports write one that is bound."""
    text = element.text or ""
    if element.get("boundValueType") == "parameter" or element.get("bindtype") == "parameter":
        return {"bindType": "parameter", "binding": text}
    if element.get("bindtype"):
        return {"bindType": element.get("bindtype"), "value": text}
    return text if element.get("name") in _TEXTS else _value(text)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text or None


def _renewed(node: Node) -> Node:
    """A tag of 7.9 as 8 writes it."""
    kind = node.pop("tagType")
    found: Node = {"name": node.pop("name"), "tagType": _OLD_TYPES.get(kind, "AtomicTag")}
    for key, value in node.items():
        name = _OLD_NAMES.get(key, key)
        words = _OLD_WORDS.get(name)
        if words is not None and isinstance(value, int) and 0 <= value < len(words):
            value = words[value]  # noqa: PLW2901
        if key == "AccessRights":
            name, value = "readOnly", str(value) == _READ_ONLY  # noqa: PLW2901
        if name in {"opcItemPath", "expression", "opcServer"} and isinstance(value, str) and "{" in value:
            value = value if name == "expression" else {"bindType": "parameter", "binding": value}  # noqa: PLW2901
        found[name] = value
    if found["tagType"] != "AtomicTag":
        for key in ("dataType", "value", "enabled"):
            found.pop(key, None)
        return found
    if kind in _OLD_KINDS:
        found["valueSource"] = _OLD_KINDS[kind]
    elif kind == "DB":
        # A DB tag is what its ExpressionType says: 0 a value, 1 an expression, 2 a query.
        found["valueSource"] = {1: "expr", 2: "db"}.get(found.pop("ExpressionType", 0), "memory")
    return found
