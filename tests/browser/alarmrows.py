"""Alarms for the played gateway."""

from __future__ import annotations

from typing import Any

from tests.browser.fake import NOW

PRIORITIES = ["critical", "high", "medium", "low", "diagnostic"]


def alarm(event: int | None, path: str, name: str = "High", **changes: Any) -> dict[str, Any]:
    """A row of GET /alarms: active and not acknowledged for `event` seconds, unless `changes` say otherwise."""
    row = {
        "id": event, "path": path, "name": name, "label": "", "priority": "high", "mode": "above",
        "state": "active_unacked" if event else "clear_acked", "value": 82.5 if event else None, "unit": "%",
        "limit": "above 80", "active_at": NOW - event * 1_000 if event else None, "cleared_at": None,
        "acked_at": None, "acked_by": "", "ack_note": "",
        "ack": "manual", "ack_note_required": False, "shelvable": True, "shelved_until": None, "shelved_by": "",
        "notes": "", "enabled": True,
    }  # fmt: skip
    return row | changes


def many(count: int) -> list[dict[str, Any]]:
    """`count` alarms of every priority and state."""
    rows = []
    for number in range(1, count + 1):
        state = ["active_unacked", "active_acked", "clear_unacked"][number % 3]
        changes: dict[str, Any] = {"priority": PRIORITIES[number % 5], "state": state}
        if state == "active_acked":
            changes |= {"acked_at": NOW - 60_000, "acked_by": "grace"}
        if state == "clear_unacked":
            changes |= {"cleared_at": NOW - 30_000}
        rows.append(alarm(number, f"[default]Line {number % 12}/Tank {number}/Level", f"High {number}", **changes))
    return rows
