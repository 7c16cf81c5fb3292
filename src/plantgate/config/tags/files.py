"""Files of the tags folder (TOML, JSON, CSV) as entries: what was written, with the line of each key.

A plant's tag files have a hundred thousand items, so what programs write is read by the fast parsers of the standard
library: a TOML file of plain `key = value` lines is turned into JSON first. Everything else takes the long way.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from sys import intern
from typing import NoReturn

from plantgate.config.fields import Entry
from plantgate.config.jsonlines import locate_json
from plantgate.config.problems import Problems, config_error
from plantgate.config.source import read_bytes
from plantgate.config.tags.commit import digest
from plantgate.config.tomlfile import Sections, items_of, locator, parse_toml, table_of, text_of
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_FILE_BYTES

TAG_FOLDER = "tags"
TYPES_FOLDER = "types"
TAG_SUFFIXES = frozenset({".toml", ".json", ".csv"})
# What a tag file may hold.
TAG_SECTIONS = ("udt", "instance", "tag")

_ITEM = re.compile(r"^\[\[tag\]\][ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*#[^\x00-\x08\x0a-\x1f\x7f]*$", re.MULTILINE)
_PAIR = re.compile(
    r'^([A-Za-z0-9_-]+)[ \t]*=[ \t]*("[^"\\\x00-\x1f\x7f]*"|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)[ \t]*$',
    re.MULTILINE,
)
# A list of inline tables of plain pairs, on one line or with a line for each: alarms = [{ name = "High", ... }].
_PAIRS = r'[A-Za-z0-9_-]+[ \t]*=[ \t]*(?:"[^"\\\x00-\x1f\x7f]*"|true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)'
_INLINE = rf"\{{[ \t]*{_PAIRS}(?:[ \t]*,[ \t]*{_PAIRS})*[ \t]*\}}"
_ON_ONE_LINE = rf"[ \t]*{_INLINE}(?:[ \t]*,[ \t]*{_INLINE})*"
_A_LINE_EACH = rf"[ \t]*\n(?:[ \t]*{_INLINE},\n)+"
_TABLES = re.compile(
    rf"^([A-Za-z0-9_-]+)[ \t]*=[ \t]*\[((?:{_ON_ONE_LINE}|{_A_LINE_EACH})[ \t]*)\][ \t]*$", re.MULTILINE
)
_INLINE_KEY = re.compile(r'("[^"]*")|([A-Za-z0-9_-]+)[ \t]*=')
_JSON_SPACE = re.compile(r"[ \t\r\n]*")
_JSON_KEY = re.compile(r'"(?P<key>[^"\\]*)"[ \t\r\n]*:[ \t\r\n]*\[')


def tag_files(directory: Path) -> list[Path]:
    """The files of tags/ and tags/types/, types first, each folder in the order of names."""
    folder = directory / TAG_FOLDER
    return [
        path
        for place in (folder / TYPES_FOLDER, folder)
        if place.is_dir()
        for path in sorted(place.iterdir())
        if path.suffix.lower() in TAG_SUFFIXES and path.is_file()
    ]


def tag_file_name(path: Path) -> str:
    """As errors show it: tags/line1.toml, tags/types/motor.toml."""
    parts = path.parts
    return "/".join(parts[-3:] if parts[-2:-1] == (TYPES_FOLDER,) else parts[-2:])


def read_tag_file(
    path: Path,
    sections: Sections,
    problems: Problems,
    data: bytes | None = None,
    digests: dict[str, str] | None = None,
) -> None:
    """Add the items of one file to `sections`, and its digest to `digests`; `data` stands for its content if given."""
    name = tag_file_name(path)
    readers: dict[str, Callable[[str, str, Sections, Problems], None]] = {
        ".toml": _toml,
        ".json": _json,
        ".csv": _csv,
    }
    try:
        if data is None:
            data = read_bytes(path, CONFIG_FILE_BYTES)
        if digests is not None:
            digests[name] = digest(data)
        readers[path.suffix.lower()](text_of(path, name, data), name, sections, problems)
    except ConfigError as error:
        problems.take(error)
        sections.unreadable = True


class _PlainPlace:
    """The lines of one [[tag]] of a plain TOML file: it begins at `start`, on line `line`."""

    __slots__ = ("_line", "_name", "_start", "_text")

    def __init__(self, name: str, text: str, start: int, line: int) -> None:
        self._name, self._text, self._start, self._line = name, text, start, line

    def __call__(self, key: str | None) -> str:
        return self.of(() if key is None else (key,))

    def of(self, path: tuple[str | int, ...]) -> str:
        line = self._line
        if path:
            end = self._text.find("\n[[tag]]", self._start + 1)
            own = self._text[self._start : end if end >= 0 else len(self._text)].split("\n")
            place = next((place for place, text in enumerate(own) if text.partition("=")[0].strip() == path[0]), 0)
            line += place
            if len(path) > 1 and own[place].rstrip().endswith("["):
                line += 1 + int(path[1])
        return f"{self._name}:{line}"


def _plain_items(text: str) -> list[dict[str, object]] | None:
    """The [[tag]]s of a TOML text that has nothing but those, plain pairs and tables of such; None if it has more."""
    bare = _COMMENT.sub("", text)
    lines = 0

    def tables(found: re.Match[str]) -> str:
        nonlocal lines
        lines += found[0].count("\n") + 1
        inner = _INLINE_KEY.sub(lambda part: part[1] or f'"{part[2]}":', found[2])
        return f',"{found[1]}":[{inner.rstrip().rstrip(",")}]'

    tables_done = _TABLES.sub(tables, bare) if "{" in bare else bare
    pairs_done, pairs = _PAIR.subn(r',"\1":\2', tables_done)
    done, heads = _ITEM.subn('},{"#":0', pairs_done)
    done = done.lstrip()
    if not done.startswith("},{") or sum(1 for line in bare.split("\n") if line.strip()) != pairs + heads + lines:
        return None
    try:
        found: list[dict[str, object]] = json.loads(f"[{done[2:]}}}]", object_pairs_hook=_once)
    except ValueError:
        return None
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    found.pop("#", None)
    return found


def _toml(text: str, name: str, sections: Sections, problems: Problems) -> None:
    text = text.replace("\r\n", "\n")
    plain = _plain_items(text)
    if plain is not None:
        line, counted = 1, 0
        for values, head in zip(plain, _ITEM.finditer(text), strict=True):
            line += text.count("\n", counted, head.start())
            counted = head.start()
            place = _PlainPlace(name, text, counted, line)
            sections.lists["tag"].append(Entry(values, place, place=place.of))
        return
    document, known_lines = parse_toml(text, name)
    where = locator(name, known_lines)
    for key, value in document.items():
        if key in TAG_SECTIONS:
            sections.lists[key] += items_of(key, value, where, problems)
        else:
            problems.add(
                "CFG-110", where((key,)), key, "a tag file holds only [[tag]], [[udt]] and [[instance]] tables"
            )


def _json(text: str, name: str, sections: Sections, problems: Problems) -> None:
    """`[{...}, ...]` (tags) or `{"tag": [{...}, ...], "udt": [...], "instance": [...]}`, item by item for its line."""

    def refuse(at: int, what: str) -> NoReturn:
        raise config_error("CFG-123", f"{name}:{text.count(chr(10), 0, at) + 1}", "", what)

    reader = _JsonItems(text, name, problems)
    try:
        found = reader.sections()
    except (_Malformed, ValueError, IndexError, RecursionError):
        _refuse_json(text, refuse)
        shape = '[{"path": ...}, ...] or {"tag": [...], "udt": [...], "instance": [...]}'
        refuse(0, f"a tag file holds {shape}, each once")
    for section, entries in found.items():
        sections.lists[section] += entries


def _refuse_json(text: str, refuse: Callable[[int, str], NoReturn]) -> None:
    """Say what json finds wrong with `text`, if it does."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        refuse(error.pos, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}")
    except (RecursionError, ValueError):  # also a number of more digits than Python reads
        refuse(0, "not JSON that anybody would write")


