"""Alarms of a [[tag]]: `alarms = [{ name = "High", mode = "above", setpoint = 80 }]`, or sections [[tag.alarms]]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct, ValidationError, convert

from plantgate.config.fields import Entry, read_entry, rules_of
from plantgate.config.problems import Problems, shown
from plantgate.config.tags.document import NotNegative, TagEntry
from plantgate.config.tags.values import initial_value
from plantgate.config.units import duration_text, parse_duration
from plantgate.limits import TAG_ALARMS
from plantgate.model.alarm import AckMode, AlarmDefinition, AlarmMode, Priority
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import path_problem
from plantgate.model.value import INTEGER_BITS, DataType, Scalar

LONGEST_DELAY = 7 * 86_400.0
Delay: TypeAlias = Annotated[
    float,
    Meta(ge=0, le=LONGEST_DELAY, extra={"read": parse_duration, "words": 'a time with its unit, "5s", at most "7d"'}),
]


class PriorityName(StrEnum):
    """As files and the HTTP API name them; the numbers are those of `Priority`."""

    DIAGNOSTIC = "diagnostic"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AlarmEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `alarms` as it is written; see `AlarmDefinition`. The order of the keys is that of files that we write."""

    name: str
    mode: AlarmMode
    priority: PriorityName = PriorityName.LOW
    setpoint: Scalar = None
    low: float | None = None
    high: float | None = None
    inclusive: Bounds = Bounds.BOTH
    bit: Annotated[int, Meta(ge=0, le=63)] | None = None
    expression: str = ""
    deadband: NotNegative = 0.0
    deadband_mode: DeadbandMode = DeadbandMode.ABSOLUTE
    active_delay: Delay = 0.0
    clear_delay: Delay = 0.0
    ack: AckMode = AckMode.MANUAL
    ack_note_required: bool = False
    shelvable: bool = True
    enabled: bool = True
    label: str = ""
    notes: str = ""


_DELAYS = ("active_delay", "clear_delay")
_ORDER = {key: place for place, key in enumerate(rules_of(AlarmEntry))}
_DEFAULTS = AlarmEntry(name="", mode=AlarmMode.EQUAL)
_PRIORITIES = {PriorityName(priority.label): priority for priority in Priority}
# What a mode compares with, of which it needs one, and what else means something for it.
_NEEDED: Mapping[AlarmMode, tuple[str, ...]] = {
    **dict.fromkeys(
        (AlarmMode.EQUAL, AlarmMode.NOT_EQUAL, AlarmMode.ABOVE, AlarmMode.BELOW), ("setpoint", "expression")
    ),
    **dict.fromkeys((AlarmMode.BETWEEN, AlarmMode.OUTSIDE), ("low", "high")),
    AlarmMode.BIT: ("bit",),
    AlarmMode.ON_CONDITION: ("expression",),
}
_BAND = ("deadband", "deadband_mode")
_ALLOWED: Mapping[AlarmMode, tuple[str, ...]] = {
    **dict.fromkeys((AlarmMode.EQUAL, AlarmMode.OUT_OF_RANGE, AlarmMode.ANY_CHANGE), _BAND),
    **dict.fromkeys((AlarmMode.ABOVE, AlarmMode.BELOW, AlarmMode.BETWEEN, AlarmMode.OUTSIDE), ("inclusive", *_BAND)),
}
MODE_KEYS = frozenset({"setpoint", "low", "high", "bit", "expression", "inclusive", *_BAND})
_EXAMPLES = {
    "setpoint": "write setpoint = 80",
    "low": "write low = 10, high = 90 or both",
    "bit": "write bit = 0",
    "expression": 'write expression = "{[.]Running} && {[.]Speed} < 5"',
}
_NUMBERS_ONLY = frozenset(
    {AlarmMode.ABOVE, AlarmMode.BELOW, AlarmMode.BETWEEN, AlarmMode.OUTSIDE, AlarmMode.OUT_OF_RANGE}
)


def keys_of(mode: AlarmMode) -> frozenset[str]:
    """The keys of MODE_KEYS that mean something for `mode`."""
    return frozenset({*_NEEDED.get(mode, ()), *_ALLOWED.get(mode, ())})


