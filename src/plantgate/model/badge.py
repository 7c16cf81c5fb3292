"""A badge, from the reader's line to the journal's row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Move(StrEnum):
    """What the card did: register 02A0 decides whether the reader tells."""

    READ = "read"
    INSERTED = "inserted"
    REMOVED = "removed"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class BadgeRead:
    """A card at a reader. `received_at` is microseconds UTC, `received_mono` nanoseconds of the monotonic clock.

    `uid` is upper-case hex as the reader sent it (TagId); `data` is what its template made of the card (TagData).
    """

    reader: str
    uid: str
    data: str
    interface: str
    protocol: str
    move: Move
    received_at: int
    received_mono: int


class AccessVerdict(StrEnum):
    ACCEPTED = "accepted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """The answer to one badge: who, where, when, verdict, why, how fast.

    `latency_us` is from the badge's arrival to the moment the reply was handed to the reader's connection;
    None when no reply could be sent, and `reply_error` says why.
    """

    reader: str
    uid: str
    holder: str
    at: int
    verdict: AccessVerdict
    reason: str
    door: str = ""
    latency_us: int | None = None
    reply_error: str = ""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A decision that is on disk: `id` grows by one per event and never repeats."""

    id: int
    decision: AccessDecision
