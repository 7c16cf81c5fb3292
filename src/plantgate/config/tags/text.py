"""The text of a tag file, changed item by item: comments, order and everything that is not touched stay as they are."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from plantgate.config.jsonspans import JsonSpans
from plantgate.config.problems import config_error
from plantgate.config.tags.files import TAG_FOLDER, TAG_SECTIONS, TYPES_FOLDER, tag_file_name
from plantgate.config.tags.write import Row, cell_text, short_path
from plantgate.model.tag import full_path

_BOM = b"\xef\xbb\xbf"
# To look for an item costs a fiftieth of going through all of them.
_FEW = 16


@dataclass(slots=True)
class Item:
    """One item: what stands between `start` and `end` of the text; `name` is a full path, or that of a type."""

    section: str
    name: str
    start: int
    end: int


def item_name(section: str, row: Mapping[str, Any]) -> str:
    """By which an item is known."""
    if section in {"tag", "instance"}:
        return full_path(str(row.get("path", "")))
    return str(row.get("name", ""))


class TagText(ABC):
    """Open with `opened`; then `put`, `add` and `remove`, and at the end `closed`.

    A few items are looked for in the text; for more of them the whole text is gone through once.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._found: dict[tuple[str, str], Item] = {}
        self._looks = 0
        self._all: list[Item] | None = None
        self._pieces: dict[int, tuple[Item, str]] = {}
        self._added: list[tuple[str, Row]] = []
        self.crlf = False

    @abstractmethod
    def _scanned(self) -> Iterable[Item]:
        """All items, in order."""

    @abstractmethod
    def _located(self, section: str, name: str) -> Item | None:
        """The item if it can be found quickly and for sure."""

    @abstractmethod
    def _read(self, item: Item) -> dict[str, Any]: ...

    @abstractmethod
    def _patched(self, item: Item, old: dict[str, Any], row: Row) -> str:
        """The text of the item with the keys of `row`."""

    @abstractmethod
    def _finished(self, pieces: Sequence[tuple[Item, str]], added: Sequence[tuple[str, Row]]) -> str:
        """The whole text with the items of `pieces` replaced (empty: gone) and others added."""

    def takes(self, section: str) -> bool:
        """Whether the form of the file has a place for such an item."""
        return True

    @property
    def items(self) -> Sequence[Item]:
        if self._all is None:
            self._all = list(self._scanned())
            self._found = {(item.section, item.name): item for item in self._all}
        return self._all

    def _item(self, section: str, name: str) -> Item | None:
        item = self._found.get((section, name))
        if item is None and self._all is None:
            self._looks += 1
            item = self._located(section, name) if self._looks <= _FEW else None
            if item is None:
                return self._found.get((section, name)) if self.items else None
            self._found[section, name] = item
        return item

    def find(self, section: str, name: str) -> dict[str, Any] | None:
        """The item as it is written, None if it is not in this file. Raises ConfigError."""
        item = self._item(section, name)
        return None if item is None else self._read(item)

    def line(self, section: str, name: str) -> int:
        """On which line the item begins, 0 if it is not in this file."""
        item = self._item(section, name)
        return 0 if item is None else self.text.count("\n", 0, item.start) + 1

    def put(self, section: str, name: str, row: Row) -> None:
        """Give the item `name`, which is there, the keys of `row`, which may have another name."""
        item = self._item(section, name)
        assert item is not None, "found before"
        self._pieces[item.start] = (item, self._patched(item, self._read(item), row))

    def add(self, section: str, row: Row) -> None:
        self._added.append((section, row))

    def remove(self, section: str, name: str) -> None:
        item = self._item(section, name)
        assert item is not None, "found before"
        self._pieces[item.start] = (item, "")

    def result(self) -> str:
        if not self._pieces and not self._added:
            return self.text
        return self._finished([self._pieces[start] for start in sorted(self._pieces)], self._added)

    def _spliced(self, pieces: Iterable[tuple[int, int, str]]) -> str:
        """The text with what stands between two places replaced; the pieces are in order."""
        parts, at = list[str](), 0
        for start, end, piece in pieces:
            parts += (self.text[at:start], piece)
            at = max(at, end)
        return "".join([*parts, self.text[at:]])


def same_value(old: Any, new: Any) -> bool:
    """Whether a file says the same with either: 1 and 1.0 do, 1 and true don't."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same_value(old[key], new[key]) for key in old)
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(same_value, old, new))
    return isinstance(old, bool) is isinstance(new, bool) and bool(old == new)


def differing(section: str, old: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The keys to change: new values, None for what is to go."""
    found: dict[str, Any] = {key: None for key in old if key not in row}
    for key, value in row.items():
        same = key in old and same_value(old[key], value)
        if key == "path" and section in {"tag", "instance"}:
            same = full_path(str(old.get(key, ""))) == full_path(str(value))
        if not same:
            found[key] = value
    return found


