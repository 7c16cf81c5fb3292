"""When an alarm is active: one closure for each alarm, made once.

`judge(value, active, setpoint)` says whether the alarm holds for `value`, or None where that can't be said: no number
for a limit, not a number (NaN). While it is `active` a value must come back by the deadband before it no longer holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from plantgate.model.alarm import AlarmDefinition, AlarmMode
from plantgate.model.range import Bounds, DeadbandMode
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Scalar

Judge: TypeAlias = Callable[[Scalar, bool, Scalar], bool | None]

_INFINITE: Final = float("inf")
_LOW_ENDS = frozenset({Bounds.LOW, Bounds.BOTH})
_HIGH_ENDS = frozenset({Bounds.HIGH, Bounds.BOTH})


def judge_of(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    """For every mode but any_change; that of bad_quality is given whether the quality is bad."""
    return _MAKERS[alarm.mode](alarm, tag)


def band_of(alarm: AlarmDefinition, tag: TagDefinition) -> float:
    """The deadband in units of the tag; percent of a tag without a range are units."""
    if alarm.deadband_mode is DeadbandMode.ABSOLUTE or tag.low is None or tag.high is None:
        return alarm.deadband
    return alarm.deadband / 100 * (tag.high - tag.low)


def is_number(value: Scalar) -> bool:
    """Whether `value` can be compared with a limit."""
    kind = type(value)
    return (kind is float or kind is int or kind is bool) and value == value  # noqa: PLR0124 - NaN differs from itself


def _above(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    band, with_setpoint = band_of(alarm, tag), alarm.inclusive in _LOW_ENDS

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if not is_number(value) or not is_number(setpoint):
            return None
        if with_setpoint and value == setpoint:
            return True
        return value > (setpoint - band if active else setpoint)  # type: ignore[operator]  # both are numbers

    return judge


def _below(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    band, with_setpoint = band_of(alarm, tag), alarm.inclusive in _HIGH_ENDS

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if not is_number(value) or not is_number(setpoint):
            return None
        if with_setpoint and value == setpoint:
            return True
        return value < (setpoint + band if active else setpoint)  # type: ignore[operator]  # both are numbers

    return judge


def _equal(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    band = band_of(alarm, tag)

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if setpoint is None or value != value:  # noqa: PLR0124 - NaN
            return None
        if value == setpoint:
            return True
        return (
            active and is_number(value) and is_number(setpoint) and abs(value - setpoint) < band  # type: ignore[operator]
        )

    return judge


def _not_equal(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        return None if setpoint is None or value != value else value != setpoint  # noqa: PLR0124 - NaN

    return judge


def _between(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    low, high, band = _open(alarm.low, -_INFINITE), _open(alarm.high, _INFINITE), band_of(alarm, tag)
    with_low, with_high = alarm.inclusive in _LOW_ENDS, alarm.inclusive in _HIGH_ENDS

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if not is_number(value):
            return None
        if low < value < high or (with_low and value == low) or (with_high and value == high):  # type: ignore[operator]
            return True
        return active and low - band < value < high + band  # type: ignore[operator]

    return judge


def _outside(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    with_low, with_high = alarm.inclusive in _LOW_ENDS, alarm.inclusive in _HIGH_ENDS
    return _beyond(alarm.low, alarm.high, band_of(alarm, tag), with_low, with_high)


def _out_of_range(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    return _beyond(tag.low, tag.high, band_of(alarm, tag), with_low=False, with_high=False)


def _beyond(low_end: float | None, high_end: float | None, band: float, with_low: bool, with_high: bool) -> Judge:
    """`with_low` and `with_high`: a value at that end is beyond it."""
    low, high = _open(low_end, -_INFINITE), _open(high_end, _INFINITE)

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if not is_number(value):
            return None
        if value < low or value > high or (with_low and value == low) or (with_high and value == high):  # type: ignore[operator]
            return True
        return active and (value < low + band or value > high - band)  # type: ignore[operator]

    return judge


def _bit(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    position = alarm.bit

    def judge(value: Scalar, active: bool, setpoint: Scalar) -> bool | None:
        if not isinstance(value, int | float) or value != value or abs(value) == _INFINITE:  # noqa: PLR0124 - NaN
            return None
        return bool(int(value) >> position & 1)

    return judge


def _true(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    return lambda value, active, setpoint: value != 0 if is_number(value) else None


def _false(alarm: AlarmDefinition, tag: TagDefinition) -> Judge:
    return lambda value, active, setpoint: value == 0 if is_number(value) else None


def _open(end: float | None, infinite: float) -> float:
    return infinite if end is None else end


_MAKERS: Final[dict[AlarmMode, Callable[[AlarmDefinition, TagDefinition], Judge]]] = {
    AlarmMode.EQUAL: _equal,
    AlarmMode.NOT_EQUAL: _not_equal,
    AlarmMode.ABOVE: _above,
    AlarmMode.BELOW: _below,
    AlarmMode.BETWEEN: _between,
    AlarmMode.OUTSIDE: _outside,
    AlarmMode.OUT_OF_RANGE: _out_of_range,
    AlarmMode.BAD_QUALITY: _true,
    AlarmMode.BIT: _bit,
    AlarmMode.ON_CONDITION: _true,
    AlarmMode.WHEN_TRUE: _true,
    AlarmMode.WHEN_FALSE: _false,
}
