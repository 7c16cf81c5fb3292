"""What /api/v1/access takes. Times are epoch milliseconds UTC, hours of a day "06:00"; unknown keys are refused.

The names and defaults are those of model/access.py. The key of an item may be left out of the body: it is in the path.
"""

from __future__ import annotations

from msgspec import Struct, convert

from plantgate.model.access import (
    AntiPassback,
    Calendar,
    Card,
    Effect,
    Group,
    Holder,
    Holiday,
    Hours,
    Passage,
    Rule,
    Schedule,
    Zone,
)

_DAY_MINUTES = 24 * 60


def microseconds(moment: int | None) -> int | None:
    return None if moment is None else moment * 1_000


class HolderIn(Struct, kw_only=True, forbid_unknown_fields=True):
    id: str
    name: str
    groups: list[str] = []
    enabled: bool = True
    valid_from: int | None = None
    valid_until: int | None = None
    note: str = ""

    def item(self) -> Holder:
        return Holder(
            id=self.id,
            name=self.name,
            groups=tuple(self.groups),
            enabled=self.enabled,
            valid_from=microseconds(self.valid_from),
            valid_until=microseconds(self.valid_until),
            note=self.note,
        )


class CardIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """A new card by `credential`, as its reader tells it (it is not kept), or a known one by `id`, its keyed hash."""

    holder: str
    id: str = ""
    credential: str = ""
    label: str = ""
    enabled: bool = True
    valid_from: int | None = None
    valid_until: int | None = None

    def item(self, card: str, last4: str) -> Card:
        return Card(
            id=card,
            last4=last4,
            holder=self.holder,
            label=self.label,
            enabled=self.enabled,
            valid_from=microseconds(self.valid_from),
            valid_until=microseconds(self.valid_until),
        )


class GroupIn(Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    note: str = ""
    in_lockdown: bool = False

    def item(self) -> Group:
        return Group(name=self.name, note=self.note, in_lockdown=self.in_lockdown)


class ZoneIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """`reset_after` is seconds."""

    name: str
    anti_passback: AntiPassback = AntiPassback.OFF
    reset_after: float = 12 * 3_600.0
    limit: int | None = None
    note: str = ""

    def item(self) -> Zone:
        return convert(self, Zone, from_attributes=True)


class PassageIn(Struct, kw_only=True, forbid_unknown_fields=True):
    reader: str
    enters: str = ""
    leaves: str = ""

    def item(self) -> Passage:
        return Passage(reader=self.reader, enters=self.enters, leaves=self.leaves)


class HolidayShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """`date` is YYYY-MM-DD."""

    date: str
    name: str = ""
    yearly: bool = False


class CalendarIn(Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    holidays: list[HolidayShape] = []

    def item(self) -> Calendar:
        return Calendar(
            name=self.name,
            holidays=tuple(Holiday(date=day.date, name=day.name, yearly=day.yearly) for day in self.holidays),
        )


class HoursShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """`days` are 0 Monday to 6 Sunday; `start` and `end` are "06:00"; an `end` not after `start` is past midnight."""

    days: list[int]
    start: str
    end: str

    def item(self) -> Hours:
        """Raises ValueError that says what is wrong."""
        return Hours(days=tuple(self.days), start=_minutes(self.start), end=_minutes(self.end))

    @classmethod
    def of(cls, hours: Hours) -> HoursShape:
        return cls(days=list(hours.days), start=_clock(hours.start), end=_clock(hours.end))


class ScheduleIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """`time_zone` is an IANA name such as Europe/Vienna."""

    name: str
    time_zone: str
    week: list[HoursShape] = []
    calendar: str = ""
    on_holidays: list[HoursShape] = []
    note: str = ""

    def item(self) -> Schedule:
        """Raises ValueError for hours that no clock shows."""
        return Schedule(
            name=self.name,
            time_zone=self.time_zone,
            week=tuple(hours.item() for hours in self.week),
            calendar=self.calendar,
            on_holidays=tuple(hours.item() for hours in self.on_holidays),
            note=self.note,
        )


class RuleShape(Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    effect: Effect = Effect.ALLOW
    groups: list[str] = []
    holders: list[str] = []
    readers: list[str] = []
    zones: list[str] = []
    schedule: str = ""
    enabled: bool = True
    note: str = ""

    def item(self) -> Rule:
        return convert(self, Rule, from_attributes=True)

    @classmethod
    def of(cls, rule: Rule) -> RuleShape:
        return convert(rule, cls, from_attributes=True)


class RulesIn(Struct, forbid_unknown_fields=True):
    """All rules, in the order in which they are tried."""

    items: list[RuleShape]


class EnrolIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """`event` is the id of a badge event that was denied because its card is unknown."""

    event: int
    holder: str
    label: str = ""


class ForgiveIn(Struct, forbid_unknown_fields=True):
    holder: str


class LockdownIn(Struct, forbid_unknown_fields=True):
    """`zone` is a name, "*" all of them."""

    zone: str
    reason: str = ""


class ReleaseIn(Struct, forbid_unknown_fields=True):
    zone: str


class WhatIfIn(Struct, forbid_unknown_fields=True):
    rules: list[RuleShape]
    days: float = 7.0


def _minutes(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(hours) <= 2 and len(minutes) == 2):
        raise ValueError(f"{text[:20]!r} is no time of a day: write 06:00")
    moment = 60 * int(hours) + int(minutes)
    if int(minutes) > 59 or moment > _DAY_MINUTES:
        raise ValueError(f"{text[:20]!r} is no time of a day: 00:00 to 24:00")
    return moment


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
