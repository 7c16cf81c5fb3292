"""What is wrong with access data, in sentences: each item by itself, and what it refers to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from plantgate.access.cardkey import CARD_ID
from plantgate.access.schedules import DAY_MINUTES, holiday_date, time_zone
from plantgate.config.problems import did_you_mean
from plantgate.limits import (
    ACCESS_CARDS,
    ACCESS_HOLDERS,
    ACCESS_LIST,
    ACCESS_NAME_CHARS,
    ACCESS_NAMES,
    ACCESS_NOTE_CHARS,
    ACCESS_RULES,
)
from plantgate.model.access import (
    EVERYWHERE,
    OUTSIDE,
    AccessItem,
    AccessKind,
    Calendar,
    Card,
    Group,
    Holder,
    Hours,
    Lockdown,
    Passage,
    Rule,
    Schedule,
    Zone,
)

GROUP_SEPARATOR: Final = "|"
"""Between the groups of a holder in a CSV file, so in no group's name."""
LAST_MOMENT: Final = 253_370_592_000_000_000
"""9998-12-30, microseconds UTC: every time zone can still show it."""
_RESET_SECONDS: Final = 366 * 86_400.0
_BY_KEY: Final = {AccessKind.HOLDERS: ACCESS_HOLDERS, AccessKind.CARDS: ACCESS_CARDS, AccessKind.RULES: ACCESS_RULES}
_NOTE_LINES: Final = re.compile(r"[\n\r\t]")


class Draft(Protocol):
    """Access data while it is being changed: the items of a kind by their keys."""

    def items(self, kind: AccessKind) -> Mapping[str, Any]: ...


def item_faults(item: AccessItem | Rule, draft: Draft, readers: Collection[str] | None) -> Iterator[str]:
    """What is wrong with one item that is new or changed. `readers` are the configured ones, None if nobody knows."""
    yield from _FAULTS[type(item)](item, draft, readers)


def kind_faults(kind: AccessKind, keys: Collection[str]) -> Iterator[str]:
    """What is wrong with all of a kind together: too many, or names that people can't tell apart."""
    most = _BY_KEY.get(kind, ACCESS_NAMES)
    if len(keys) > most:
        yield f"{kind}: {len(keys):,} are more than the {most:,} that a gateway keeps"
    if kind in {AccessKind.HOLDERS, AccessKind.CARDS}:
        return  # numbers of the site's own; folding 100,000 of them at every change is dear
    for folded, count in Counter(key.casefold() for key in keys).items():
        if count > 1:
            alike = sorted(key for key in keys if key.casefold() == folded)
            yield f"{kind}: {' and '.join(alike)} differ in upper and lower case only"


def reference_faults(removed: Mapping[AccessKind, Collection[str]], draft: Draft) -> Iterator[str]:
    """What still refers to something that is gone."""
    for kind, keys in removed.items():
        for user_kind, refers in _REFERENCES.get(kind, ()):
            users: dict[str, list[str]] = {}
            for user in draft.items(user_kind).values():
                for key in refers(user):
                    if key in keys:
                        users.setdefault(key, []).append(_called(user))
            for key, names in users.items():
                more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
                yield f"{kind}.{key} is still used by {user_kind}: {', '.join(names[:3])}{more}"


_REFERENCES: Final[dict[AccessKind, tuple[tuple[AccessKind, Callable[[Any], Iterable[str]]], ...]]] = {
    AccessKind.HOLDERS: (
        (AccessKind.CARDS, lambda card: (card.holder,)),
        (AccessKind.RULES, lambda rule: rule.holders),
    ),
    AccessKind.GROUPS: (
        (AccessKind.HOLDERS, lambda holder: holder.groups),
        (AccessKind.RULES, lambda rule: rule.groups),
    ),
    AccessKind.ZONES: (
        (AccessKind.PASSAGES, lambda passage: (passage.enters, passage.leaves)),
        (AccessKind.RULES, lambda rule: rule.zones),
        (AccessKind.LOCKDOWNS, lambda lockdown: (lockdown.zone,)),
    ),
    AccessKind.CALENDARS: ((AccessKind.SCHEDULES, lambda schedule: (schedule.calendar,)),),
    AccessKind.SCHEDULES: ((AccessKind.RULES, lambda rule: (rule.schedule,)),),
}


