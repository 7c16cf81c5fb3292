"""Who may pass where and when: the data that access decisions are made from, and what a decision says.

Everything is frozen: an edit makes a new `AccessData`, and a decision always sees one whole version of it.
Cards are known by a keyed hash of what the reader tells (`Card.id`, 32 hex digits; the key belongs to the installation)
and shown by the last four characters of it. Times are microseconds UTC; minutes of a day count from local midnight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import Struct

from plantgate.model.badge import AccessVerdict

EVERYWHERE = "*"
"""In place of a name: every reader, every zone, every group."""
OUTSIDE = ""
"""The zone of whoever is in no zone."""


# Holders and cards come in hundreds of thousands and can't be part of a cycle: without `gc=False` every full garbage
# collection would walk through all of them, and hold up whoever stands at a door.


class Holder(Struct, frozen=True, kw_only=True, gc=False):
    """A person (or a truck, a tool): `id` is the personnel number or any other key that the site uses."""

    id: str
    name: str
    groups: tuple[str, ...] = ()
    enabled: bool = True
    valid_from: int | None = None
    valid_until: int | None = None
    note: str = ""


class Card(Struct, frozen=True, kw_only=True, gc=False):
    """`id` is the keyed hash, `last4` what people see; `holder` is a `Holder.id`. It ends just before `valid_until`."""

    id: str
    last4: str
    holder: str
    label: str = ""
    enabled: bool = True
    valid_from: int | None = None
    valid_until: int | None = None


class Group(Struct, frozen=True, kw_only=True):
    """`in_lockdown`: its members pass while a zone is locked down (fire brigade, security)."""

    name: str
    note: str = ""
    in_lockdown: bool = False


class AntiPassback(StrEnum):
    """What happens when somebody who is inside a zone enters it again: nothing, a remark in the journal, a denial."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


class Zone(Struct, frozen=True, kw_only=True):
    """`reset_after` seconds after the entry a presence is forgotten, so that a missed exit locks nobody out for long.

    `limit` is how many people may be inside, None: any number.
    """

    name: str
    anti_passback: AntiPassback = AntiPassback.OFF
    reset_after: float = 12 * 3600.0
    limit: int | None = None
    note: str = ""


class Passage(Struct, frozen=True, kw_only=True):
    """A reader stands between two zones: an accepted badge moves its holder from `leaves` to `enters`."""

    reader: str
    enters: str = OUTSIDE
    leaves: str = OUTSIDE


class Hours(Struct, frozen=True, kw_only=True):
    """On `days` (0 Monday to 6 Sunday) from minute `start` to minute `end`; an `end` <= `start` is past midnight."""

    days: tuple[int, ...]
    start: int
    end: int


class Holiday(Struct, frozen=True, kw_only=True):
    """`date` is YYYY-MM-DD; `yearly` ones come again on that month and day."""

    date: str
    name: str = ""
    yearly: bool = False


class Calendar(Struct, frozen=True, kw_only=True):
    name: str
    holidays: tuple[Holiday, ...] = ()


class Schedule(Struct, frozen=True, kw_only=True):
    """Hours of a week in a time zone (IANA name).

    On a holiday of `calendar` the hours of `on_holidays` count instead; their `days` say on which weekdays.
    """

    name: str
    time_zone: str
    week: tuple[Hours, ...] = ()
    calendar: str = ""
    on_holidays: tuple[Hours, ...] = ()
    note: str = ""


class Effect(StrEnum):
    ALLOW = "allow"
    DENY = "deny"


class Rule(Struct, frozen=True, kw_only=True):
    """The first rule that matches decides; none matching denies.

    It matches if the holder is one of `holders` or in one of `groups` (EVERYWHERE in `groups`: any known holder), the
    reader is one of `readers` or leads into one of `zones` (OUTSIDE: out of a zone), and `schedule` (empty: always) is
    on.
    """

    name: str
    effect: Effect = Effect.ALLOW
    groups: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    schedule: str = ""
    enabled: bool = True
    note: str = ""


class Lockdown(Struct, frozen=True, kw_only=True):
    """Nobody gets into `zone` (EVERYWHERE: into any, or past a reader without a passage). Out of the plant they get."""

    zone: str
    since: int
    by: str
    reason: str = ""


AccessItem: TypeAlias = Holder | Card | Group | Zone | Passage | Calendar | Schedule | Lockdown


