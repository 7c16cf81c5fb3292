"""Gives tags other paths, and carries along what names them: sources and formulas of tags with entries of their own.

A formula is changed as text, where a reference stands for a tag that moves, and looked at again afterwards: if it then
reads anything else than it should, the rename is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from plantgate.config.tags.write import Row, short_path
from plantgate.model.tag import provider_of, resolved

_REFERENCE = re.compile(r"\{([^{}\n]*)\}")
_FORMULAS = ("expression", "write_expression")


def moved_paths(old: str, new: str, paths: Mapping[str, object]) -> dict[str, str]:
    """`paths` that are `old` or below it -> where they are then. `old` and `new` are full."""
    folder = f"{old}/"
    return {path: new + path[len(old) :] for path in paths if path == old or path.startswith(folder)}


def carried(row: Row, path: str, moved: Mapping[str, str]) -> Row:
    """The entry of `path` as it must be when the tags of `moved` have their new paths, among them perhaps its own."""
    target = moved.get(path, path)
    done = dict(row)
    if path in moved:
        done["path"] = short_path(target)
    follow = _follower(path, target, moved)
    if source := done.get("source"):
        done["source"] = follow(str(source))
    for key in _FORMULAS:
        if isinstance(done.get(key), str):
            done[key] = _in_formula(done[key], follow)
    if isinstance(done.get("alarms"), list):
        done["alarms"] = [_alarm(alarm, follow) for alarm in done["alarms"]]
    return done


def _alarm(alarm: Any, follow: Callable[[str], str]) -> Any:
    if not isinstance(alarm, Mapping) or not isinstance(alarm.get("expression"), str):
        return alarm
    return {**alarm, "expression": _in_formula(alarm["expression"], follow)}


def _follower(path: str, target: str, moved: Mapping[str, str]) -> Callable[[str], str]:
    def follow(reference: str) -> str:
        """The text that means, for the tag at `target`, what `reference` has meant for it at `path`."""
        names = reference.strip()
        meant = resolved(names, path)
        wanted = moved.get(meant, meant)
        tail = ""
        if meant not in moved:  # a property of a tag, or a value of an array: [.]Speed.quality, [.]Profile[3]
            whole = next((end for end in _ends(meant) if meant[:end] in moved), 0)
            if whole:
                wanted, tail = moved[meant[:whole]], meant[whole:]
        if resolved(names, target) == wanted + tail:
            return reference
        return (short_path(wanted) if provider_of(wanted) == provider_of(target) else wanted) + tail

    return follow


def _ends(meant: str) -> list[int]:
    start = meant.find("]") + 1
    return [place for place, char in enumerate(meant) if char in ".[" and place > start]


def _in_formula(text: str, follow: Callable[[str], str]) -> str:
    def put(match: re.Match[str]) -> str:
        inner = match[1]
        if not inner.strip() or "*" in inner or inner.strip() == "value":
            return match[0]
        return f"{{{follow(inner)}}}"

    return _REFERENCE.sub(put, text)
