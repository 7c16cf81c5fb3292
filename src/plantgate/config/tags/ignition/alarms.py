"""Alarms of Ignition's tag export as ours, and back.

Ignition 8.3 manual, tag alarm properties (the names under which its exports write them). An export leaves out what is
a default there: mode Equality, setpoint 0, priority Low, acknowledged by people. A bound property is
`{"bindType": "Expression", "value": "{Limit}"}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from plantgate.config.tags.alarms import LONGEST_DELAY, MODE_KEYS, keys_of, plain_alarm
from plantgate.config.units import duration_text, parse_duration
from plantgate.model.alarm import AlarmMode, Priority
from plantgate.model.tag import path_problem

Row: TypeAlias = dict[str, Any]
Lost: TypeAlias = Callable[[str, str], None]

_MODES: Final[Mapping[str, str]] = {
    "equal": "Equality",
    "not_equal": "Inequality",
    "above": "AboveValue",
    "below": "BelowValue",
    "between": "BetweenValues",
    "outside": "OutsideValues",
    "out_of_range": "OutOfEngRange",
    "bad_quality": "BadQuality",
    "any_change": "AnyChange",
    "bit": "Bit",
    "on_condition": "OnCondition",
    "when_true": "WhenTrue",
    "when_false": "WhenFalse",
}
_WORDS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "mode": ("mode", _MODES),
    "priority": ("priority", {priority.label: priority.label.capitalize() for priority in Priority}),
    "ack": ("ackMode", {"manual": "Manual", "auto": "Auto", "unused": "Unused"}),
    "deadband_mode": ("deadbandMode", {"absolute": "Absolute", "percent": "Percent"}),
}
_SAME: Final[Mapping[str, str]] = {
    "deadband": "deadband",
    "bit": "bitPosition",
    "enabled": "enabled",
    "label": "label",
    "notes": "notes",
    "ack_note_required": "ackNotesReqd",
    "shelvable": "shelvingAllowed",
}
_DELAYS: Final[Mapping[str, str]] = {"active_delay": "timeOnDelaySeconds", "clear_delay": "timeOffDelaySeconds"}
_ONE_END = frozenset({"equal", "not_equal", "above", "below"})
_TWO_ENDS = frozenset({"between", "outside"})
# What is as it is with us, and so says nothing.
_IDLE: Final[Mapping[str, object]] = {
    "timestampSource": "System",
    "bitOnZero": False,
    "anyChange": False,
    "activePipeline": "",
    "clearPipeline": "",
    "ackPipeline": "",
}
_PARAMETER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_ ]*\}")
_CONCATENATED = re.compile(r"""(?:\{[A-Za-z_][A-Za-z0-9_ ]*\}|"[^"\\]*"|'[^'\\]*')(?:\s*\+\s*(?=[{"']|\Z)|\Z)""")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_ '\-:()]")


class _Skip(Exception):  # noqa: N818 - never leaves this module
    """An alarm that would mean something else with us; the text says why it is left out."""


# from Ignition


def from_alarms(given: object, data_type: str, lost: Lost, *, whole: bool) -> list[Row]:
    """Our `alarms`. `lost` is told the property and the reason; as an override (not `whole`) only what is said."""
    if not isinstance(given, list):
        lost("alarms", "no list")
        return []
    found: list[Row] = []
    for number, alarm in enumerate(given):
        name = alarm.get("name") if isinstance(alarm, dict) else None
        if not isinstance(alarm, dict) or not isinstance(name, str) or not name:
            lost(f"alarms #{number + 1}", "an alarm without a name")
            continue
        try:
            found.append(_Alarm(alarm, name, data_type, lost, whole=whole).row())
        except _Skip as reason:
            lost(f"alarms.{name}", f"{reason}: left out")
    return found