class _Malformed(Exception):  # noqa: N818 - never leaves this module
    """Not the JSON of a tag file."""


class _JsonItems:
    """Decodes the items of lists, counting lines on the way."""

    def __init__(self, text: str, name: str, problems: Problems) -> None:
        self._text = text
        self._name = name
        self._problems = problems
        self._decoder = json.JSONDecoder(parse_constant=lambda word: word, object_pairs_hook=_shared_keys)
        self._line = 1
        self._counted = 0

    def sections(self) -> dict[str, list[Entry]]:
        """Raises _Malformed, ValueError, IndexError or RecursionError for what is no tag file."""
        text, found = self._text, dict[str, list[Entry]]()
        at = _json_skip(text, 0)
        if text[at] == "[":
            found["tag"], at = self._items("tag", at + 1)
        elif text[at] == "{":
            at = _json_skip(text, at + 1)
            while text[at] != "}":
                key = _JSON_KEY.match(text, at)
                if key is None or key["key"] not in TAG_SECTIONS or key["key"] in found:
                    raise _Malformed
                found[key["key"]], at = self._items(key["key"], key.end())
                at = self._next(at, "}")
            at += 1
        else:
            raise _Malformed
        if _json_skip(text, at) != len(text):
            raise _Malformed
        return found

    def _next(self, at: int, end: str) -> int:
        """The place of the next item, or of `end`."""
        at = _json_skip(self._text, at)
        if self._text[at] == ",":
            at = _json_skip(self._text, at + 1)
            if self._text[at] != end:
                return at
        elif self._text[at] == end:
            return at
        raise _Malformed

    def _items(self, section: str, at: int) -> tuple[list[Entry], int]:
        """The items from `at` to the end of their list, and the place behind it."""
        text, entries, number = self._text, list[Entry](), 0
        at = _json_skip(text, at)
        while text[at] != "]":
            value, end = self._decoder.raw_decode(text, at)
            self._line += text.count("\n", self._counted, at)
            self._counted = at
            number += 1
            place = _JsonPlace(self._name, text, at, end, self._line)
            if isinstance(value, dict):
                entries.append(Entry(value, place, place=place.of))
            else:
                table_of(f"{section} #{number}", (), value, place.of, self._problems)  # says what is wrong
            at = self._next(end, "]")
        return entries, at + 1


