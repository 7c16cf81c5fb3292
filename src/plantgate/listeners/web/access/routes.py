"""The routes of /api/v1/access. All of them need somebody who is signed in: these are data about people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from starlette.requests import Request
from starlette.responses import Response

from plantgate.listeners.web.access import collections, questions, shapes, transfer, wanted
from plantgate.listeners.web.access.collections import COLLECTIONS, Collection
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.guard import Rule
from plantgate.listeners.web.route import Endpoint, Handler, Parameter

_BASE = "/api/v1/access"
_LIMIT = Parameter("limit", "rows at most", "integer")
_OFFSET = Parameter("offset", "rows to skip", "integer")
_BEFORE = Parameter("before", "only rows with a smaller id", "integer")
_KEY = Parameter("key", "the item's key", required=True, place="path")
_ONE = Parameter("key", "only the item with this key")
_SEARCH = Parameter("search", "words that must all be in it")
_IF_MATCH = Parameter("If-Match", "the ETag that was seen: 412 if the data has changed since", place="header")
_FILTERS = {
    "holders": (Parameter("group", "members of this group"),),
    "cards": (Parameter("holder", "cards of this holder"),),
}
JOURNAL_FILTERS = (
    Parameter("since", "epoch milliseconds, included", "integer"),
    Parameter("until", "epoch milliseconds, not included", "integer"),
    Parameter("reader", "the reader's name"),
    Parameter("verdict", "accepted or denied"),
    Parameter("holder", "the holder's id"),
    Parameter("card", "the card's keyed hash"),
)


def access_endpoints() -> Iterator[Endpoint]:
    for collection in COLLECTIONS:
        yield from _of_collection(collection)
    yield Endpoint(
        "POST",
        f"{_BASE}/cards",
        Rule.COMMAND,
        collections.add_card,
        "Add a card by its credential",
        shapes.Changed,
        wanted.CardIn,
        (_IF_MATCH,),
    )
    yield Endpoint(
        "PUT",
        f"{_BASE}/rules",
        Rule.COMMAND,
        collections.put_rules,
        "Replace all rules, in order",
        shapes.Changed,
        wanted.RulesIn,
        (_IF_MATCH,),
    )
    yield from _questions()
    yield from _commands()
    yield from _transfers()


def _of_collection(collection: Collection) -> Iterator[Endpoint]:
    name, path = collection.kind.value, f"{_BASE}/{collection.kind.value}"
    listing = (_ONE, _SEARCH, *_FILTERS.get(name, ()), _LIMIT, _OFFSET)
    yield Endpoint(
        "GET", path, Rule.COMMAND, _bound(collections.list_items, collection), f"{name.title()}", collection.rows,
        parameters=listing,
    )  # fmt: skip
    if collection.takes is None:
        return
    yield Endpoint(
        "PUT",
        path + "/{key}",
        Rule.COMMAND,
        _bound(collections.put_item, collection),
        f"Add or replace one of the {name}",
        shapes.Changed,
        collection.takes,
        (_KEY, _IF_MATCH),
    )
    yield Endpoint(
        "DELETE",
        path + "/{key}",
        Rule.COMMAND,
        _bound(collections.remove_item, collection),
        f"Remove one of the {name} that nothing refers to",
        shapes.Changed,
        parameters=(_KEY, _IF_MATCH),
    )


def _bound(
    handler: Callable[[Request, WebContext, Collection], Awaitable[Response]], collection: Collection
) -> Handler:
    async def bound(request: Request, context: WebContext) -> Response:
        return await handler(request, context, collection)

    return bound


def _questions() -> Iterator[Endpoint]:
    yield Endpoint(
        "GET",
        f"{_BASE}/presence",
        Rule.COMMAND,
        questions.presence,
        "Who is in which zone, and how full each is",
        shapes.PresenceRows,
    )
    yield Endpoint(
        "GET",
        f"{_BASE}/explain",
        Rule.COMMAND,
        questions.explain,
        "Why a card is or is not let in: every check, and the verdict",
        shapes.ExplanationShape,
        parameters=(
            Parameter("reader", "the reader's name", required=True),
            Parameter("card", "credential, keyed hash, or # and the id of a badge event"),
            Parameter("holder", "a holder's id instead of a card"),
            Parameter("at", "epoch milliseconds, now by default", "integer"),
        ),
    )
    yield Endpoint(
        "POST",
        f"{_BASE}/what-if",
        Rule.COMMAND,
        questions.what_if,
        "Decide the badges of the last days anew with proposed rules",
        shapes.WhatIfShape,
        wanted.WhatIfIn,
    )
    yield Endpoint(
        "GET",
        f"{_BASE}/changes",
        Rule.COMMAND,
        questions.changes,
        "Who changed what, newest first",
        shapes.ChangeRows,
        parameters=(_LIMIT, _BEFORE),
    )


def _commands() -> Iterator[Endpoint]:
    yield Endpoint(
        "POST",
        f"{_BASE}/enrol",
        Rule.COMMAND,
        questions.enrol,
        "Give somebody the unknown card of a denied badge",
        shapes.Enrolled,
        wanted.EnrolIn,
        (_IF_MATCH,),
    )
    yield Endpoint(
        "POST",
        f"{_BASE}/presence/forgive",
        Rule.COMMAND,
        questions.forgive,
        "Forget where somebody is",
        shapes.Changed,
        wanted.ForgiveIn,
    )
    yield Endpoint(
        "POST",
        f"{_BASE}/lockdown",
        Rule.COMMAND,
        questions.lock_down,
        "Lock a zone, or * for all of them",
        shapes.Changed,
        wanted.LockdownIn,
    )
    yield Endpoint(
        "POST",
        f"{_BASE}/release",
        Rule.COMMAND,
        questions.release,
        "End a lockdown",
        shapes.Changed,
        wanted.ReleaseIn,
    )


def _transfers() -> Iterator[Endpoint]:
    picture = f"{_BASE}/holders/{{key}}/picture"
    yield Endpoint("GET", f"{_BASE}/export.csv", Rule.COMMAND, transfer.export_cards, "Cards with their holders as CSV")
    yield Endpoint(
        "POST",
        f"{_BASE}/import",
        Rule.COMMAND,
        transfer.import_cards,
        "Take over a CSV of cards with holders (the body), all rows or none",
        shapes.ImportShape,
        parameters=(
            Parameter("create", "true: new holders and groups are allowed"),
            Parameter("dry_run", "true: only tell what would be done"),
            _IF_MATCH,
        ),
    )
    yield Endpoint(
        "GET",
        picture,
        Rule.COMMAND,
        transfer.read_picture,
        "A holder's picture",
        parameters=(_KEY, Parameter("optional", "true: that there is none is no error but an empty answer")),
    )
    yield Endpoint(
        "PUT", picture, Rule.COMMAND, transfer.put_picture, "Give a holder a picture (the body)", parameters=(_KEY,)
    )
    yield Endpoint(
        "DELETE", picture, Rule.COMMAND, transfer.remove_picture, "Remove a holder's picture", parameters=(_KEY,)
    )
    yield Endpoint(
        "GET",
        "/api/v1/badge-events/export",
        Rule.COMMAND,
        transfer.export_journal,
        "The badge journal as a file with the hash of each entry, oldest first",
        parameters=(Parameter("format", "csv or jsonl"), *JOURNAL_FILTERS),
    )
    yield Endpoint(
        "GET",
        "/api/v1/badge-events/verify",
        Rule.COMMAND,
        transfer.verify_journal,
        "Check the chain of hashes of the badge journal",
        shapes.JournalCheckShape,
    )