class _Alarm:
    def __init__(self, given: Mapping[str, Any], name: str, data_type: str, lost: Lost, *, whole: bool) -> None:
        self._given = given
        self._name = name
        self._data_type = data_type
        self._tell = lost
        self._whole = whole
        self._known = {"name"}

    def row(self) -> Row:
        """Raises _Skip."""
        row: Row = {"name": self._fitting_name()}
        if self._whole:
            row["mode"] = "equal"
        for ours, (theirs, words) in _WORDS.items():
            if (value := self._value(theirs)) is not None:
                row |= self._word(ours, theirs, words, value)
        for ours, theirs in (*_SAME.items(), *_DELAYS.items()):
            if (value := self._value(theirs)) is not None:
                row[ours] = _duration(value) if ours in _DELAYS else value
        row |= self._ends(row.get("mode", ""))
        self._condition(row)
        self._rest()
        return self._meaningful(row)

    def _fitting_name(self) -> str:
        name = _NOT_IN_NAMES.sub("_", self._name)[:256]
        if path_problem(name) is not None:
            name = f"_{name[1:]}"
        if name != self._name:
            self._lost("name", f"a name has letters, digits and _ '-:(): it is {name!r} here")
        return name

    def _lost(self, key: str, reason: str) -> None:
        self._tell(f"alarms.{self._name}.{key}", reason)

    def _value(self, key: str) -> Any:
        """What a property is, a parameter as its {name}; None if it is not there, or bound to something else."""
        self._known.add(key)
        value = self._given.get(key)
        if not isinstance(value, dict):
            return value
        text = _bound_text(value)
        if (plain := _without_concatenation(text)) is not None:
            return plain
        if key in {"setpointA", "setpointB", "mode"}:
            raise _Skip(f"its {key} is computed: {text[:80]}")
        self._lost(key, f"it is computed: {text[:80]}")
        return None

    def _word(self, ours: str, theirs: str, words: Mapping[str, str], value: object) -> Row:
        if isinstance(value, str) and _PARAMETER.fullmatch(value):
            return {ours: value}
        if isinstance(value, int) and ours == "priority" and 0 <= value < len(words):
            return {ours: list(words)[value]}
        found = next((word for word, name in words.items() if name.lower() == str(value).lower()), None)
        if found is not None:
            return {ours: found}
        if ours == "mode":
            raise _Skip(f"mode {value} has no counterpart")
        self._lost(theirs, f"{value} has no counterpart")
        return {}

    def _ends(self, mode: str) -> Row:
        if mode in _ONE_END and (formula := self._setpoint_formula()):
            return {"expression": formula} | self._inclusive(mode)
        first, second = self._value("setpointA"), self._value("setpointB")
        if self._whole and mode in _ONE_END | _TWO_ENDS:
            first = 0 if first is None else first
        if self._whole and mode in _TWO_ENDS:
            second = 0 if second is None else second
        row: Row = {}
        if mode in _TWO_ENDS or second is not None:
            row = {key: end for key, end in (("low", first), ("high", second)) if end is not None}
        elif first is not None:
            row = {"setpoint": self._typed(first) if mode not in {"above", "below"} else first}
        return row | self._inclusive(mode)

    def _setpoint_formula(self) -> str:
        """A setpoint that follows another tag, or an expression; empty if it is plain, or a parameter."""
        bound = self._given.get("setpointA")
        if not isinstance(bound, dict) or _without_concatenation(text := _bound_text(bound)) is not None:
            return ""
        self._known |= {"setpointA", "setpointB"}
        return f"{{{text}}}" if str(bound.get("bindType")).lower() == "tag" else text

    def _typed(self, setpoint: object) -> object:
        """Their setpoints are numbers, also of tags that have none."""
        if self._data_type == "Boolean" and isinstance(setpoint, int | float):
            return bool(setpoint)
        if self._data_type == "String" and not isinstance(setpoint, str):
            return str(setpoint)
        return setpoint

    def _inclusive(self, mode: str) -> Row:
        low, high = self._value("inclusiveA"), self._value("inclusiveB")
        if not self._whole and low is None and high is None:
            return {}
        if mode in _ONE_END:
            return {"inclusive": "none" if low is False else "both"}
        ends = {(True, True): "both", (True, False): "low", (False, True): "high", (False, False): "none"}
        return {"inclusive": ends[low is not False, high is not False]}

    def _condition(self, row: Row) -> None:
        self._known.add("activeCondition")
        if row.get("mode", "on_condition") != "on_condition":
            return
        condition = self._given.get("activeCondition")
        text = _bound_text(condition) if isinstance(condition, dict) else condition
        if isinstance(text, str) and text:
            row["expression"] = text
        elif "mode" in row:
            raise _Skip("it has no condition")

    def _rest(self) -> None:
        if self._given.get("bitOnZero") is True:
            raise _Skip("it is active while a bit is zero")
        for key, value in self._given.items():
            if key not in self._known and (key not in _IDLE or value != _IDLE[key]):
                self._lost(key, "no counterpart")

    def _meaningful(self, row: Row) -> Row:
        """Their alarms keep properties of other modes; ours are refused with such."""
        mode = row.get("mode", "")
        if mode not in _MODES:
            return row
        if mode == "bit":
            row.setdefault("bit", 0)
        if mode == "any_change":
            row["active_delay"] = row["clear_delay"] = 0.0
        if row.get("ack", "manual") != "manual":
            row.pop("ack_note_required", None)
        unknown = MODE_KEYS - keys_of(AlarmMode(mode))
        return plain_alarm({key: value for key, value in row.items() if key not in unknown})


def _bound_text(bound: Mapping[str, Any]) -> str:
    return str(bound.get("value", bound.get("binding", "")))


def _duration(seconds: object) -> object:
    """What is no time of an alarm stays, to be told as what it is."""
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_DELAY:
        return seconds
    return duration_text(float(seconds)) if seconds else "0s"


