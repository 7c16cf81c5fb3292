"""Where the items of a JSON file of lists begin and end."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")


class JsonSpans:
    """`[{...}, ...]` (a list of the first of `sections`) or `{"tag": [...], ...}`. Raises ValueError for anything else.

    `items` are (section, value, start, end); `lists` what is between the brackets of each list; `begin` and `closing`
    are behind the brace of an object and before the one that ends it, `end` is behind its last list.
    """

    def __init__(self, text: str, sections: Collection[str]) -> None:
        self._text = text
        self._decoder = json.JSONDecoder()
        self.items: list[tuple[str, dict[str, Any], int, int]] = []
        self.lists: dict[str, tuple[int, int]] = {}
        self.begin = self.end = self.closing = 0
        at = self._skip(0)
        self.is_object = text[at : at + 1] == "{"
        try:
            if self.is_object:
                self._object(at + 1, sections)
            else:
                self._list("tag", at)
        except IndexError:
            raise ValueError("cut off") from None

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match is not None else at

    def _object(self, at: int, sections: Collection[str]) -> None:
        text = self._text
        self.begin = at
        at = self._skip(at)
        while text[at] != "}":
            section, at = self._decoder.raw_decode(text, at)
            if section not in sections:
                raise ValueError(f"{section!r} is no list of a tag file")
            self.end = self._list(section, self._skip(self._skip(at) + 1))
            at = self._skip(self.end)
            if text[at] == ",":
                at = self._skip(at + 1)
        self.closing = at

    def _list(self, section: str, at: int) -> int:
        text = self._text
        if text[at] != "[":
            raise ValueError("a list is expected")
        begin = at + 1
        at = self._skip(begin)
        while text[at] != "]":
            value, end = self._decoder.raw_decode(text, at)
            if not isinstance(value, dict):
                raise ValueError("an item is no object")  # noqa: TRY004 - the text is wrong, not a type of ours
            self.items.append((section, value, at, end))
            at = self._skip(end)
            if text[at] == ",":
                at = self._skip(at + 1)
        self.lists[section] = (begin, at)
        return at + 1