def read_alarms(tag: TagEntry, entry: Entry, label: str, problems: Problems) -> tuple[AlarmDefinition, ...] | None:
    """The alarms of one tag, None when anything in them is wrong. `entry` and `label` are those of the tag."""
    if len(tag.alarms) > TAG_ALARMS:
        where = entry.source("alarms") or entry.where(None)
        what = f"{len(tag.alarms)} alarms; {TAG_ALARMS} are the most that one tag has"
        problems.add("CFG-141", where, f"{label}.alarms", what)
        return None
    found: list[AlarmDefinition] = []
    names: set[str] = set()
    for number, values in enumerate(tag.alarms):
        definition = _Reader(tag, entry, number, label, problems).read(values, names)
        if definition is not None:
            found.append(definition)
    return tuple(found) if len(found) == len(tag.alarms) else None


class _Reader:
    """Reads and checks one alarm; collects what is wrong on the way."""

    def __init__(self, tag: TagEntry, entry: Entry, number: int, label: str, problems: Problems) -> None:
        self._tag = tag
        self._entry = entry
        self._number = number
        self._label = f"{label}.alarms"
        self._problems = problems
        self._good = True

    def read(self, values: object, names: set[str]) -> AlarmDefinition | None:
        """`names` are those of the alarms before this one."""
        if not isinstance(values, Mapping):
            what = f"{shown(values)} is not a table"
            self._problems.add(
                "CFG-141", self._where(None), f"{self._label} #{self._number + 1}", what, "[{ name = ..., mode = ... }]"
            )
            return None
        name = values.get("name")
        self._label += f".{name}" if isinstance(name, str) and name else f" #{self._number + 1}"
        alarm = _fast(values) or read_entry(AlarmEntry, Entry(values, self._where), self._label, self._problems)
        return None if alarm is None else self._checked(alarm, names)

    def _where(self, key: str | None) -> str:
        if "alarms" in self._entry.overrides or self._entry.place is None:
            return self._entry.source("alarms") or self._entry.where(None)
        path: tuple[str | int, ...] = ("alarms", self._number)
        return self._entry.place(path if key is None else (*path, key))

    def _refuse(self, key: str, what: str, hint: str = "") -> None:
        self._good = False
        self._problems.add("CFG-141", self._where(key), f"{self._label}.{key}", what, hint)

    def _checked(self, alarm: AlarmEntry, names: set[str]) -> AlarmDefinition | None:
        self._check_name(alarm.name, names)
        self._check_keys(alarm)
        setpoint = self._check_values(alarm) if self._good else None
        if alarm.deadband and self._good:
            self._check_deadband(alarm)
        if alarm.ack_note_required and alarm.ack is not AckMode.MANUAL:
            self._refuse("ack_note_required", f"means nothing with ack = {alarm.ack}: nobody acknowledges")
        if not self._good:
            return None
        return AlarmDefinition(
            name=alarm.name,
            mode=alarm.mode,
            priority=_PRIORITIES[alarm.priority],
            setpoint=setpoint,
            low=alarm.low,
            high=alarm.high,
            inclusive=alarm.inclusive,
            bit=alarm.bit or 0,
            expression=alarm.expression,
            deadband=alarm.deadband,
            deadband_mode=alarm.deadband_mode,
            active_delay=alarm.active_delay,
            clear_delay=alarm.clear_delay,
            ack=alarm.ack,
            ack_note_required=alarm.ack_note_required,
            shelvable=alarm.shelvable,
            enabled=alarm.enabled,
            label=alarm.label,
            notes=alarm.notes,
        )

    def _check_name(self, name: str, names: set[str]) -> None:
        """Alarms have tags of their own (`.../Alarms/High/Active`): the rule for names is that of tags."""
        if "/" in name or name.startswith("["):
            self._refuse("name", f"{shown(name)} can't be a name: it has a / or begins with [")
        elif (problem := path_problem(name)) is not None:
            self._refuse("name", problem)
        if name in names:
            self._refuse("name", f"the tag already has an alarm {shown(name)}", "give each its own")
        names.add(name)

    def _check_keys(self, alarm: AlarmEntry) -> None:
        mode = alarm.mode
        needed = _NEEDED.get(mode, ())
        given = [key for key in needed if getattr(alarm, key) not in {None, ""}]
        if needed and not given:
            self._refuse(needed[0], f"missing: mode = {mode} needs it", _EXAMPLES[needed[0]])
        if len(given) > 1 and "expression" in given:
            self._refuse("setpoint", "there is an expression, too: which of the two?", "leave one of them out")
        if mode is AlarmMode.ANY_CHANGE:
            for key in _DELAYS:
                if getattr(alarm, key):
                    self._refuse(key, f"means nothing with mode = {mode}: a change does not last")
        for key in sorted(MODE_KEYS - keys_of(mode), key=_ORDER.__getitem__):
            if getattr(alarm, key) != getattr(_DEFAULTS, key):
                self._refuse(key, f"means nothing with mode = {mode}")

    def _check_values(self, alarm: AlarmEntry) -> Scalar:
        """The setpoint as a value of the tag's type. What the mode compares with has to fit the tag."""
        mode, kind = alarm.mode, self._tag.type
        if not _fits(mode, kind):
            self._refuse("mode", f"{mode} is nothing for a tag of type {kind}")
        elif alarm.expression:
            return None
        elif mode in {AlarmMode.EQUAL, AlarmMode.NOT_EQUAL}:
            return self._compared(alarm.setpoint, kind)
        elif mode in {AlarmMode.ABOVE, AlarmMode.BELOW}:
            return self._above_or_below(alarm.setpoint, mode)
        elif mode is AlarmMode.BIT and (alarm.bit or 0) >= INTEGER_BITS[kind]:
            self._refuse("bit", f"{alarm.bit} is not a bit of a tag of type {kind}: 0 to {INTEGER_BITS[kind] - 1}")
        elif mode in {AlarmMode.BETWEEN, AlarmMode.OUTSIDE}:
            self._check_range(alarm)
        elif mode is AlarmMode.OUT_OF_RANGE and self._tag.low is None and self._tag.high is None:
            self._refuse("mode", f"{mode} of what? the tag has no low and high", "give the tag its low, high or both")
        return None

    def _above_or_below(self, setpoint: Scalar, mode: AlarmMode) -> Scalar:
        if isinstance(setpoint, bool) or not isinstance(setpoint, int | float) or _no_end(setpoint):
            self._refuse("setpoint", f"{shown(setpoint)} is not a number to be {mode}")
        return setpoint

    def _compared(self, setpoint: Scalar, kind: DataType) -> Scalar:
        try:
            return initial_value(setpoint, kind, as_text=False)
        except (ValidationError, ValueError, OverflowError):
            self._refuse("setpoint", f"{shown(setpoint)} is not a value of type {kind}")
            return None

    def _check_range(self, alarm: AlarmEntry) -> None:
        low, high = alarm.low, alarm.high
        for key, end in (("low", low), ("high", high)):
            if end is not None and _no_end(end):
                self._refuse(key, f"{end} is no end of a range")
        if low is not None and high is not None and low >= high:
            self._refuse("high", f"{high:g} is not above low, {low:g}")

    def _check_deadband(self, alarm: AlarmEntry) -> None:
        tag, band = self._tag, alarm.deadband
        if not tag.type.is_number:
            self._refuse("deadband", f"only a number has a deadband, not a {tag.type}")
            return
        if _no_end(band):
            self._refuse("deadband", f"{band} is no width of a band")
        if alarm.deadband_mode is DeadbandMode.PERCENT:
            if tag.low is None or tag.high is None:
                self._refuse("deadband_mode", "percent of what? the tag has no low and high")
                return
            if band > 100:
                self._refuse("deadband", f"{band:g} is more than 100 percent")
            band *= (tag.high - tag.low) / 100
        ends = {AlarmMode.OUTSIDE: (alarm.low, alarm.high), AlarmMode.OUT_OF_RANGE: (tag.low, tag.high)}
        low, high = ends.get(alarm.mode, (None, None))
        if low is not None and high is not None and 2 * band >= high - low:
            self._refuse("deadband", f"it would never clear: so wide a band leaves nothing of {low:g} to {high:g}")


