"""A TOML file, changed item by item.

An item reaches from its [[tag]] to the next item or table; comments before an item and behind its last key belong to
the file. Plain `key = value` lines are changed as text, which takes a millisecond for a file of any size; whatever else
an item has goes through tomlkit, that item alone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from plantgate.config.tags.files import TAG_SECTIONS
from plantgate.config.tags.text import Item, TagText, differing, item_name, same_value
from plantgate.config.tags.write import Row, TagRows, short_path, toml_item, toml_key, toml_text, toml_value

_HEADER = re.compile(
    r"^[ \t]*(?P<open>\[\[?)[ \t]*(?P<key>[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')(?P<rest>[^\]\n]*)\]\]?"
    r"[ \t]*(?:#[^\n]*)?$",
    re.MULTILINE,
)
_PATH = re.compile(r'^[ \t]*(?:path|name)[ \t]*=[ \t]*"([^"\\\n]*)"[ \t]*(?:#[^\n]*)?$', re.MULTILINE)
_PAIR = re.compile(
    r'[ \t]*(?P<key>[A-Za-z0-9_-]+)[ \t]*=[ \t]*(?:"[^"\\]*"|true|false|[-+]?[0-9][0-9._eE+-]*)[ \t]*\Z',
)
_HEAD_LINE = re.compile(r"[ \t]*\[\[[A-Za-z_]+\]\][ \t]*\Z")
_LONG_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL
)


def _opens(header: re.Match[str], section: str) -> bool:
    return header["key"] == section and header["open"] == "[[" and not header["rest"].strip()


# Also tables of plantgate.toml: [[tag_group]] is edited in the same way.
_SURE = frozenset({bool, int})
_SECTIONS = frozenset({*TAG_SECTIONS, "tag_group"})


class TomlText(TagText):
    """Items that are written as `[[tag]]`. One inline list `tag = [{...}]` is found by nobody, and not editable."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text, name)
        self._values: dict[int, dict[str, Any]] = {}

    def _scanned(self) -> Iterable[Item]:
        text = self.text
        masked = text
        if '"""' in text or "'''" in text:
            masked = _LONG_STRING.sub(lambda match: "#" + "x" * (len(match[0]) - 1), text)
        open_item: Item | None = None
        for header in _HEADER.finditer(masked):
            key = header["key"]
            if open_item is not None and key == open_item.section and header["rest"].strip():
                continue  # [[udt.member]], [tag.x]
            if open_item is not None:
                open_item.end = header.start()
                yield self._ended(open_item)
                open_item = None
            if key in _SECTIONS and _opens(header, key):
                open_item = Item(key, "", header.start(), len(text))
        if open_item is not None:
            yield self._ended(open_item)

    def _located(self, section: str, name: str) -> Item | None:
        text = self.text
        if '"""' in text or "'''" in text:
            return None
        for path in dict.fromkeys((short_path(name), name)):
            needle = f'"{path}"'
            at = text.find(needle)
            while at >= 0:
                line = text.rfind("\n", 0, at) + 1
                plain = _PATH.match(text, line)
                start = text.rfind("\n[", 0, line) + 1
                head = _HEADER.match(text, start)
                if plain is not None and plain[1] == path and head is not None and _opens(head, section):
                    item = self._ended(Item(section, name, start, self._foreign(section, line)))
                    return item if item.name == name else None
                at = text.find(needle, at + 1)
        return None

    def _foreign(self, section: str, at: int) -> int:
        """Where the first header stands that is not of the same item."""
        for header in _HEADER.finditer(self.text, at):
            if header["key"] != section or not header["rest"].strip():
                return header.start()
        return len(self.text)

    def _ended(self, item: Item) -> Item:
        """With its end behind its last key, and its name."""
        end = item.end
        while True:
            line = self.text.rfind("\n", item.start, end - 1) + 1
            if line <= item.start:
                break
            stripped = self.text[line:end].strip()
            if stripped and not stripped.startswith("#"):
                break
            end = line
        item.end = end
        plain = _PATH.search(self.text, item.start, end)
        row: Mapping[str, Any] = {"path": plain[1], "name": plain[1]} if plain is not None else self._read(item)
        item.name = item_name(item.section, row)
        return item

    def _read(self, item: Item) -> dict[str, Any]:
        found = self._values.get(item.start)
        if found is None:
            found = self._values[item.start] = self._parsed(item)
        return found

    def _parsed(self, item: Item) -> dict[str, Any]:
        try:
            document = tomllib.loads(self.text[item.start : item.end])
            (found,) = document[item.section]
        except (tomllib.TOMLDecodeError, KeyError, ValueError):
            return {}
        return dict(found)

    # changing

    def _patched(self, item: Item, old: dict[str, Any], row: Row) -> str:
        text = self.text[item.start : item.end]
        changes = differing(item.section, old, _plain(item.section, row))
        if not changes:
            return text
        wanted = {key: value for key, value in {**old, **changes}.items() if value is not None}
        if "member" in changes:
            return _whole(item.section, wanted)
        for attempt in (_by_lines, _by_tomlkit):
            found = attempt(text, item.section, changes)
            if found is not None and _says(found, item.section, wanted):
                return found
        return _whole(item.section, wanted)

    def _hole_end(self, item: Item) -> int:
        """With an item goes the empty line behind it."""
        line = self.text.find("\n", item.end)
        return line + 1 if line >= 0 and not self.text[item.end : line].strip() else item.end

    def _finished(self, pieces: Sequence[tuple[Item, str]], added: Sequence[tuple[str, Row]]) -> str:
        text = self._spliced((item.start, item.end if piece else self._hole_end(item), piece) for item, piece in pieces)
        new = TagRows()
        groups: list[str] = []
        for section, row in added:
            if section == "tag_group":
                groups.append(toml_item(section, row))
            else:
                getattr(new, section).append(row)
        parts = [part for part in (*groups, toml_text(new.sorted())) if part]
        if not parts:
            return text
        if text and not text.endswith("\n"):
            text += "\n"
        between = "\n" if text.strip() and not text.endswith("\n\n") else ""
        return text + between + "\n".join(parts)