class AccessKind(StrEnum):
    """The kinds of things of an `AccessData`, by the names of its fields and of the REST collections."""

    HOLDERS = "holders"
    CARDS = "cards"
    GROUPS = "groups"
    ZONES = "zones"
    PASSAGES = "passages"
    CALENDARS = "calendars"
    SCHEDULES = "schedules"
    LOCKDOWNS = "lockdowns"
    RULES = "rules"


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AccessData:
    """One version of everything; each mapping is by `id`, `name`, `reader` or `zone`. `rules` are in order."""

    revision: int = 0
    holders: Mapping[str, Holder] = field(default_factory=_nothing)
    cards: Mapping[str, Card] = field(default_factory=_nothing)
    groups: Mapping[str, Group] = field(default_factory=_nothing)
    zones: Mapping[str, Zone] = field(default_factory=_nothing)
    passages: Mapping[str, Passage] = field(default_factory=_nothing)
    calendars: Mapping[str, Calendar] = field(default_factory=_nothing)
    schedules: Mapping[str, Schedule] = field(default_factory=_nothing)
    lockdowns: Mapping[str, Lockdown] = field(default_factory=_nothing)
    rules: tuple[Rule, ...] = ()


# Changes: applied together or not at all.


@dataclass(frozen=True, slots=True)
class Put:
    """Add `item`, or replace the one with its key."""

    item: AccessItem


@dataclass(frozen=True, slots=True)
class Remove:
    kind: AccessKind
    key: str


@dataclass(frozen=True, slots=True)
class ReplaceRules:
    """All rules anew, in order."""

    rules: tuple[Rule, ...]


AccessChange: TypeAlias = Put | Remove | ReplaceRules


# Answers.


class Why(StrEnum):
    """The stable word for what decided."""

    RULE = "rule"
    NO_RULE = "no-rule"
    UNKNOWN_CARD = "unknown-card"
    CARD_DISABLED = "card-disabled"
    CARD_NOT_YET_VALID = "card-not-yet-valid"
    CARD_EXPIRED = "card-expired"
    HOLDER_DISABLED = "holder-disabled"
    HOLDER_NOT_YET_VALID = "holder-not-yet-valid"
    HOLDER_EXPIRED = "holder-expired"
    LOCKDOWN = "lockdown"
    ANTI_PASSBACK = "anti-passback"
    ZONE_FULL = "zone-full"
    NO_DATA = "no-data"


@dataclass(frozen=True, slots=True)
class Ruling:
    """`reason` is a sentence for people; `rule` the name of the rule that matched; `enters` the zone beyond the reader.

    `remark` is what was noticed and did not decide (soft anti-passback, no data but accepted as configured).
    """

    verdict: AccessVerdict
    why: Why
    reason: str
    card: str = ""
    last4: str = ""
    holder_id: str = ""
    holder: str = ""
    groups: tuple[str, ...] = ()
    rule: str = ""
    enters: str = OUTSIDE
    leaves: str = OUTSIDE
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One check on the way to a ruling: `passed` None is one that did not apply (a rule for other groups)."""

    check: str
    passed: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    ruling: Ruling
    reader: str
    at: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Presence:
    """`holder_id` is in `zone` since `since`, by the badge at `reader`."""

    holder_id: str
    holder: str
    zone: str
    since: int
    reader: str


@dataclass(frozen=True, slots=True)
class WhatIfChange:
    """An event of the past that proposed data would have decided otherwise."""

    event: int
    at: int
    reader: str
    last4: str
    before: Ruling
    after: Ruling


@dataclass(frozen=True, slots=True)
class WhatIf:
    """`events` of the past were decided anew with the data of now and with the proposed data.

    `count` of them would be decided otherwise; `changed` are the first of those (ACCESS_WHAT_IF_CHANGES).
    """

    events: int
    count: int
    changed: tuple[WhatIfChange, ...]


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """One item that somebody changed: None before it was there, None after it was removed.

    A row of kind RULES without a key tells of a new order: the names of the rules, before and after.
    """

    id: int
    revision: int
    at: int
    who: str
    kind: AccessKind
    key: str
    before: AccessItem | Rule | tuple[str, ...] | None
    after: AccessItem | Rule | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in a CSV file: `line` counts from 1, the header is line 1; `column` is its name in the header."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class CardImport:
    """What an import did, or would do. With `bad` rows it did nothing; `bad_count` counts also those not listed."""

    new_cards: int = 0
    changed_cards: int = 0
    unchanged: int = 0
    new_holders: int = 0
    changed_holders: int = 0
    new_groups: int = 0
    bad: tuple[BadRow, ...] = ()
    bad_count: int = 0
    revision: int = 0
