"""Who is inside, why, what if; and the commands that need no form: enrol, forgive, lock down, release."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS
from plantgate.listeners.web import reply
from plantgate.listeners.web.access import shapes, wanted
from plantgate.listeners.web.access.collections import changed, revision_wanted, rules, tagged
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import origin
from plantgate.listeners.web.wire import Metadata, milliseconds
from plantgate.model.access import EVERYWHERE, AccessData, AccessKind, Lockdown, Put, RecordedChange, Remove
from plantgate.model.badge import JournalEntry

_DAY_MICROSECONDS = 86_400_000_000
_LONGEST_WHAT_IF_DAYS = 366.0
_LAST_MILLISECOND = 253_402_000_000_000  # within the year 9999


async def presence(_: Request, context: WebContext) -> Response:
    data, inside = context.access.data(), context.access.presences()
    counts: dict[str, int] = {}
    for each in inside:
        counts[each.zone] = counts.get(each.zone, 0) + 1
    zones = [
        shapes.ZoneNow(zone.name, counts.get(zone.name, 0), zone.limit, _locked(data, zone.name), zone.anti_passback)
        for zone in data.zones.values()
    ]
    return reply.json(shapes.PresenceRows([shapes.PresenceRow.of(each) for each in inside], zones))


def _locked(data: AccessData, zone: str) -> bool:
    return zone in data.lockdowns or EVERYWHERE in data.lockdowns


async def forgive(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, wanted.ForgiveIn)
    await context.access.forgive(given.holder, origin(request, context))
    return changed(context.access.data())


async def lock_down(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, wanted.LockdownIn)
    by = origin(request, context)
    lockdown = Lockdown(zone=given.zone, since=context.clock.wall(), by=by.actor, reason=given.reason)
    return changed(await context.access.apply([Put(lockdown)], by, revision_wanted(request)))


async def release(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, wanted.ReleaseIn)
    if given.zone not in context.access.data().lockdowns:
        return reply.problem(
            404,
            "Not locked down",
            f"{given.zone[:100]!r} is not locked down",
            "WEB-404",
            "GET /api/v1/access/lockdowns",
        )
    change = Remove(AccessKind.LOCKDOWNS, given.zone)
    return changed(await context.access.apply([change], origin(request, context), revision_wanted(request)))


async def explain(request: Request, context: WebContext) -> Response:
    reader = request.query_params.get("reader", "")
    if not reader:
        raise PeerError("WEB-437", "the query parameter reader is missing", "?reader=entrance&card=047DAE02C84080")
    now = milliseconds(context.clock.wall())
    at = reply.number(request, "at", now, 0, _LAST_MILLISECOND) * 1_000
    card = await _card(request, context)
    return reply.json(shapes.ExplanationShape.of(context.access.explain(reader, card, at)))


async def _card(request: Request, context: WebContext) -> str:
    """The keyed hash of the card that is asked about: by hash, by badge event, by credential, or by its holder."""
    card, holder = request.query_params.get("card", ""), request.query_params.get("holder", "")
    data = context.access.data()
    if card.startswith("#"):
        return (await _event(card.removeprefix("#"), context)).decision.card
    if card:
        return card if card in data.cards else context.access.card_id(card)
    mine = [each for each in data.cards.values() if each.holder == holder]
    if not holder or not mine:
        what = f"holder {holder[:100]!r} has no card" if holder else "card or holder is missing"
        raise PeerError("WEB-438", what, "card=<credential, hash or #event> or holder=<id>")
    return next((each.id for each in mine if each.enabled), mine[0].id)


async def _event(digits: str, context: WebContext) -> JournalEntry:
    number = int(digits) if digits.isdecimal() and len(digits) < 19 else -1
    found = await context.journal.newest(1, number + 1) if number >= 0 else []
    if not found or found[0].id != number:
        raise PeerError("WEB-439", f"there is no badge event {digits[:20]!r}", "GET /api/v1/badge-events")
    return found[0]


async def enrol(request: Request, context: WebContext) -> Response:
    """The card of a badge that was denied as unknown becomes somebody's, without anybody typing its number."""
    given = await reply.body(request, wanted.EnrolIn)
    change = context.access.enrol(await _event(str(given.event), context), given.holder, given.label)
    data = await context.access.apply([change], origin(request, context), revision_wanted(request))
    card = data.cards[msgspec.structs.asdict(change.item)["id"]]
    holder = data.holders.get(card.holder)
    row = shapes.CardRow.of(card, holder.name if holder else "")
    return tagged(shapes.Enrolled(data.revision, row), data.revision)


async def what_if(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, wanted.WhatIfIn)
    if not (math.isfinite(given.days) and 0 < given.days <= _LONGEST_WHAT_IF_DAYS):
        raise PeerError("WEB-440", f"days takes a number above 0 and up to {_LONGEST_WHAT_IF_DAYS:g}", "days: 7")
    since = context.clock.wall() - int(given.days * _DAY_MICROSECONDS)
    found = await context.access.what_if(rules(given.rules), since)
    rows = [
        shapes.WhatIfRow(
            each.event,
            milliseconds(each.at),
            each.reader,
            each.last4,
            each.after.holder or each.before.holder,
            shapes.RulingShape.of(each.before),
            shapes.RulingShape.of(each.after),
        )
        for each in found.changed
    ]
    return reply.json(shapes.WhatIfShape(found.events, found.count, rows))


async def changes(request: Request, context: WebContext) -> Response:
    """Who changed what, newest first; `before` (an id) pages backward."""
    limit = reply.number(request, "limit", 100, 1, PAGE_ROWS)
    before = reply.number(request, "before", 0, 0, 1 << 62)
    found = await context.access.changes(limit, before or None)
    newest = found[0].id if found and not before else before
    return reply.json(shapes.ChangeRows([_change(each) for each in found], Metadata(newest, len(found), limit, 0)))


def _change(change: RecordedChange) -> shapes.ChangeRow:
    what = "added" if change.before is None else "removed" if change.after is None else "changed"
    return shapes.ChangeRow(
        change.id,
        change.revision,
        milliseconds(change.at),
        change.who,
        change.kind,
        change.key,
        what,
        _plain(change.before),
        _plain(change.after),
    )


def _plain(item: object) -> dict[str, Any] | list[str] | None:
    if item is None or isinstance(item, tuple):
        return None if item is None else list(item)
    plain: dict[str, Any] = msgspec.to_builtins(item)
    for key in ("valid_from", "valid_until", "since"):
        moment = plain.get(key)
        if isinstance(moment, int):
            plain[key] = milliseconds(moment)
    return plain
