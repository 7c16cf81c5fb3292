"""The line of every key and list item of a JSON text: json tells none, and an error must name its line."""

from __future__ import annotations

import json
import re

Path = tuple[str | int, ...]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def locate_json(text: str, first: int = 1) -> dict[Path, int]:
    """Lines of all keys and items of a valid JSON text whose first line is line `first`."""
    lines: dict[Path, int] = {}
    path: list[str | int] = []
    objects: list[bool] = []
    line, counted, wants_key = first, 0, False
    for token in _TOKEN.finditer(text):
        word = token[0]
        line += text.count("\n", counted, token.start())
        counted = token.start()
        if word in "}]":
            objects.pop()
            path.pop()
        elif word == ",":
            wants_key = objects[-1]
            if not objects[-1]:
                path[-1] = int(path[-1]) + 1
        elif wants_key:
            path[-1] = json.loads(word)
            lines[tuple(path)] = line
            wants_key = False
        elif word != ":":
            lines.setdefault(tuple(path), line)
            if word in "{[":
                objects.append(word == "{")
                path.append("" if word == "{" else 0)
                wants_key = word == "{"
    return lines
