"""Badge readers and what happened at them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS
from plantgate.listeners.web import reply
from plantgate.listeners.web.access.transfer import journal_filter
from plantgate.listeners.web.context import WebContext
from plantgate.listeners.web.tags import answer, origin
from plantgate.listeners.web.wire import BadgeEvent, BadgeEvents, Metadata, Reader, ReaderCommand, Readers, milliseconds
from plantgate.model.badge import AccessVerdict, JournalEntry
from plantgate.model.command import Command, DriveReader, ReaderAction, SignalReader
from plantgate.model.status import PartStatus

_DOCUMENT = "see /openapi.json"
_LONGEST_BEEP_MS = 65_535
_HEX = re.compile(r"[0-9A-Fa-f]*\Z")


@dataclass(slots=True)
class _Tally:
    accepted: int = 0
    denied: int = 0
    last: JournalEntry | None = None


class ReaderBoard:
    """Implements `DecisionSink`: the last decision and the counts of each reader since start."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def decided(self, entry: JournalEntry) -> None:
        tally = self._tallies.setdefault(entry.decision.reader, _Tally())
        tally.last = entry
        if entry.decision.verdict is AccessVerdict.ACCEPTED:
            tally.accepted += 1
        else:
            tally.denied += 1

    def row(self, part: PartStatus) -> Reader:
        tally = self._tallies.get(part.name, _Tally())
        last = tally.last.decision if tally.last else None
        details = part.details
        return Reader(
            name=part.name,
            host=str(details.get("host", "")),
            port=_count(details.get("port")),
            transport=str(details.get("transport", "tcp")),
            state=part.state,
            health=part.health,
            last_card=last.masked if last else str(details.get("last_card") or ""),
            last_holder=last.holder if last else "",
            last_verdict=last.verdict if last else "",
            last_at=milliseconds(last.at) if last else None,
            badges=_count(details.get("badges")),
            shed=_count(details.get("shed")),
            accepted=tally.accepted,
            denied=tally.denied,
            reconnects=_count(details.get("reconnects")),
            errors=_count(details.get("errors")),
            last_error=part.reason,
        )


def _count(value: str | float | None) -> int:
    return int(value) if isinstance(value, int | float) else 0


async def list_readers(_: Request, context: WebContext, board: ReaderBoard) -> Response:
    items = [board.row(part) for part in context.statuses() if part.kind == "reader"]
    return reply.json(Readers(items, Metadata(len(items), len(items), len(items), 0)))


async def command_reader(request: Request, context: WebContext) -> Response:
    name = request.path_params["name"]
    if not any(part.kind == "reader" and part.name == name for part in context.statuses()):
        return reply.problem(
            404, "No such reader", f"there is no reader {name[:256]!r}", "WEB-404", "GET /api/v1/readers"
        )
    command = _command(name, await reply.body(request, ReaderCommand))
    return answer(await context.gate.submit(command, origin(request, context)))


def _command(name: str, wanted: ReaderCommand) -> Command:
    """Raises PeerError naming the field that is wrong."""
    driven = [field for field in ("seq", "leds", "buzz") if getattr(wanted, field) is not None]
    if (wanted.action is None) == (not driven) or (wanted.seq is not None and len(driven) > 1):
        raise PeerError(
            "WEB-422",
            "a reader takes one thing at a time: action, or seq, or leds and buzz",
            'send {"action": "accept"}, {"seq": "0E"} or {"leds": "92929292", "buzz": 100}',
        )
    if wanted.action is not None:
        try:
            return SignalReader(name, ReaderAction(wanted.action))
        except ValueError:
            raise PeerError(
                "WEB-417", f"action takes accept, deny or wink, not {wanted.action[:40]!r}", _DOCUMENT
            ) from None
    if wanted.buzz is not None and not 0 <= wanted.buzz <= _LONGEST_BEEP_MS:
        raise PeerError("WEB-423", f"buzz takes 0 to {_LONGEST_BEEP_MS} milliseconds", _DOCUMENT)
    seq, leds = _hex("seq", wanted.seq, 1), _hex("leds", wanted.leds, 4)
    return DriveReader(name, None if seq is None else seq[0], leds, wanted.buzz)


def _hex(field: str, text: str | None, size: int) -> bytes | None:
    if text is None:
        return None
    if len(text) != 2 * size or not _HEX.match(text):
        raise PeerError("WEB-424", f"{field} takes {2 * size} hex digits, not {text[:40]!r}", _DOCUMENT)
    return bytes.fromhex(text)


async def list_events(request: Request, context: WebContext) -> Response:
    """Newest first; `before` (an id) pages backward."""
    limit = reply.number(request, "limit", 100, 1, PAGE_ROWS)
    before = reply.number(request, "before", 0, 0, 1 << 62)
    entries = await context.journal.newest(limit, before or None, journal_filter(request))
    items = [BadgeEvent.of(entry) for entry in entries]
    newest = items[0].id if items and not before else before
    return reply.json(BadgeEvents(items, Metadata(newest, len(items), limit, 0)))
