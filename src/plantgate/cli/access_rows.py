"""How the items of access control look in a table."""

from __future__ import annotations

from typing import Any

from plantgate.cli.common import Cell, Column, Mark
from plantgate.cli.moments import when as moment_of

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_COLUMNS: dict[str, list[str | Column]] = {
    "holders": ["id", "name", "groups", "state", "cards", "zone", Column("note", optional=True)],
    "cards": ["card", "holder", "name", "label", "state", Column("hash", optional=True)],
    "groups": ["name", "in lockdown", "note"],
    "zones": ["name", "anti-passback", "reset after", Column("limit", "right"), "note"],
    "passages": ["reader", "leaves", "enters"],
    "calendars": ["name", "holidays"],
    "schedules": ["name", "time zone", "hours", "calendar", "on holidays"],
    "lockdowns": ["zone", "since", "by", "reason"],
    "rules": ["name", "effect", "who", "where", "when", "state"],
}


def when(milliseconds: int | None) -> str:
    """Local time to the second; empty for none."""
    if milliseconds is None:
        return ""
    return moment_of(milliseconds * 1_000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def columns(kind: str) -> list[str | Column]:
    return _COLUMNS[kind]


def row(kind: str, item: dict[str, Any]) -> list[Cell]:
    return _ROWS[kind](item)


def _state(item: dict[str, Any]) -> Cell:
    if not item["enabled"]:
        return Mark("blocked", "red")
    begin, end = when(item.get("valid_from")), when(item.get("valid_until"))
    return " ".join(filter(None, [begin and f"from {begin}", end and f"until {end}"])) or "valid"


def _hours(hours: list[dict[str, Any]]) -> str:
    return "; ".join(f"{' '.join(_DAYS[day] for day in each['days'])} {each['start']}-{each['end']}" for each in hours)


def _holder(item: dict[str, Any]) -> list[Cell]:
    cards = ", ".join(f"…{card['last4']}" for card in item["cards"])
    return [item["id"], item["name"], ", ".join(item["groups"]), _state(item), cards, item["zone"], item["note"]]


def _card(item: dict[str, Any]) -> list[Cell]:
    shown = f"…{item['last4']}"
    return [shown, item["holder"], item["holder_name"], item["label"], _state(item), item["id"]]


def _zone(item: dict[str, Any]) -> list[Cell]:
    return [item["name"], item["anti_passback"], f"{item['reset_after'] / 3_600:g} h", item["limit"], item["note"]]


def _calendar(item: dict[str, Any]) -> list[Cell]:
    days = ((day["date"], " yearly" if day["yearly"] else "", day["name"]) for day in item["holidays"])
    return [item["name"], "; ".join(f"{date}{yearly} {name}".rstrip() for date, yearly, name in days)]


def _schedule(item: dict[str, Any]) -> list[Cell]:
    return [item["name"], item["time_zone"], _hours(item["week"]), item["calendar"], _hours(item["on_holidays"])]


def _rule(item: dict[str, Any]) -> list[Cell]:
    who = ", ".join([*item["groups"], *item["holders"]])
    where = ", ".join([*item["readers"], *(zone or "outside" for zone in item["zones"])])
    effect = Mark(item["effect"], "green" if item["effect"] == "allow" else "red")
    return [item["name"], effect, who, where, item["schedule"] or "always", "on" if item["enabled"] else "off"]


_ROWS = {
    "holders": _holder,
    "cards": _card,
    "groups": lambda item: [item["name"], "passes" if item["in_lockdown"] else "", item["note"]],
    "zones": _zone,
    "passages": lambda item: [item["reader"], item["leaves"] or "outside", item["enters"] or "outside"],
    "calendars": _calendar,
    "schedules": _schedule,
    "lockdowns": lambda item: [
        "every zone" if item["zone"] == "*" else item["zone"],
        when(item["since"]),
        item["by"],
        item["reason"],
    ],
    "rules": _rule,
}
