"""Holders, cards, groups, zones and so on: listed, put, removed. One table says what is special about each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS, SEARCH_WORDS
from plantgate.listeners.web import reply
from plantgate.listeners.web.access import shapes, wanted
from plantgate.listeners.web.access.directory import Entry, slices
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import origin
from plantgate.listeners.web.wire import Metadata
from plantgate.model.access import AccessData, AccessItem, AccessKind, Presence, Put, Remove, ReplaceRules, Rule


@dataclass(frozen=True, slots=True)
class Collection:
    """`key` is the key's name in the body; `text` what a search looks at (of holders: an entry of the directory).

    Without `takes` it is only listed.
    """

    kind: AccessKind
    rows: type
    key: str
    text: Callable[[Any], str]
    takes: type | None = None


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        AccessKind.HOLDERS,
        shapes.HolderRows,
        "id",
        lambda entry: entry.text,
        wanted.HolderIn,
    ),
    Collection(
        AccessKind.CARDS,
        shapes.CardRows,
        "id",
        lambda card: f"{card.last4} {card.label} {card.holder} {card.id}",
        wanted.CardIn,
    ),
    Collection(AccessKind.GROUPS, shapes.GroupRows, "name", lambda group: f"{group.name} {group.note}", wanted.GroupIn),
    Collection(AccessKind.ZONES, shapes.ZoneRows, "name", lambda zone: f"{zone.name} {zone.note}", wanted.ZoneIn),
    Collection(
        AccessKind.PASSAGES,
        shapes.PassageRows,
        "reader",
        lambda passage: f"{passage.reader} {passage.enters} {passage.leaves}",
        wanted.PassageIn,
    ),
    Collection(AccessKind.CALENDARS, shapes.CalendarRows, "name", lambda calendar: calendar.name, wanted.CalendarIn),
    Collection(
        AccessKind.SCHEDULES,
        shapes.ScheduleRows,
        "name",
        lambda schedule: f"{schedule.name} {schedule.note} {schedule.time_zone}",
        wanted.ScheduleIn,
    ),
    Collection(
        AccessKind.LOCKDOWNS, shapes.LockdownRows, "zone", lambda lockdown: f"{lockdown.zone} {lockdown.reason}"
    ),
    Collection(AccessKind.RULES, shapes.RuleRows, "name", lambda rule: f"{rule.name} {rule.note}"),
)


def revision_wanted(request: Request) -> int | None:
    """The version that the client has seen (`If-Match`), None if it does not care. Raises PeerError."""
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    digits = text.removeprefix("W/").strip('"')
    if not (digits.isdecimal() and len(digits) < 16):
        raise PeerError("WEB-446", f"If-Match takes the ETag of an answer, not {text[:40]!r}", "see /openapi.json")
    return int(digits)


def changed(data: AccessData, status: int = 200) -> Response:
    return tagged(shapes.Changed(data.revision), data.revision, status)


def tagged(value: Any, revision: int, status: int = 200) -> Response:
    answer = reply.json(value, status)
    answer.headers["etag"] = f'"{revision}"'
    return answer


async def list_items(request: Request, context: WebContext, collection: Collection) -> Response:
    """Filter by `key`, `search` (every word), `holder` (cards), `group` (holders); page by `limit` and `offset`.

    Holders come by name. With 100,000 of them all this goes slice by slice: badges are decided in between.
    """
    limit = reply.number(request, "limit", 200, 1, PAGE_ROWS)
    offset = reply.number(request, "offset", 0, 0, 10_000_000)
    data = context.access.data()
    words = _words(request)
    found = await _found(request, data, words, collection, context)
    page = found[offset : offset + limit]
    rows = _holder_rows(page, context) if collection.kind is AccessKind.HOLDERS else _rows(page, data)
    metadata = Metadata(len(getattr(data, collection.kind.value)), len(found), limit, offset)
    return tagged(collection.rows(rows, metadata, data.revision), data.revision)


def _words(request: Request) -> list[str]:
    words = list(dict.fromkeys(request.query_params.get("search", "").casefold().split()))
    if len(words) > SEARCH_WORDS:
        raise PeerError("WEB-432", f"search takes at most {SEARCH_WORDS} words", "search for fewer")
    return words


async def _found(
    request: Request, data: AccessData, words: Sequence[str], collection: Collection, context: WebContext
) -> Sequence[Any]:
    """Of holders their entries of the directory, of everything else the items."""
    key, holder, group = (request.query_params.get(name) for name in ("key", "holder", "group"))
    kept: Mapping[str, Any] | Sequence[Any] = getattr(data, collection.kind.value)
    items: Iterable[Any] = kept.values() if isinstance(kept, Mapping) else kept
    if collection.kind is AccessKind.HOLDERS:
        items = await context.directory.entries(data)
    elif collection.kind is AccessKind.CARDS and holder:
        items = await context.directory.cards_of(data, holder)
    in_group = group if collection.kind is AccessKind.HOLDERS else None

    def fits(item: Any) -> bool:
        if key is not None and getattr(item, collection.key) != key:
            return False
        if in_group and in_group not in item.holder.groups:
            return False
        text = collection.text(item).casefold() if words else ""
        return all(word in text for word in words)

    if isinstance(items, Sequence) and key is None and not in_group and not words:
        return items
    return [item async for some in slices(items) for item in some if fits(item)]


def _rows(items: Sequence[Any], data: AccessData) -> list[Any]:
    makers: Mapping[str, Callable[[Any], Any]] = {
        "Card": lambda card: shapes.CardRow.of(card, _name(data, card.holder)),
        "Schedule": shapes.ScheduleRow.of,
        "Lockdown": shapes.LockdownRow.of,
        "Rule": wanted.RuleShape.of,
    }
    maker = makers.get(type(items[0]).__name__) if items else None
    return list(items) if maker is None else [maker(item) for item in items]


def _name(data: AccessData, holder: str) -> str:
    found = data.holders.get(holder)
    return found.name if found else ""


def _holder_rows(entries: Sequence[Entry], context: WebContext) -> list[shapes.HolderRow]:
    where: dict[str, Presence] = {presence.holder_id: presence for presence in context.access.presences()}
    return [
        shapes.HolderRow(
            id=holder.id,
            name=holder.name,
            groups=list(holder.groups),
            enabled=holder.enabled,
            valid_from=shapes.shown(holder.valid_from),
            valid_until=shapes.shown(holder.valid_until),
            note=holder.note,
            cards=[shapes.CardOfHolder(card.id, card.last4, card.label, card.enabled) for card in cards],
            zone=where[holder.id].zone if holder.id in where else "",
            since=shapes.shown(where[holder.id].since) if holder.id in where else None,
            picture=context.pictures.has(holder.id),
        )
        for _, _, _, holder, cards in entries
    ]


async def put_item(request: Request, context: WebContext, collection: Collection) -> Response:
    """Add the item, or replace the one of that key; the whole item is in the body."""
    given = await _given(request, collection)
    item = _item(given, collection, context)
    data = await context.access.apply([Put(item)], origin(request, context), revision_wanted(request))
    return changed(data)


async def add_card(request: Request, context: WebContext) -> Response:
    """A card by its credential: it gets its hash here."""
    given = await reply.body(request, wanted.CardIn)
    item = _card(given, context)
    data = await context.access.apply([Put(item)], origin(request, context), revision_wanted(request))
    return changed(data)


async def _given(request: Request, collection: Collection) -> Any:
    """The body with the key of the path in it."""
    body = await reply.body(request, dict[str, Any])
    key = request.path_params["key"]
    if body.setdefault(collection.key, key) != key:
        raise PeerError("WEB-433", f"{collection.key} of the body is not the one of the path", "leave it out")
    assert collection.takes is not None
    return reply.shaped(body, collection.takes)


def _item(given: Any, collection: Collection, context: WebContext) -> AccessItem:
    if isinstance(given, wanted.CardIn):
        return _card(given, context)
    try:
        item: AccessItem = given.item()
    except ValueError as error:  # hours that no clock shows
        raise PeerError("WEB-434", str(error), "see /openapi.json") from None
    return item


def _card(given: wanted.CardIn, context: WebContext) -> AccessItem:
    if bool(given.credential) == bool(given.id):
        raise PeerError("WEB-435", "a card is given by its credential or by its id", "one of the two")
    if given.credential:
        return given.item(context.access.card_id(given.credential), context.access.last4(given.credential))
    known = context.access.data().cards.get(given.id)
    if known is None:
        raise PeerError("WEB-436", f"there is no card {given.id[:40]!r}", "a new card is added by its credential")
    return given.item(known.id, known.last4)


async def remove_item(request: Request, context: WebContext, collection: Collection) -> Response:
    """409 if something still refers to it."""
    key = request.path_params["key"]
    if key not in getattr(context.access.data(), collection.kind.value):
        return reply.problem(404, "No such item", f"there is no {key[:256]!r} in {collection.kind}", "WEB-404")
    change = Remove(collection.kind, key)
    data = await context.access.apply([change], origin(request, context), revision_wanted(request))
    if collection.kind is AccessKind.HOLDERS:
        await context.pictures.remove(key)
    return changed(data)


async def put_rules(request: Request, context: WebContext) -> Response:
    given = await reply.body(request, wanted.RulesIn)
    change = ReplaceRules(rules(given.items))
    data = await context.access.apply([change], origin(request, context), revision_wanted(request))
    return changed(data)


def rules(given: Sequence[wanted.RuleShape]) -> tuple[Rule, ...]:
    return tuple(rule.item() for rule in given)