class JsonText(TagText):
    """`[{...}, ...]` or `{"tag": [...], "udt": [...], "instance": [...]}`."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text, name)
        self._values: dict[int, dict[str, Any]] = {}

    @cached_property
    def _spans(self) -> JsonSpans:
        return JsonSpans(self.text, TAG_SECTIONS)

    def _scanned(self) -> Iterable[Item]:
        for section, value, start, end in self._spans.items:
            self._values[start] = value
            yield Item(section, item_name(section, value), start, end)

    def _located(self, section: str, name: str) -> Item | None:
        if section != "tag" or '"udt"' in self.text:  # members have paths too
            return None
        for path in (short_path(name), name):
            needle = json.dumps(path, ensure_ascii=False)
            at = self.text.find(needle)
            while at >= 0:
                start = self.text.rfind("{", 0, at)
                try:
                    value, end = _DECODER.raw_decode(self.text, start)
                except ValueError:
                    value, end = None, at
                if end > at and isinstance(value, dict) and value.get("path") == path:
                    self._values[start] = value
                    return Item(section, name, start, end)
                at = self.text.find(needle, at + 1)
        return None

    def takes(self, section: str) -> bool:
        return section == "tag" or self.text.lstrip()[:1] == "{"

    def _read(self, item: Item) -> dict[str, Any]:
        return self._values[item.start]

    def _patched(self, item: Item, old: dict[str, Any], row: Row) -> str:
        changes = differing(item.section, old, row)
        values = {key: changes.get(key, value) for key, value in old.items() if changes.get(key, value) is not None}
        values |= {key: value for key, value in changes.items() if value is not None}
        if "\n" not in self.text[item.start : item.end]:
            return json.dumps(values, ensure_ascii=False)
        line = self.text[self.text.rfind("\n", 0, item.start) + 1 : item.start]
        margin = line[: len(line) - len(line.lstrip())]
        return json.dumps(values, ensure_ascii=False, indent=2).replace("\n", f"\n{margin}")

    def _finished(self, pieces: Sequence[tuple[Item, str]], added: Sequence[tuple[str, Row]]) -> str:
        gone = {item.end: item for item, piece in pieces if not piece}
        changes = [(item.start, item.end, piece) for item, piece in pieces if piece]
        changes += [(*self._hole(item, gone), "") for item in gone.values()]
        text = self._spliced(sorted(changes))
        if not added:
            return text
        rows: dict[str, list[str]] = {}
        for section, row in added:
            rows.setdefault(section, []).append(json.dumps(row, ensure_ascii=False))
        done = JsonText(text, self.name)
        spans, more = done._spans, list[tuple[int, int, str]]()
        for section, (start, end) in spans.lists.items():
            new = ",\n    ".join(rows.pop(section, ()))
            if new:
                inside = text[start:end].rstrip()
                before = ",\n    " if inside else "\n    "
                more.append((start + len(inside), end, f"{before}{new}\n{'  ' if spans.is_object else ''}"))
        if rows:
            lists = ",\n".join(f'  "{section}": [\n    {_joined(texts)}\n  ]' for section, texts in rows.items())
            at = spans.end if spans.lists else spans.begin
            more.append((at, spans.closing, f"{',' if spans.lists else ''}\n{lists}\n"))
        return done._spliced(sorted(more))

    def _hole(self, item: Item, gone: Mapping[int, Item]) -> tuple[int, int]:
        """What goes with an item: the comma behind it; if it is the last, that before it and before others that go."""
        text, end = self.text, _after_space(self.text, item.end)
        if text[end] == ",":
            return item.start, _after_space(text, end + 1)
        start = item.start
        while True:
            before = _before_space(text, start)
            if text[before - 1] != ",":
                return start, item.end
            previous = gone.get(_before_space(text, before - 1))
            if previous is None:
                return before - 1, item.end
            start = previous.start


_DECODER = json.JSONDecoder()


def _after_space(text: str, at: int) -> int:
    while text[at].isspace():
        at += 1
    return at


def _before_space(text: str, at: int) -> int:
    while at and text[at - 1].isspace():
        at -= 1
    return at


def _joined(texts: Iterable[str]) -> str:
    return ",\n    ".join(texts)


class CsvText(TagText):
    """A head line with the names of the columns, then a tag a line."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text, name)
        self._rows: dict[int, list[str]] = {}
        self._head_end = text.find("\n") + 1 or len(text)
        self._head = [cell.strip() for cell in next(csv.reader([text[: self._head_end]], strict=True), [])]
        self._known = len(self._head)

    def _scanned(self) -> Iterable[Item]:
        lines = list(io.StringIO(self.text, newline=""))
        starts, at = [0], 0
        for line in lines:
            at += len(line)
            starts.append(at)
        rows = csv.reader(lines, strict=True)
        next(rows, None)
        column, begun = self._head.index("path") if "path" in self._head else -1, rows.line_num
        for row in rows:
            start, end, begun = starts[begun], starts[rows.line_num], rows.line_num
            if any(cell.strip() for cell in row):
                self._rows[start] = row
                yield Item("tag", full_path(row[column]) if 0 <= column < len(row) else "", start, end)

    def _located(self, section: str, name: str) -> Item | None:
        if self._head[:1] != ["path"] or '"' in self.text:  # a quoted cell may have lines
            return None
        start = self.text.find(f"\n{short_path(name)},") + 1
        if not start:
            return None
        end = self.text.find("\n", start) + 1 or len(self.text)
        self._rows[start] = next(csv.reader([self.text[start:end]], strict=True))
        return Item("tag", name, start, end)

    def takes(self, section: str) -> bool:
        return section == "tag"

    def _read(self, item: Item) -> dict[str, Any]:
        row = self._rows[item.start]
        return {key: cell for key, cell in zip(self._head, row, strict=False) if cell.strip()}

    def _patched(self, item: Item, old: dict[str, Any], row: Row) -> str:
        cells = {key: cell_text(value) for key, value in row.items()}
        self._widen(cells)
        if full_path(cells["path"]) == item.name:
            cells["path"] = old["path"]
        return self._line(cells)

    def cells(self, row: Row) -> dict[str, str]:
        """`row` as it is read back: an empty cell says nothing."""
        texts = {key: cell_text(value) for key, value in row.items()}
        line = io.StringIO(newline="")
        csv.writer(line, lineterminator="\n").writerow(texts.values())
        written = line.getvalue().replace("\n", "\r\n") if self.crlf else line.getvalue()
        rows = list(csv.reader(io.StringIO(written, newline="")))  # a return in a cell is written, but not read
        found = dict(zip(texts, rows[0], strict=False)) if len(rows) == 1 else {}
        return {key: text for key, text in found.items() if text.strip()}

    def _widen(self, keys: Iterable[str]) -> None:
        self._head += [key for key in keys if key not in self._head]

    def _line(self, cells: Mapping[str, str]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([cells.get(key, "") for key in self._head])
        return text.getvalue()

    def _finished(self, pieces: Sequence[tuple[Item, str]], added: Sequence[tuple[str, Row]]) -> str:
        rows = [{key: cell_text(value) for key, value in row.items()} for _, row in added]
        for row in rows:
            self._widen(row)
        text = self._spliced((item.start, item.end, piece) for item, piece in pieces)
        if len(self._head) > self._known:
            head = io.StringIO()
            csv.writer(head, lineterminator="\n").writerow(self._head)
            text = head.getvalue() + text[self._head_end :]
        if rows and not text.endswith("\n"):
            text += "\n"
        return text + "".join(self._line(row) for row in rows)


def opened(path: Path, data: bytes) -> TagText:
    """The text of a file of the tags folder, or of plantgate.toml. Raises ConfigError for what can't be read."""
    from plantgate.config.tags.toml import TomlText  # noqa: PLC0415 - which needs this module

    forms: dict[str, type[TagText]] = {".toml": TomlText, ".json": JsonText, ".csv": CsvText}
    name = tag_file_name(path) if path.parent.name in {TAG_FOLDER, TYPES_FOLDER} else path.name
    try:
        text, crlf = data.removeprefix(_BOM).decode(), _is_crlf(data)
        found = forms[path.suffix.lower()](text.replace("\r\n", "\n") if crlf else text, name)
    except (ValueError, csv.Error) as error:
        raise config_error("CFG-412", name, "", f"can't be read: {error}", "plantgate config check") from None
    found.crlf = crlf
    return found


def closed(text: TagText, before: bytes) -> bytes:
    """The file as it is to be written, with the line ends that it had."""
    result = text.result()
    if _is_crlf(before):
        result = result.replace("\n", "\r\n")
    return (_BOM if before.startswith(_BOM) else b"") + result.encode()


def _is_crlf(data: bytes) -> bool:
    """Every line of the file ends so."""
    ends = data.count(b"\r\n")
    return ends > 0 and ends == data.count(b"\n")
