"""plantgate.toml as entries: what was written, with the line of each key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plantgate.config.document import LISTS, TABLES
from plantgate.config.fields import Entry
from plantgate.config.problems import Problems, config_error, did_you_mean, one_of, shown
from plantgate.config.source import read_bytes
from plantgate.config.tomllines import locate
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_FILE_BYTES


@dataclass(slots=True)
class Sections:
    """All entries: one per table of TABLES that is there, any number per list of LISTS."""

    unreadable: bool = False  # a whole file is missing here: what refers to it can't be judged
    tables: dict[str, Entry] = field(default_factory=dict)
    lists: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in LISTS})


def read_toml(path: Path, sections: Sections, problems: Problems, data: bytes | None = None) -> None:
    """Add the tables of a plantgate.toml to `sections`; `data` stands for its content if given."""
    try:
        document, lines = parse_toml(text_of(path, path.name, data), path.name)
    except ConfigError as error:
        problems.take(error)
        sections.unreadable = True
        return
    where = locator(path.name, lines)
    known = {name.partition(".")[0] for name in (*TABLES, *LISTS)}
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
            sections.lists[key] += items_of(key, value, where, problems)
        elif key in TABLES:
            if (entry := table_of(key, (key,), value, where, problems)) is not None:
                sections.tables[key] = _without_lists(key, entry, where, sections, problems)
        else:
            _nested(key, value, where, sections, problems)


def parse_toml(text: str, name: str) -> tuple[dict[str, Any], Mapping[tuple[str | int, ...], int]]:
    """The document and the lines of its keys. Raises ConfigError."""
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


def text_of(path: Path, name: str, data: bytes | None = None) -> str:
    """The text of a file, or of `data` in its place. Raises ConfigError."""
    if data is None:
        data = read_bytes(path, CONFIG_FILE_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise config_error("CFG-121", f"{name}:{line}", "", "not UTF-8", "save the file as UTF-8") from None


def locator(name: str, lines: Mapping[tuple[str | int, ...], int]) -> Callable[[tuple[str | int, ...]], str]:
    def where(path: tuple[str | int, ...]) -> str:
        while path and path not in lines:
            path = path[:-1]
        return f"{name}:{lines.get(path, 1)}"

    return where


def table_of(
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
    return Entry(
        value,
        lambda key: where(path if key is None else (*path, key)),
        place=lambda inner: where((*path, *inner)),
    )


def _nested(
    key: str,
    value: object,
    where: Callable[[tuple[str | int, ...]], str],
    sections: Sections,
    problems: Problems,
) -> None:
    """[opcua.server] and [opcua.discovery]: tables one level down."""
    outer = table_of(key, (key,), value, where, problems)
    known = [name.partition(".")[2] for name in TABLES if name.startswith(f"{key}.")]
    for inner, table in outer.values.items() if outer is not None else ():
        label = f"{key}.{inner}"
        if inner not in known:
            what = f"unknown section{did_you_mean(inner, known)}"
            problems.add("CFG-110", where((key, inner)), label, what, f"valid sections: {one_of(known)}")
        elif (entry := table_of(label, (key, inner), table, where, problems)) is not None:
            sections.tables[label] = entry


def _without_lists(
    key: str,
    entry: Entry,
    where: Callable[[tuple[str | int, ...]], str],
    sections: Sections,
    problems: Problems,
) -> Entry:
    """`entry` without the lists in it ([[modbus_server.map]]), which are added to `sections`."""
    values = dict(entry.values)
    for name in LISTS:
        outer, _, inner = name.partition(".")
        if outer == key and inner in values:
            sections.lists[name] += items_of(name, values.pop(inner), where, problems)
    return Entry(values, entry.where)


def items_of(
    key: str, value: object, where: Callable[[tuple[str | int, ...]], str], problems: Problems
) -> Iterator[Entry]:
    path = tuple(key.split("."))
    if not isinstance(value, list):
        problems.add("CFG-122", where(path), key, f"there may be several: write [[{key}]]")
        return
    for index, item in enumerate(value):
        entry = table_of(f"{key} #{index + 1}", (*path, index), item, where, problems)
        if entry is not None:
            yield entry
