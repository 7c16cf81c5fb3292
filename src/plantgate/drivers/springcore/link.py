"""How the connection to a reader is, in words a person can act on, and how often that is logged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from plantgate.errors import Unavailable
from plantgate.model.status import Health
from plantgate.runtime.clock import Clock


class LinkState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    BUSY = "busy"
    REFUSED = "refused"
    DEAD = "dead"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Link:
    """`reason` says what is wrong, `next_step` what to do; both empty when nothing is."""

    state: LinkState
    reason: str = ""
    next_step: str = ""

    @property
    def health(self) -> Health:
        if self.state is LinkState.CONNECTED:
            return Health.FAILED if self.reason else Health.OK
        return Health.STARTING if self.state is LinkState.CONNECTING else Health.FAILED


CONNECTING = Link(LinkState.CONNECTING)
CONNECTED = Link(LinkState.CONNECTED)


def busy(where: str) -> Link:
    return Link(
        LinkState.BUSY,
        f"{where} accepted the connection and closed it without a word: another host holds the reader",
        "a SpringCore reader takes one client at a time: stop the other host, or restart the reader if it is gone",
    )


def lost(where: str, error: Exception | None) -> Link:
    if isinstance(error, TimeoutError):
        why = f"{where} no longer answers: the network or the reader's power is gone"
    elif error is not None:
        why = f"{where} reset the connection"
    else:
        why = f"{where} closed the connection"
    return Link(LinkState.LOST, why, "connecting again goes by itself; if it does not come back check power and cable")


def not_connected(error: Unavailable) -> Link:
    """A connection that never came about: NET-112 is a host that is there and has nothing on that port."""
    if error.code == "NET-112":
        return Link(
            LinkState.REFUSED,
            error.message,
            "the host is there but nothing listens: is the reader starting, is register 02C0 = 24 (Smart Reader,"
            " TCP server), and is the port that of register 0285?",
        )
    return Link(LinkState.DEAD, error.message, error.hint)


def other_language(detail: str) -> Link:
    return Link(
        LinkState.CONNECTED,
        f"nothing that it sent was a $SCRDR message ({detail})",
        "set the network format to $SCRDR: register 02A0 = 00xxxx01xx (the factory setting is JSON), then restart it",
    )


class LogBudget:
    """At most `burst` lines at once and one a minute after that, so that a flapping reader can't fill the log.

    `allow` gives None, or how many lines were left out since the last one.
    """

    def __init__(self, clock: Clock, burst: int = 4, seconds: float = 60.0) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._seconds = seconds
        self._tokens = float(burst)
        self._at = clock.mono()
        self._left_out = 0

    def allow(self) -> int | None:
        now = self._clock.mono()
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._seconds)
        self._at = now
        if self._tokens < 1.0:
            self._left_out += 1
            return None
        self._tokens -= 1.0
        left_out, self._left_out = self._left_out, 0
        return left_out
