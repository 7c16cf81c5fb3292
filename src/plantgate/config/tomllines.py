"""The line of every key of a TOML document: tomllib tells none, and an error must name its line.

`locate` walks a text that tomllib has already accepted, so it only has to find its way, not to judge. A path is a
tuple of keys and list positions: ("device", 0, "port"). TOML 1.0.0, the sections named at each step.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")  # white space, line ends and comments
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(  # strings, section "String": the long forms first
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL
)
_PLAIN = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")  # numbers, booleans, date-times (a space may divide these)


def locate(text: str) -> dict[Path, int]:
    """Lines (from 1) of all tables, keys, list items and inline tables of a valid TOML text."""
    return _Walk(text.replace("\r\n", "\n")).run()


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}  # how many [[items]] an array of tables has so far
        self._line = 1
        self._line_at = 0

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.lines

    def _header(self) -> Path:
        """`[a.b]` or `[[a.b]]` (sections "Table", "Array of Tables")."""
        line = self._line_here()
        many = self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        path: Path = ()
        keys = list(self._keys())
        for index, key in enumerate(keys):
            path = (*path, key)
            last = index == len(keys) - 1
            if many and last:
                self._counts[path] = self._counts.get(path, 0) + 1
            self._note(path, line)
            if path in self._counts:  # a header below an array of tables means its newest item
                path = (*path, self._counts[path] - 1)
                self._note(path, line)
        self.at += 2 if many else 1
        return path

    def _pair(self, table: Path) -> None:
        """`key = value`, dotted keys too (section "Keys")."""
        line = self._line_here()
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, line)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> Iterator[str]:
        """The parts of a dotted key; ends at the character after it."""
        while True:
            self._skip(_SPACE)
            if (match := _BARE_KEY.match(self.text, self.at)) is not None:
                self.at = match.end()
                yield match[0]
            else:
                match = _TEXT.match(self.text, self.at)
                assert match is not None
                self.at = match.end()
                yield next(iter(tomllib.loads(f"{match[0]} = 0")))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return
            self.at += 1

    def _value(self, path: Path) -> None:
        start = self.text[self.at]
        if start == "[":
            self._items(path)
        elif start == "{":
            self._inline(path)
        else:
            match = _TEXT.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            assert match is not None
            self.at = match.end()

    def _items(self, path: Path) -> None:
        """`[1, 2]` (section "Array"): line ends, comments and a last comma are allowed."""
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self._note((*path, index), self._line_here())
            self._value((*path, index))
            index += 1
            self._skip_comma()
        self.at += 1

    def _inline(self, path: Path) -> None:
        """`{ a = 1 }` (section "Inline Table")."""
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip_comma()
        self.at += 1

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        assert match is not None
        self.at = match.end()

    def _note(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._line_at, self.at)
        self._line_at = self.at
        return self._line
