"""A badge, from the reader's line to the journal's row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Four bytes or more, as readers tell them: in hex or in decimal digits.
_NUMBER = re.compile(r"[0-9A-Fa-f]{8,}")


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
    `credential` is what decides: the one of the two that the reader is set up for. Both stay in memory.
    """

    reader: str
    uid: str
    data: str
    interface: str
    protocol: str
    move: Move
    received_at: int
    received_mono: int
    credential: str = ""


class AccessVerdict(StrEnum):
    ACCEPTED = "accepted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDecision:
    """The answer to one badge: who, where, when, verdict, why, how fast.

    `card` is the keyed hash of what the reader told (32 hex digits), `last4` what people see of it: the number itself
    is nowhere. `why` is a word of `model.access.Why`, `reason` the same as a sentence, `rule` the rule that matched;
    `enters` and `leaves` are the zones beyond and before the reader, `remark` what was noticed and did not decide.
    `latency_us` is from the badge's arrival to the moment the reply was handed to the reader's connection;
    None when no reply could be sent, and `reply_error` says why.
    """

    reader: str
    card: str
    last4: str
    at: int
    verdict: AccessVerdict
    why: str
    reason: str
    holder_id: str = ""
    holder: str = ""
    rule: str = ""
    enters: str = ""
    leaves: str = ""
    remark: str = ""
    door: str = ""
    latency_us: int | None = None
    reply_error: str = ""

    @property
    def masked(self) -> str:
        """The card as pages and tags show it."""
        return masked(self.last4)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A decision that is on disk: `id` grows by one per event and never repeats."""

    id: int
    decision: AccessDecision


def last4(credential: str) -> str:
    """What people may see of a card: its last four characters, and never more than half of it."""
    return credential[len(credential) - min(4, len(credential) // 2) :]


def masked(last4: str) -> str:
    """A card by its last characters: "…4080"; empty for none."""
    return f"…{last4}" if last4 else ""


def without_cards(text: str) -> str:
    """`text` with every run of digits that could be a card's number cut down to its last four: for logs."""
    return _NUMBER.sub(lambda found: masked(found[0][-4:]), text)