def _shared_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Items are decoded one by one: without this each would have keys of its own."""
    return {intern(key): value for key, value in pairs}


class _JsonPlace:
    """The lines of one item of a JSON file, found when they are asked for."""

    __slots__ = ("_end", "_line", "_name", "_start", "_text")

    def __init__(self, name: str, text: str, start: int, end: int, line: int) -> None:
        self._name, self._text, self._start, self._end, self._line = name, text, start, end, line

    def __call__(self, key: str | None) -> str:
        return self.of(() if key is None else (key,))

    def of(self, path: tuple[str | int, ...]) -> str:
        line = self._line
        if path:
            lines = locate_json(self._text[self._start : self._end], line)
            while path and path not in lines:
                path = path[:-1]
            line = lines.get(path, line)
        return f"{self._name}:{line}"


def _json_skip(text: str, at: int) -> int:
    match = _JSON_SPACE.match(text, at)
    return match.end() if match is not None else at


def _csv(text: str, name: str, sections: Sections, problems: Problems) -> None:
    """A head line with the names of the columns, then a tag a line; an empty cell is a default."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    entries = sections.lists["tag"]
    try:
        head = [cell.strip() for cell in next(rows, [])]
        if len(set(head)) != len(head):
            raise config_error("CFG-124", f"{name}:1", "", "a column is there twice")
        for row in rows:
            where = f"{name}:{rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(head):
                problems.add("CFG-124", where, "", f"{len(row)} cells under {len(head)} columns")
                continue
            cells: dict[str, object] = {key: cell for key, cell in zip(head, row, strict=False) if cell.strip()}
            if "alarms" in cells:
                cells["alarms"] = _listed(cells["alarms"])
            entries.append(Entry(cells, _Always(where), as_text=True))
    except csv.Error as error:
        raise config_error("CFG-124", f"{name}:{rows.line_num}", "", f"not CSV: {error}") from None


def _listed(cell: object) -> object:
    """A cell that holds a list, as JSON; whatever else it holds stays, to be told as what it is."""
    try:
        found = json.loads(str(cell))
    except (ValueError, RecursionError):
        return cell
    return found if isinstance(found, list) else cell


class _Always:
    """Every key is on one line."""

    __slots__ = ("_where",)

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, _: str | None) -> str:
        return self._where