def fits_toml(section: str, row: Row) -> bool:
    """Whether the text of the item says what it is to say: infinity, say, has no place in JSON's numbers."""
    if all(type(value) in _SURE or (type(value) is str and value.isascii()) for value in row.values()):
        return True
    try:
        text = _whole(section, row)
        text.encode()
    except ValueError:
        return False
    return _says(text, section, _plain(section, row))


def _plain(section: str, row: Row) -> Row:
    """A type without members says nothing of them."""
    return {key: value for key, value in row.items() if key != "member" or value} if section == "udt" else row


def _whole(section: str, row: Row) -> str:
    if section != "udt":
        return toml_item(section, row)
    return toml_text(TagRows(udt=[row]))


def _says(text: str, section: str, wanted: Mapping[str, Any]) -> bool:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    found = document.get(section)
    return isinstance(found, list) and len(found) == 1 and document.keys() == {section} and same_value(found[0], wanted)


def _by_lines(text: str, section: str, changes: Mapping[str, Any]) -> str | None:
    """None where a line of the item is more than a plain pair."""
    lines = text.split("\n")
    ends = lines.pop() if lines[-1] == "" else None
    places: dict[str, int] = {}
    last, margin = 0, ""
    for place, line in enumerate(lines):
        pair = _PAIR.match(line)
        if pair is not None:
            places[pair["key"]] = last = place
            margin = line[: len(line) - len(line.lstrip())]
        elif line.strip() and not line.lstrip().startswith("#") and not _HEAD_LINE.match(line):
            return None
    kept: list[str | None] = list(lines)
    more: list[str] = []
    for key, value in changes.items():
        if value is None:
            kept[places[key]] = None
            continue
        line = f"{margin}{toml_key(key)} = {toml_value(value)}"
        if key in places:
            kept[places[key]] = line
        else:
            more.append(line)
    kept[last + 1 : last + 1] = more
    done = "\n".join(line for line in kept if line is not None)
    return f"{done}\n" if ends is not None else done


def _by_tomlkit(text: str, section: str, changes: Mapping[str, Any]) -> str | None:
    try:
        document = tomlkit.parse(text)
        item: Any = document[section][0]
        for key, value in changes.items():
            if value is None or isinstance(value, dict | list):
                item.pop(key, None)
            if value is not None:
                item[key] = tomlkit.parse(f"value = {toml_value(value)}\n")["value"]
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, ValueError, TypeError, AttributeError):
        return None
