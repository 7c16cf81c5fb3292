"""plantgate.toml and tag files (TOML, JSON, CSV) as entries: what was written, with the line of each key."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from plantgate.config.document import LISTS, TABLES
from plantgate.config.fields import Entry
from plantgate.config.problems import Problems, config_error, did_you_mean, one_of, shown
from plantgate.config.source import read_bytes
from plantgate.config.tomllines import locate
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_FILE_BYTES

_JSON_START = re.compile(r'\s*(?:\{\s*"tag"\s*:\s*)?\[')
_JSON_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(slots=True)
class Sections:
    """All entries: one per table of TABLES that is there, any number per list of LISTS."""

    unreadable: bool = False  # a whole file is missing here: what refers to it can't be judged
    tables: dict[str, Entry] = field(default_factory=dict)
    lists: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LISTS})


def read_toml(path: Path, sections: Sections, problems: Problems) -> None:
    """Add the tables of a plantgate.toml to `sections`."""
    try:
        document, lines = _toml(path, path.name)
    except ConfigError as error:
        problems.take(error)
        sections.unreadable = True
        return
    where = _locator(path.name, lines)
    known = {name.partition(".")[0] for name in TABLES} | set(LISTS)
    for key, value in document.items():
        if key not in known:
            problems.add(
                "CFG-110",
                where((key,)),
                key,
                f"unknown section{did_you_mean(key, known)}",
                f"valid sections: {one_of(known)}",
            )
        elif key in LISTS:
            sections.lists[key] += _items(key, value, where, problems)
        elif key in TABLES:
            if (entry := _table(key, (key,), value, where, problems)) is not None:
                sections.tables[key] = entry
        else:
            _nested(key, value, where, sections, problems)


def read_tag_file(path: Path, sections: Sections, problems: Problems) -> None:
    """Add the tags of one file of the tags folder to `sections`."""
    name = f"{path.parent.name}/{path.name}"
    readers: dict[str, Callable[[Path, str, Problems], list[Entry]]] = {
        ".toml": _tag_toml,
        ".json": _tag_json,
        ".csv": _tag_csv,
    }
    try:
        sections.lists["tag"] += readers[path.suffix.lower()](path, name, problems)
    except ConfigError as error:
        problems.take(error)
        sections.unreadable = True


def _toml(path: Path, name: str) -> tuple[dict[str, Any], Mapping[tuple[str | int, ...], int]]:
    """The document and the lines of its keys. Raises ConfigError."""
    text = _text(path, name)
    try:
        return tomllib.loads(text), locate(text)
    except tomllib.TOMLDecodeError as error:
        words, _, place = str(error).partition(" (at ")
        line = re.match(r"line (\d+)", place)
        at = line[1] if line else str(text.count("\n") + 1)
        hint = 'texts stand in quotes: name = "plant"' if words == "Invalid value" else ""
        raise config_error("CFG-120", f"{name}:{at}", "", f"not TOML: {words[:1].lower()}{words[1:]}", hint) from None
    except RecursionError:
        raise config_error("CFG-120", f"{name}:1", "", "not TOML that anybody would write: nested too deep") from None


def _text(path: Path, name: str) -> str:
    data = read_bytes(path, CONFIG_FILE_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise config_error("CFG-121", f"{name}:{line}", "", "not UTF-8", "save the file as UTF-8") from None


def _locator(name: str, lines: Mapping[tuple[str | int, ...], int]) -> Callable[[tuple[str | int, ...]], str]:
    def where(path: tuple[str | int, ...]) -> str:
        while path and path not in lines:
            path = path[:-1]
        return f"{name}:{lines.get(path, 1)}"

    return where


def _table(
    label: str,
    path: tuple[str | int, ...],
    value: object,
    where: Callable[[tuple[str | int, ...]], str],
    problems: Problems,
) -> Entry | None:
    if not isinstance(value, dict):
        what = f"write it as one table: [{label}]" if isinstance(value, list) else f"{shown(value)} is not a table"
        problems.add("CFG-122", where(path), label, what)
        return None
    return Entry(value, lambda key: where(path if key is None else (*path, key)))


def _nested(
    key: str,
    value: object,
    where: Callable[[tuple[str | int, ...]], str],
    sections: Sections,
    problems: Problems,
) -> None:
    """[opcua.server] and [opcua.discovery]: tables one level down."""
    outer = _table(key, (key,), value, where, problems)
    known = [name.partition(".")[2] for name in TABLES if name.startswith(f"{key}.")]
    for inner, table in outer.values.items() if outer is not None else ():
        label = f"{key}.{inner}"
        if inner not in known:
            what = f"unknown section{did_you_mean(inner, known)}"
            problems.add("CFG-110", where((key, inner)), label, what, f"valid sections: {one_of(known)}")
        elif (entry := _table(label, (key, inner), table, where, problems)) is not None:
            sections.tables[label] = entry


def _items(
    key: str, value: object, where: Callable[[tuple[str | int, ...]], str], problems: Problems
) -> Iterator[Entry]:
    if not isinstance(value, list):
        problems.add("CFG-122", where((key,)), key, f"there may be several: write [[{key}]]")
        return
    for index, item in enumerate(value):
        entry = _table(f"{key} #{index + 1}", (key, index), item, where, problems)
        if entry is not None:
            yield entry


def _tag_toml(path: Path, name: str, problems: Problems) -> list[Entry]:
    document, lines = _toml(path, name)
    where = _locator(name, lines)
    for key in document:
        if key != "tag":
            problems.add("CFG-110", where((key,)), key, "a tag file holds only [[tag]] tables")
    return list(_items("tag", document.get("tag", []), where, problems))


def _tag_json(path: Path, name: str, problems: Problems) -> list[Entry]:
    """`[{...}, ...]` or `{"tag": [{...}, ...]}`, decoded object by object so that each knows its line."""
    text = _text(path, name)

    def refuse(at: int, what: str) -> NoReturn:
        raise config_error("CFG-123", f"{name}:{text.count(chr(10), 0, at) + 1}", "", what)

    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        refuse(error.pos, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}")
    except RecursionError:
        refuse(0, "not JSON that anybody would write: nested too deep")
    start = _JSON_START.match(text)
    if start is None:
        refuse(0, 'a tag file holds a list of tags: [{"path": ...}, ...] or {"tag": [...]}')
    decoder = json.JSONDecoder(parse_constant=lambda word: word)
    entries: list[Entry] = []
    at, line, counted = _json_skip(text, start.end()), 1, 0
    while text[at] != "]":
        value, end = decoder.raw_decode(text, at)
        line += text.count("\n", counted, at)
        counted = at
        where = _json_locator(name, text, at, end, line)
        entry = _table(f"tag #{len(entries) + 1}", (), value, where, problems)
        if entry is not None:
            entries.append(entry)
        at = _json_skip(text, end)
        if text[at] == ",":
            at = _json_skip(text, at + 1)
    return entries


def _json_skip(text: str, at: int) -> int:
    match = _JSON_SPACE.match(text, at)
    return match.end() if match is not None else at


def _json_locator(name: str, text: str, start: int, end: int, line: int) -> Callable[[tuple[str | int, ...]], str]:
    def where(path: tuple[str | int, ...]) -> str:
        at = text.find(f"{json.dumps(path[0])}", start, end) if path else start
        return f"{name}:{line + (text.count(chr(10), start, at) if at > 0 else 0)}"

    return where


def _tag_csv(path: Path, name: str, problems: Problems) -> list[Entry]:
    """A head line with the names of the columns, then a tag a line; an empty cell is a default."""
    rows = csv.reader(io.StringIO(_text(path, name), newline=""), strict=True)
    entries: list[Entry] = []
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
            cells = {key: cell for key, cell in zip(head, row, strict=False) if cell.strip()}
            entries.append(Entry(cells, _always(where), as_text=True))
    except csv.Error as error:
        raise config_error("CFG-124", f"{name}:{rows.line_num}", "", f"not CSV: {error}") from None
    return entries


def _always(where: str) -> Callable[[str | None], str]:
    return lambda _key: where
