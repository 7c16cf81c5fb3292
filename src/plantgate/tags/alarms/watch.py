"""One alarm's state over time, as a pure state machine: values and times in, active or not out.

A bad value neither raises nor clears an alarm, except in mode bad_quality: what was so stays so, and a delay that ran
begins anew with the next good value, because nobody knows whether the state lasted.
"""

from __future__ import annotations

from typing import Final

from plantgate.model.alarm import AlarmDefinition, AlarmMode
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Scalar
from plantgate.tags.alarms.conditions import Judge, band_of, is_number, judge_of

_BAD: Final = int(Quality.BAD)
# What a tag has before its first value says nothing about the plant.
_INITIAL: Final = int(Quality.UNCERTAIN_INITIAL_VALUE)


class Watch:
    """`active` is the state; `value` the last one that was judged; `due` (mono seconds) when a delay that runs ends.

    Before a value is taken, `pass_time` tells what the time until then has brought.
    """

    __slots__ = ("_active_delay", "_by_quality", "_clear_delay", "_judge", "active", "due", "setpoint", "value")

    def __init__(self, alarm: AlarmDefinition, tag: TagDefinition, *, active: bool = False) -> None:
        self._judge: Judge = judge_of(alarm, tag)
        self._active_delay, self._clear_delay = alarm.active_delay, alarm.clear_delay
        self._by_quality = alarm.mode is AlarmMode.BAD_QUALITY
        self.setpoint = alarm.setpoint
        self.active = active
        self.value: Scalar = None
        self.due: float | None = None

    def take(self, value: Scalar, quality: int, mono: float) -> bool:
        """True if `active` is another one now."""
        if self._by_quality:
            holds = None if quality == _INITIAL else quality >= _BAD
        elif quality >= _BAD or quality == _INITIAL or value is None:
            holds = None
        else:
            holds = self._judge(value, self.active, self.setpoint)
        if holds is None:
            self.due = None
            return False
        self.value = value
        if holds is self.active:
            self.due = None
            return False
        delay = self._active_delay if holds else self._clear_delay
        if delay <= 0:
            self.active, self.due = holds, None
            return True
        if self.due is None:
            self.due = mono + delay
        return False

    def pass_time(self, mono: float) -> bool:
        """True if `active` is another one now: since the time that was `due`."""
        if self.due is None or mono < self.due:
            return False
        self.active, self.due = not self.active, None
        return True


class ChangeWatch:
    """The same for mode any_change: each change is one alarm, active and clear in one."""

    __slots__ = ("_band", "value")

    def __init__(self, alarm: AlarmDefinition, tag: TagDefinition) -> None:
        self._band = band_of(alarm, tag)
        self.value: Scalar = None

    def take(self, value: Scalar, quality: int) -> bool:
        """True if `value` is another one than the good one before. The first value of all is none."""
        if quality >= _BAD or quality == _INITIAL or value is None:
            return False
        before = self.value
        if before is None:
            self.value = value
            return False
        if _same(value, before):
            return False
        if self._band > 0 and is_number(value) and is_number(before) and abs(value - before) < self._band:  # type: ignore[operator]
            return False
        self.value = value
        return True


def _same(value: Scalar, before: Scalar) -> bool:
    return value == before or (value != value and before != before)  # noqa: PLR0124 - one NaN is like another