def _without_concatenation(text: str) -> str | None:
    """`{Area} + " high"` as `{Area} high`; None for any other expression."""
    at, parts = 0, []
    while match := _CONCATENATED.match(text, at):
        part = match[0].rstrip(" +") if match.end() < len(text) else match[0]
        parts.append(part[1:-1] if part[:1] in "\"'" else part)
        at = match.end()
    return "".join(parts) if parts and at == len(text) else None


def settle_overrides(instances: Sequence[Row], types: Sequence[Row]) -> None:
    """What setpointA and inclusiveA of an override mean depends on the mode, which only the type's alarm has."""
    settler = _Settler({str(udt["name"]): udt for udt in types})
    members = (member for udt in types for member in udt.get("member", ()))
    for instance in (*instances, *(member for member in members if "udt" in member)):
        settler.settle(str(instance.get("udt", "")), instance.get("override", {}))


class _Settler:
    def __init__(self, types: Mapping[str, Row]) -> None:
        self._types = types

    def settle(self, name: str, overrides: Mapping[str, Row]) -> None:
        """`overrides` of an instance of type `name`; of instances in it, too."""
        for path, row in overrides.items():
            found = list(self._members(name, path))
            self.settle(next((str(each["udt"]) for each in found if "udt" in each), ""), row.get("override", {}))
            modes = {
                alarm["name"]: alarm["mode"] for each in found for alarm in each.get("alarms", ()) if "mode" in alarm
            }
            for alarm in row.get("alarms", ()):
                if "mode" not in alarm:
                    _settle(alarm, modes.get(alarm["name"], ""))

    def _members(self, name: str, path: str) -> Iterator[Row]:
        """The member as its type and those above define it, the type itself last."""
        above: list[Row] = []
        while name in self._types and len(above) < len(self._types):
            above.append(self._types[name])
            name = str(above[-1].get("extends", ""))
        for udt in reversed(above):
            yield from (member for member in udt.get("member", ()) if member.get("path") == path)


def _settle(alarm: Row, mode: str) -> None:
    if mode in _TWO_ENDS and "setpoint" in alarm:
        alarm["low"] = alarm.pop("setpoint")
    if mode in _ONE_END and "inclusive" in alarm:
        alarm["inclusive"] = "both" if alarm["inclusive"] in {"both", "low"} else "none"


# to Ignition


def to_alarms(rows: Sequence[Any], lost: Lost) -> list[dict[str, Any]]:
    """Ignition's `alarms`. `lost` is told the key and the reason."""
    return [_exported(row, lost) for row in rows if isinstance(row, Mapping)]


def _exported(row: Mapping[str, Any], lost: Lost) -> dict[str, Any]:
    mode = str(row.get("mode", ""))
    node: dict[str, Any] = {"name": row.get("name", "")}
    for ours, (theirs, words) in _WORDS.items():
        if ours in row:
            node[theirs] = words.get(row[ours]) or _bound(row[ours])
    ends = (("setpoint", "setpointA"), ("low", "setpointA"), ("high", "setpointB"))
    node |= {theirs: _bound(row[ours]) for ours, theirs in (*ends, *_SAME.items()) if ours in row}
    for ours, theirs in _DELAYS.items():
        if ours in row:
            node |= _seconds(theirs, row[ours], f"alarms.{node['name']}.{ours}", lost)
    if "inclusive" in row:
        node |= _inclusive(mode, row["inclusive"])
    if "expression" in row:
        of = "setpointA" if mode in _ONE_END else "activeCondition"
        node[of] = {"bindType": "Expression", "value": row["expression"]}
    if mode in _TWO_ENDS and not {"low", "high"} <= row.keys():
        lost(f"alarms.{node['name']}.{'high' if 'low' in row else 'low'}", "Ignition has no open end: it takes 0")
    return node


def _inclusive(mode: str, ends: str) -> dict[str, bool]:
    low, high = ends in {"both", "low"}, ends in {"both", "high"}
    if mode in _ONE_END:
        return {"inclusiveA": high if mode == "below" else low}
    return {"inclusiveA": low, "inclusiveB": high}


def _seconds(theirs: str, text: str, key: str, lost: Lost) -> dict[str, float]:
    try:
        return {theirs: parse_duration(text)}
    except ValueError:
        lost(key, "Ignition has seconds here: a text with a parameter is none")
        return {}


def _bound(value: Any) -> Any:
    """A text with parameters is an expression there."""
    if not isinstance(value, str) or not _PARAMETER.search(value):
        return value
    parts = re.split(rf"({_PARAMETER.pattern})", value)
    texts = [part if _PARAMETER.fullmatch(part) else '"' + part.replace('"', "'") + '"' for part in parts if part]
    return {"bindType": "Expression", "value": " + ".join(texts)}


assert set(_MODES) == set(AlarmMode)
