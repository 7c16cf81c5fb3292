"""How alarms look in a table and on a line: the shapes and numbers of the page, with the words beside them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from plantgate.cli.access_rows import when
from plantgate.cli.common import Cell, Column, Mark, shown_text

COLUMNS: list[str | Column] = [
    Column("event", "right"),
    "priority",
    "state",
    "alarm",
    "tag",
    Column("value", "right"),
    "limit",
    "since",
    Column("acknowledged", optional=True),
    Column("shelved until", optional=True),
]
JOURNAL_COLUMNS: list[str | Column] = [
    "when",
    "priority",
    "change",
    "alarm",
    "tag",
    Column("value", "right"),
    "who",
    "note",
    Column("event", "right", optional=True),
]
# Filled while nobody has acknowledged it, an outline after that.
_SHAPES = {
    "critical": ("■", "□", "1", "bold red"),
    "high": ("▲", "△", "2", "dark_orange"),
    "medium": ("▼", "▽", "3", "yellow"),
    "low": ("●", "○", "4", "magenta"),
    "diagnostic": ("⬢", "⬡", "5", "dim"),
}
_STATES = {
    "active_unacked": ("active", "bold red"),
    "active_acked": ("active, acknowledged", ""),
    "clear_unacked": ("cleared, not acknowledged", "yellow"),
    "clear_acked": ("normal", ""),
}


def row(item: Mapping[str, Any]) -> list[Cell]:
    words, style = _STATES.get(item["state"], (item["state"], ""))
    return [
        item["id"],
        _priority(item["priority"], seen=not item["state"].endswith("unacked")),
        Mark(words if item["enabled"] else "disabled", style),
        item["label"],
        item["path"],
        _value(item["value"], item["unit"]),
        item["limit"],
        when(item["active_at"]),
        f"{item['acked_by']}: {item['ack_note']}" if item["ack_note"] else item["acked_by"],
        when(item["shelved_until"]),
    ]


def line(item: Mapping[str, Any]) -> str:
    """One line of `alarms watch`: what happened last, and when."""
    times = (item["acked_at"], item["cleared_at"], item["active_at"])
    event, priority, state, label, path, value, limit, *_ = row(item)
    last = when(max((time for time in times if time is not None), default=None))
    words = [last, priority, state, label, path, value, limit, f"#{event}"]
    if item["shelved_until"] is not None:
        words.append(f"shelved until {when(item['shelved_until'])} by {item['shelved_by']}")
    elif item["acked_by"]:
        words.append(f"acknowledged by {item['acked_by']}")
    return "  ".join(shown_text(word) for word in words)


def journal_row(item: Mapping[str, Any]) -> list[Cell]:
    return [
        when(item["at"]),
        _priority(item["priority"], seen=item["change"] != "active"),
        item["change"],
        item["label"],
        item["path"],
        _value(item["value"], ""),
        item["actor"],
        item["note"],
        item["event"],
    ]


def _priority(name: str, *, seen: bool) -> Cell:
    filled, outline, number, style = _SHAPES[name]
    shape = outline if seen else filled
    try:
        shape.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # a pipe of Windows: the number and the word say it all
        shape = ""
    return Mark(f"{shape}{number} {name}", style)


def _value(value: Any, unit: str) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text} {unit}".rstrip()