def _fast(values: Mapping[str, Any]) -> AlarmEntry | None:
    """The whole alarm in one step, where nothing is wrong with it: a plant has tens of thousands."""
    try:
        for key in _DELAYS:
            if key in values:
                values = {**values, key: parse_duration(values[key])}
        return convert(values, AlarmEntry)
    except (ValidationError, ValueError, AttributeError):  # AttributeError: a delay that is no text
        return None


def _no_end(number: float) -> bool:
    return not -math.inf < number < math.inf


def _fits(mode: AlarmMode, kind: DataType) -> bool:
    if mode in _NUMBERS_ONLY:
        return kind.is_number
    if mode is AlarmMode.BIT:
        return kind in INTEGER_BITS
    if mode in {AlarmMode.WHEN_TRUE, AlarmMode.WHEN_FALSE}:
        return kind is DataType.BOOLEAN or kind.is_number
    return mode not in {AlarmMode.EQUAL, AlarmMode.NOT_EQUAL} or kind.has_history


# user-defined types


def unknown_keys(alarms: object) -> list[tuple[int, str]]:
    """Keys that no alarm has: (number of the alarm, key)."""
    if not isinstance(alarms, Sequence):
        return []
    tables = [(number, alarm) for number, alarm in enumerate(alarms) if isinstance(alarm, Mapping)]
    return [(number, key) for number, alarm in tables for key in alarm if key not in _ORDER]


