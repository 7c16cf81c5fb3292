"""gateway.xml: Java properties XML as Ignition writes it (java.util.Properties.storeToXML).

Reading goes through lxml with no network, no DTD, no entity expansion. Editing replaces the bytes of the values that
change and nothing else, so comments, order, unknown keys, the DOCTYPE and line ends stay as they are; the result is
parsed again and compared before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from lxml import etree

from plantgate.config.problems import Problems, config_error, shown
from plantgate.config.source import read_bytes

# The pieces of a well-formed document that may hold a ">" or the text "<entry", and the entries themselves.
_PIECE = re.compile(
    rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>"
    rb"""|<entry(?=[\s/>])(?P<attributes>(?:[^>"'/]|/(?!>)|"[^"]*"|'[^']*')*)(?P<empty>/)?>"""
    rb"|(?P<close></entry\s*>)",
    re.DOTALL,
)
_KEY = re.compile(rb"""(?:^|\s)key\s*=\s*("[^"]*"|'[^']*')""")
_ROOT_END = re.compile(rb"</properties\s*>|<properties\s*/>")
_ASCII_BASED = frozenset({"UTF-8", "ASCII", "US-ASCII", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252", ""})


@dataclass(frozen=True, slots=True)
class Property:
    value: str
    line: int


def read_gateway_xml(path: Path) -> dict[str, Property]:
    """The entries of a gateway.xml by key, with their lines. Raises ConfigError (also ConfigErrors: several)."""
    return parse_gateway_xml(read_bytes(path), path.name)


def parse_gateway_xml(data: bytes, name: str) -> dict[str, Property]:
    """As `read_gateway_xml`, of bytes; `name` is the file's name in errors."""
    root = _parse(data, name)
    problems = Problems()
    found: dict[str, Property] = {}
    for element in root.iterchildren("*"):
        line = element.sourceline
        where = f"{name}:{line}"
        key = element.get("key")
        if element.tag == "comment":
            continue
        if element.tag != "entry" or key is None:
            problems.add(
                "CFG-104", where, f"<{element.tag}>", 'expected <entry key="...">', "see a gateway.xml made by init"
            )
        elif len(element):
            problems.add("CFG-105", where, key, "an entry holds text only, no elements")
        elif key in found:
            problems.add(
                "CFG-106", where, key, f"given twice, first in line {found[key].line}", "delete one of the two"
            )
        else:
            found[key] = Property("".join(element.itertext()).strip(), line)
    problems.raise_any()
    return found


def edit_bytes(data: bytes, values: Mapping[str, str], name: str) -> bytes:
    """`data` with `values` set: each in its entry, a new key after the last entry. Raises ConfigError.

    Every byte outside the values that change stays as it is.
    """
    before = parse_gateway_xml(data, name)
    encoding = _encoding(data, name)
    values = {key: value.strip() for key, value in values.items()}  # white space around a value means nothing
    for key, value in values.items():
        if not all(_is_xml_char(char) for char in key + value):
            raise config_error("CFG-107", name, key, "a control character can't be written to XML")
    changes = {key: value for key, value in values.items() if key not in before or before[key].value != value}
    places = _places(data, encoding)
    replacements = [
        (*places[key], _entry_text(data[slice(*places[key])], value, encoding))
        for key, value in changes.items()
        if key in places
    ]
    edited = data
    for start, end, text in sorted(replacements, reverse=True):
        edited = edited[:start] + text + edited[end:]
    missing = {key: value for key, value in changes.items() if key not in places}
    if missing:
        edited = _append(edited, missing, encoding)
    wanted = {key: item.value for key, item in before.items()} | values
    if {key: item.value for key, item in parse_gateway_xml(edited, name).items()} != wanted:
        raise config_error(
            "CFG-108", name, "", "this XML is written in a way that can't be edited safely", "edit it by hand"
        )
    return edited


def _parse(data: bytes, name: str) -> Any:
    """The root element (Any: the stubs of lxml lack `sourceline` and `entities`). Raises ConfigError."""
    judged = _refuse_entities(data, name)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root: Any = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        text = shown((error.msg or "no XML at all").partition(", line ")[0].partition(": <")[0])
        raise config_error(
            "CFG-103",
            f"{name}:{error.lineno or 1}",
            "",
            f"not XML: {text}",
            "restore the file from a backup or write a new one with: plantgate init DIR",
        ) from None
    if not judged:
        raise config_error("CFG-103", f"{name}:1", "", "is in an encoding that can't be checked", "save it as UTF-8")
    if root.tag != "properties":
        raise config_error(
            "CFG-103", f"{name}:{root.sourceline}", f"<{root.tag}>", "the root element must be <properties>"
        )
    return root


def _refuse_entities(data: bytes, name: str) -> bool:
    """Raises ConfigError at the first <!ENTITY>: lxml says nothing of it before it has expanded some.

    False for what can't be judged because it is no XML, or is in an encoding of several bytes a character.
    """

    def declared(entity: str, is_parameter: bool, *_: object) -> NoReturn:
        key = f"<!ENTITY {'% ' if is_parameter else ''}{shown(entity)[1:-1]}>"
        hint = "delete the declaration, and write the text itself where the entity stands"
        raise config_error(
            "CFG-109", f"{name}:{parser.CurrentLineNumber}", key, "entities are never expanded or fetched", hint
        )

    def begun(*_: object) -> NoReturn:
        raise _Begun

    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.EntityDeclHandler, parser.StartElementHandler = declared, begun
    try:
        parser.Parse(data, True)
    except _Begun:
        return True
    except (expat.ExpatError, LookupError, ValueError):
        pass
    return False


class _Begun(Exception):  # noqa: N818 - no error: the first element, so declarations are over
    pass


def _encoding(data: bytes, name: str) -> str:
    """The encoding of the file. Raises ConfigError for one in which ASCII is not one byte a character."""
    encoding = _parse(data, name).getroottree().docinfo.encoding or "UTF-8"
    if encoding.upper() not in _ASCII_BASED:
        raise config_error("CFG-108", name, "", f"can't be edited in {encoding}", "save it as UTF-8")
    return encoding


def _places(data: bytes, encoding: str) -> dict[str, tuple[int, int]]:
    """Where each entry stands, from its `<entry` to the end of its `</entry>`."""
    found: dict[str, tuple[int, int]] = {}
    start, attributes = -1, b""
    for piece in _PIECE.finditer(data):
        if piece["close"] is not None:
            found[_key_of(attributes, encoding)] = (start, piece.end())
        elif piece["attributes"] is not None:
            start, attributes = piece.start(), piece["attributes"]
            if piece["empty"] is not None:
                found[_key_of(attributes, encoding)] = (start, piece.end())
    return found


def _key_of(attributes: bytes, encoding: str) -> str:
    match = _KEY.search(attributes)
    raw = match[1] if match is not None else b'""'
    element = etree.fromstring(b"<e k=" + raw.decode(encoding).encode("ascii", "xmlcharrefreplace") + b"/>")
    return element.get("k") or ""


def _entry_text(old: bytes, value: str, encoding: str) -> bytes:
    """The entry with a new value between its tags as they are; `<entry key="x"/>` gets an end tag."""
    piece = _PIECE.match(old)
    assert piece is not None
    if piece["empty"] is not None:
        return piece[0][: -len(b"/>")].rstrip() + b">" + _bytes(value, encoding) + b"</entry>"
    return piece[0] + _bytes(value, encoding) + old[old.rindex(b"</entry") :]


def _append(data: bytes, values: Mapping[str, str], encoding: str) -> bytes:
    """New entries after the last one, indented as it is, or before the end of the root."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    lines = [
        f'<entry key="{escape(key)}">'.encode(encoding, "xmlcharrefreplace") + _bytes(value, encoding) + b"</entry>"
        for key, value in values.items()
    ]
    places = _places(data, encoding)
    if places:
        start, end = max(places.values())
        line_start = data.rfind(b"\n", 0, start) + 1
        before = data[line_start:start]
        indent = newline + (before if not before.strip() else b"")
        return data[:end] + b"".join(indent + line for line in lines) + data[end:]
    block = b"".join(line + newline for line in lines)
    last = _last_root_end(data)
    if data[last:].startswith(b"</"):
        return data[:last] + block + data[last:]
    rest = data[data.index(b">", last) + 1 :]
    return data[:last] + b"<properties>" + newline + block + b"</properties>" + rest


def _last_root_end(data: bytes) -> int:
    """Where `</properties>` or `<properties/>` stands, not counting comments."""
    hidden = [piece.span() for piece in _PIECE.finditer(data)]
    ends = [match.start() for match in _ROOT_END.finditer(data)]
    return next(at for at in reversed(ends) if not any(start <= at < end for start, end in hidden))


def _bytes(value: str, encoding: str) -> bytes:
    return escape(value, quote=False).encode(encoding, "xmlcharrefreplace")


def _is_xml_char(char: str) -> bool:
    """XML 1.0, section 2.2, without the line ends that a property has no use for."""
    code = ord(char)
    return code == 0x09 or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
