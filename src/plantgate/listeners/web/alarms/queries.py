"""What requests about alarms ask for. Everything raises PeerError that names the parameter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

from plantgate.errors import PeerError
from plantgate.limits import PAGE_ROWS, SEARCH_WORDS
from plantgate.listeners.web import reply
from plantgate.model.alarm import AlarmChange, AlarmFilter, Priority
from plantgate.model.tag import full_path
from plantgate.model.wildcard import Wildcard

SORTS = ("priority", "active_at", "path", "label")
_DOCUMENT = "see /openapi.json"
_LAST_MILLISECOND = 253_402_300_799_000  # of the year 9999
_PATH_CHARS = 2_000


class Shown(StrEnum):
    """`live`: active or not acknowledged, and not shelved, as are the next two; `all`: every alarm that is defined."""

    LIVE = "live"
    ACTIVE = "active"
    UNACKNOWLEDGED = "unacknowledged"
    SHELVED = "shelved"
    ALL = "all"


def shown(request: Request) -> Shown:
    text = request.query_params.get("state") or Shown.LIVE.value
    if text not in set(Shown):
        raise PeerError("WEB-480", f"state takes {', '.join(Shown)}, not {text[:40]!r}", _DOCUMENT)
    return Shown(text)


def lowest(request: Request) -> Priority:
    text = request.query_params.get("priority") or Priority.DIAGNOSTIC.label
    found = next((priority for priority in Priority if priority.label == text), None)
    if found is None:
        words = ", ".join(priority.label for priority in Priority)
        raise PeerError("WEB-481", f"priority takes {words}, not {text[:40]!r}", _DOCUMENT)
    return found


def words(request: Request) -> list[str]:
    found = list(dict.fromkeys(request.query_params.get("search", "").casefold().split()))
    if len(found) > SEARCH_WORDS:
        raise PeerError("WEB-482", f"search takes at most {SEARCH_WORDS} words", "search for fewer")
    return found


def paths(request: Request) -> tuple[str, ...]:
    """Of `path`, a pattern with * and ?, a tag or a folder: what tag paths may be, as patterns; none: any."""
    text = request.query_params.get("path", "").strip().rstrip("/")
    if len(text) > _PATH_CHARS:
        raise PeerError("WEB-483", f"path takes at most {_PATH_CHARS} characters", _DOCUMENT)
    if not text:
        return ()
    path = full_path(text)
    if "*" in path or "?" in path:
        return (path,)
    return (f"{path}*",) if path.endswith("]") else (path, f"{path}/*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alarms, in which order (empty: the most urgent first), and which piece of them."""

    state: Shown
    lowest: Priority
    words: Sequence[str]
    patterns: Sequence[Wildcard]
    order: str
    offset: int
    limit: int

    @property
    def everything(self) -> bool:
        """Whether no filter is set."""
        return not (self.lowest or self.words or self.patterns)

    def fits(self, path: str, priority: Priority) -> bool:
        """All but the words."""
        if priority < self.lowest:
            return False
        return not self.patterns or any(pattern.matches(path) for pattern in self.patterns)

    def has_words(self, text: str) -> bool:
        return all(word in text for word in self.words)


def wanted(request: Request) -> Wanted:
    order = request.query_params.get("sort") or ""
    if order and order.removeprefix("-") not in SORTS:
        raise PeerError("WEB-485", f"sort takes {', '.join(SORTS)}, - before it, not {order[:40]!r}", _DOCUMENT)
    return Wanted(
        shown(request),
        lowest(request),
        words(request),
        [Wildcard(path) for path in paths(request)],
        order,
        reply.number(request, "offset", 0, 0, 10_000_000),
        reply.number(request, "limit", 200, 1, PAGE_ROWS),
    )


def journal_filter(request: Request) -> AlarmFilter:
    return AlarmFilter(
        since=_moment(request, "from"),
        until=_moment(request, "to"),
        paths=paths(request),
        lowest=lowest(request),
        changes=frozenset(_changes(request.query_params.get("change", "").split(","))),
        search=" ".join(words(request)),
    )


def _changes(names: Iterable[str]) -> Iterable[AlarmChange]:
    known = {change.name.lower(): change for change in AlarmChange}
    for name in filter(None, (name.strip() for name in names)):
        if name not in known:
            raise PeerError("WEB-484", f"change takes {', '.join(known)}, not {name[:40]!r}", _DOCUMENT)
        yield known[name]


def _moment(request: Request, name: str) -> int | None:
    if name not in request.query_params:
        return None
    return reply.number(request, name, 0, 0, _LAST_MILLISECOND) * 1_000