def merged_alarms(base: object, override: object) -> object:
    """Alarms of a member with what a deeper type or an instance says: by name, key by key, new ones behind.

    With another mode what meant something only for the old one is gone.
    """
    if not isinstance(base, Sequence) or not isinstance(override, Sequence):
        return override
    if not all(isinstance(item, Mapping) for item in (*base, *override)):
        return override
    found: dict[object, Mapping[str, Any]] = {str(alarm.get("name")): alarm for alarm in base}
    for alarm in override:
        before = found.get(name := str(alarm.get("name")), {})
        mode = alarm.get("mode")
        if isinstance(mode, str) and mode in set(AlarmMode):
            gone = MODE_KEYS - keys_of(AlarmMode(mode))
            before = {key: value for key, value in before.items() if key not in gone}
        found[name] = {**before, **alarm}
    return list(found.values())


# writing


def alarm_row(alarm: AlarmDefinition) -> dict[str, Any]:
    """The table that gives `alarm`."""
    written = {key: getattr(alarm, key) for key in _ORDER}
    written["priority"] = alarm.priority.label
    written["bit"] = alarm.bit if alarm.mode is AlarmMode.BIT else None
    for key in _DELAYS:
        written[key] = duration_text(written[key]) if written[key] else 0.0
    return plain_alarm(written)


def plain_alarm(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in their order, texts as such, without those that are defaults."""
    return {
        key: str(values[key]) if isinstance(values[key], str) else values[key]
        for key in sorted(values, key=lambda key: _ORDER.get(key, len(_ORDER)))
        if key in {"name", "mode"} or key not in _ORDER or not _is_default(values[key], getattr(_DEFAULTS, key))
    }


def _is_default(value: object, default: object) -> bool:
    return isinstance(value, bool) is isinstance(default, bool) and value == default


Where: TypeAlias = Callable[[tuple[str | int, ...]], str]


def places_of(alarms: object, where: Where) -> dict[str, str]:
    """Lines of the keys of alarms by `place_key`; `where` is asked with the number of the alarm and the key."""
    if not isinstance(alarms, Sequence):
        return {}
    return {
        place_key(alarms, (number, *key)): where((number, *key))
        for number, alarm in enumerate(alarms)
        if isinstance(alarm, Mapping)
        for key in ((), *((key,) for key in alarm))
    }


def place_key(alarms: Sequence[Any], path: tuple[str | int, ...]) -> str:
    """What a place within alarms is known by, whatever number the alarm has in the end: its name."""
    alarm = alarms[int(path[0])]
    name = alarm.get("name") if isinstance(alarm, Mapping) else path[0]
    return "/".join(["alarms", str(name), *map(str, path[1:])])