def _called(item: AccessItem | Rule) -> str:
    if isinstance(item, Card):
        return f"…{item.last4}"
    if isinstance(item, Passage):
        return item.reader
    return item.zone if isinstance(item, Lockdown) else item.name


# --- one item -------------------------------------------------------------------------------------------


def _holder(holder: Holder, draft: Draft, _: Collection[str] | None) -> Iterator[str]:
    where = f"holders.{holder.id}"
    yield from _text(f"{where}: the id", holder.id)
    yield from _text(f"{where}: the name", holder.name)
    yield from _note(where, holder.note)
    yield from _dates(where, holder.valid_from, holder.valid_until)
    yield from _known(where, "group", holder.groups, draft.items(AccessKind.GROUPS))


def _card(card: Card, draft: Draft, _: Collection[str] | None) -> Iterator[str]:
    where = f"cards.…{card.last4}"
    if not CARD_ID.match(card.id):
        yield f"{where}: its id is not the keyed hash of a card (32 hex digits)"
    if not (len(card.last4) <= 4 and card.last4.isprintable()):
        yield f"{where}: last4 is at most four printable characters"
    yield from _note(f"{where}: the label", card.label, ACCESS_NAME_CHARS)
    yield from _dates(where, card.valid_from, card.valid_until)
    if card.holder not in draft.items(AccessKind.HOLDERS):  # no look for a similar one among 100,000
        yield f"{where}: there is no holder {card.holder}"


def _group(group: Group, _: Draft, __: Collection[str] | None) -> Iterator[str]:
    yield from _text(f"groups.{group.name}: the name", group.name)
    yield from _note(f"groups.{group.name}", group.note)
    if GROUP_SEPARATOR in group.name:
        yield f'groups.{group.name}: "{GROUP_SEPARATOR}" separates groups in a CSV file and can\'t be in a name'


def _zone(zone: Zone, _: Draft, __: Collection[str] | None) -> Iterator[str]:
    where = f"zones.{zone.name}"
    yield from _text(f"{where}: the name", zone.name)
    yield from _note(where, zone.note)
    if not 1 <= zone.reset_after <= _RESET_SECONDS:
        yield f"{where}: reset_after is from 1 second to 366 days"
    if zone.limit is not None and zone.limit < 0:
        yield f"{where}: the limit of people can't be below 0"


def _passage(passage: Passage, draft: Draft, readers: Collection[str] | None) -> Iterator[str]:
    where = f"passages.{passage.reader}"
    yield from _text(f"{where}: the reader", passage.reader)
    if readers is not None:
        yield from _known(where, "reader", (passage.reader,), readers)
    yield from _known(where, "zone", (passage.enters, passage.leaves), draft.items(AccessKind.ZONES), OUTSIDE)
    if passage.enters == passage.leaves:
        yield f"{where}: it enters what it leaves ({passage.enters or 'outside'})"


def _calendar(calendar: Calendar, _: Draft, __: Collection[str] | None) -> Iterator[str]:
    where = f"calendars.{calendar.name}"
    yield from _text(f"{where}: the name", calendar.name)
    yield from _length(where, "holidays", calendar.holidays)
    for holiday in calendar.holidays:
        if holiday_date(holiday) is None:
            yield f"{where}: {holiday.date!r} is not a date (YYYY-MM-DD)"
        yield from _note(f"{where}: the name of {holiday.date}", holiday.name, ACCESS_NAME_CHARS)


def _schedule(schedule: Schedule, draft: Draft, _: Collection[str] | None) -> Iterator[str]:
    where = f"schedules.{schedule.name}"
    yield from _text(f"{where}: the name", schedule.name)
    yield from _note(where, schedule.note)
    if time_zone(schedule.time_zone) is None:
        yield f"{where}: time zone {schedule.time_zone!r} is not known on this host; names are such as Europe/Berlin"
    yield from _known(where, "calendar", (schedule.calendar,), draft.items(AccessKind.CALENDARS), "")
    for hours in (schedule.week, schedule.on_holidays):
        yield from _length(where, "hours", hours)
        for each in hours:
            yield from _hours(where, each)
    if schedule.on_holidays and not schedule.calendar:
        yield f"{where}: hours on holidays need a calendar that says when those are"


