"""What /api/v1/access answers. Times are epoch milliseconds UTC, hours of a day "06:00"."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plantgate.listeners.web.access.wanted import HoursShape, RuleShape
from plantgate.listeners.web.wire import Metadata, milliseconds
from plantgate.model.access import (
    AntiPassback,
    BadRow,
    Calendar,
    Card,
    CardImport,
    Explanation,
    Group,
    Lockdown,
    Passage,
    Presence,
    Ruling,
    Schedule,
    Step,
    Zone,
)


def shown(moment: int | None) -> int | None:
    return None if moment is None else milliseconds(moment)


class CardOfHolder(Struct):
    id: str
    last4: str
    label: str
    enabled: bool


class HolderRow(Struct, kw_only=True):
    """`zone` is where the holder is now, empty if in none, since `since`."""

    id: str
    name: str
    groups: list[str]
    enabled: bool
    valid_from: int | None
    valid_until: int | None
    note: str
    cards: list[CardOfHolder]
    zone: str
    since: int | None
    picture: bool


class CardRow(Struct, kw_only=True):
    id: str
    last4: str
    holder: str
    holder_name: str
    label: str
    enabled: bool
    valid_from: int | None
    valid_until: int | None

    @classmethod
    def of(cls, card: Card, holder_name: str) -> CardRow:
        return cls(
            id=card.id,
            last4=card.last4,
            holder=card.holder,
            holder_name=holder_name,
            label=card.label,
            enabled=card.enabled,
            valid_from=shown(card.valid_from),
            valid_until=shown(card.valid_until),
        )


class ScheduleRow(Struct, kw_only=True):
    name: str
    time_zone: str
    week: list[HoursShape]
    calendar: str
    on_holidays: list[HoursShape]
    note: str

    @classmethod
    def of(cls, schedule: Schedule) -> ScheduleRow:
        return cls(
            name=schedule.name,
            time_zone=schedule.time_zone,
            week=[HoursShape.of(hours) for hours in schedule.week],
            calendar=schedule.calendar,
            on_holidays=[HoursShape.of(hours) for hours in schedule.on_holidays],
            note=schedule.note,
        )


class LockdownRow(Struct):
    zone: str
    since: int
    by: str
    reason: str

    @classmethod
    def of(cls, lockdown: Lockdown) -> LockdownRow:
        return cls(lockdown.zone, milliseconds(lockdown.since), lockdown.by, lockdown.reason)


class HolderRows(Struct):
    items: list[HolderRow]
    metadata: Metadata
    revision: int


class CardRows(Struct):
    items: list[CardRow]
    metadata: Metadata
    revision: int


class GroupRows(Struct):
    items: list[Group]
    metadata: Metadata
    revision: int


class ZoneRows(Struct):
    items: list[Zone]
    metadata: Metadata
    revision: int


class PassageRows(Struct):
    items: list[Passage]
    metadata: Metadata
    revision: int


class CalendarRows(Struct):
    items: list[Calendar]
    metadata: Metadata
    revision: int


class ScheduleRows(Struct):
    items: list[ScheduleRow]
    metadata: Metadata
    revision: int


class LockdownRows(Struct):
    items: list[LockdownRow]
    metadata: Metadata
    revision: int


class RuleRows(Struct):
    items: list[RuleShape]
    metadata: Metadata
    revision: int


class Changed(Struct):
    """The revision of the access data after a change."""

    revision: int


class Enrolled(Struct):
    revision: int
    card: CardRow


class PresenceRow(Struct):
    holder_id: str
    holder: str
    zone: str
    since: int
    reader: str

    @classmethod
    def of(cls, presence: Presence) -> PresenceRow:
        return cls(presence.holder_id, presence.holder, presence.zone, milliseconds(presence.since), presence.reader)


class ZoneNow(Struct):
    """`locked` also when everything is; `limit` None is any number."""

    zone: str
    inside: int
    limit: int | None
    locked: bool
    anti_passback: AntiPassback


class PresenceRows(Struct):
    items: list[PresenceRow]
    zones: list[ZoneNow]


class StepShape(Struct):
    """`passed` null is a check that did not apply."""

    check: str
    passed: bool | None
    text: str

    @classmethod
    def of(cls, step: Step) -> StepShape:
        return cls(step.check, step.passed, step.text)


class RulingShape(Struct):
    verdict: str
    why: str
    reason: str
    rule: str

    @classmethod
    def of(cls, ruling: Ruling) -> RulingShape:
        return cls(ruling.verdict, ruling.why, ruling.reason, ruling.rule)


class ExplanationShape(Struct, kw_only=True):
    reader: str
    at: int
    verdict: str
    why: str
    reason: str
    rule: str
    card: str
    last4: str
    holder_id: str
    holder: str
    enters: str
    leaves: str
    remark: str
    steps: list[StepShape]

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationShape:
        ruling = explanation.ruling
        return cls(
            reader=explanation.reader,
            at=milliseconds(explanation.at),
            verdict=ruling.verdict,
            why=ruling.why,
            reason=ruling.reason,
            rule=ruling.rule,
            card=ruling.card,
            last4=ruling.last4,
            holder_id=ruling.holder_id,
            holder=ruling.holder,
            enters=ruling.enters,
            leaves=ruling.leaves,
            remark=ruling.remark,
            steps=[StepShape.of(step) for step in explanation.steps],
        )


class WhatIfRow(Struct):
    event: int
    at: int
    reader: str
    last4: str
    holder: str
    before: RulingShape
    after: RulingShape


class WhatIfShape(Struct):
    """`count` events would be decided otherwise, `changed` are the first of them."""

    events: int
    count: int
    changed: list[WhatIfRow]


class ChangeRow(Struct):
    """`what` is added, changed or removed. Cards are known by their hash here."""

    id: int
    revision: int
    at: int
    who: str
    kind: str
    key: str
    what: str
    before: dict[str, Any] | list[str] | None
    after: dict[str, Any] | list[str] | None


class ChangeRows(Struct):
    items: list[ChangeRow]
    metadata: Metadata


class ImportShape(Struct):
    """What an import did, or would do with dry_run."""

    new_cards: int
    changed_cards: int
    unchanged: int
    new_holders: int
    changed_holders: int
    new_groups: int
    revision: int

    @classmethod
    def of(cls, done: CardImport) -> ImportShape:
        return cls(
            done.new_cards,
            done.changed_cards,
            done.unchanged,
            done.new_holders,
            done.changed_holders,
            done.new_groups,
            done.revision,
        )


class BadRowShape(Struct):
    """`line` counts from 1, the header is line 1."""

    line: int
    column: str
    message: str

    @classmethod
    def of(cls, row: BadRow) -> BadRowShape:
        return cls(row.line, row.column, row.message)


class ImportProblem(Struct):
    """Problem details of a file with bad rows: nothing was imported. `count` counts also rows that are not listed."""

    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: list[BadRowShape]
    count: int
    type: str = "about:blank"


class JournalCheckShape(Struct):
    ok: bool
    entries: int
    head_id: int
    head: str
    first_broken: int | None
    text: str