def _hours(where: str, hours: Hours) -> Iterator[str]:
    if not hours.days or len(set(hours.days)) != len(hours.days) or not all(0 <= day <= 6 for day in hours.days):
        yield f"{where}: days are from 0 (Monday) to 6 (Sunday), at least one and each once"
    if not (0 <= hours.start < DAY_MINUTES and 0 <= hours.end <= DAY_MINUTES):
        yield f"{where}: hours are from 00:00 to 24:00"


def _rule(rule: Rule, draft: Draft, readers: Collection[str] | None) -> Iterator[str]:
    where = f"rules.{rule.name}"
    yield from _text(f"{where}: the name", rule.name)
    yield from _note(where, rule.note)
    for what, names in (("groups", rule.groups), ("holders", rule.holders), ("readers", rule.readers)):
        yield from _length(where, what, names)
    if not (rule.groups or rule.holders):
        yield f"{where}: it is for nobody: name groups ({EVERYWHERE} is everybody) or holders"
    if not (rule.readers or rule.zones):
        yield f"{where}: it is for no place: name readers or zones ({EVERYWHERE} is every one)"
    yield from _known(where, "group", rule.groups, draft.items(AccessKind.GROUPS), EVERYWHERE)
    holders = draft.items(AccessKind.HOLDERS)
    yield from (f"{where}: there is no holder {holder}" for holder in rule.holders if holder not in holders)
    if readers is not None:
        yield from _known(where, "reader", rule.readers, readers, EVERYWHERE)
    yield from _known(where, "zone", rule.zones, draft.items(AccessKind.ZONES), EVERYWHERE, OUTSIDE)
    yield from _known(where, "schedule", (rule.schedule,), draft.items(AccessKind.SCHEDULES), "")


def _lockdown(lockdown: Lockdown, draft: Draft, _: Collection[str] | None) -> Iterator[str]:
    where = f"lockdowns.{lockdown.zone}"
    yield from _known(where, "zone", (lockdown.zone,), draft.items(AccessKind.ZONES), EVERYWHERE)
    yield from _note(where, lockdown.reason)
    yield from _note(f"{where}: who", lockdown.by, ACCESS_NAME_CHARS)
    yield from _dates(where, lockdown.since, None)


_FAULTS: Final[dict[type, Callable[[Any, Draft, Collection[str] | None], Iterator[str]]]] = {
    Holder: _holder,
    Card: _card,
    Group: _group,
    Zone: _zone,
    Passage: _passage,
    Calendar: _calendar,
    Schedule: _schedule,
    Rule: _rule,
    Lockdown: _lockdown,
}


# --- pieces ---------------------------------------------------------------------------------------------


def _text(what: str, text: str) -> Iterator[str]:
    if not text or text != text.strip() or not text.isprintable() or len(text) > ACCESS_NAME_CHARS:
        yield f"{what} is from 1 to {ACCESS_NAME_CHARS} printable characters without blanks around them"
    elif text == EVERYWHERE:
        yield f'{what} can\'t be "{EVERYWHERE}", which means every one'


def _note(where: str, note: str, most: int = ACCESS_NOTE_CHARS) -> Iterator[str]:
    if len(note) > most:
        yield f"{where}: {len(note):,} characters are more than the {most:,} that are kept"
    elif not note.isprintable() and not _NOTE_LINES.sub("", note).isprintable():
        yield f"{where}: it has characters that can't be shown"


def _dates(where: str, valid_from: int | None, valid_until: int | None) -> Iterator[str]:
    for moment in (valid_from, valid_until):
        if moment is not None and not 0 <= moment <= LAST_MOMENT:
            yield f"{where}: a date is from 1970 to 9998"
            return
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        yield f"{where}: it ends before it begins"


def _known(where: str, what: str, names: Iterable[str], known: Collection[str], *also: str) -> Iterator[str]:
    names = tuple(names)
    yield from _length(where, f"{what}s", names)
    for name in names[:ACCESS_LIST]:
        if name not in known and name not in also:
            yield f"{where}: there is no {what} {name or 'without a name'}{did_you_mean(name, known)}"


def _length(where: str, what: str, entries: Collection[object]) -> Iterator[str]:
    if len(entries) > ACCESS_LIST:
        yield f"{where}: {len(entries):,} {what} are more than the {ACCESS_LIST:,} that one can have"
