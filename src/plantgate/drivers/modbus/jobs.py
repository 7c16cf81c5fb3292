"""What travels through a session, and what it is counted by."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from plantgate.drivers.modbus.outcomes import Outcome
from plantgate.protocols.modbus.pdu import Exchange

_EWMA = 0.1  # weight of the newest time: the last twenty or so count
_LEAST_PATIENCE = 0.1  # seconds; a PLC's cycle, and a network that hesitates, are no silence
_FIRST_PATIENCE = 0.5  # seconds, while nobody on the line has answered yet
_USUAL = 8  # times a unit's mean response time it may take before it is overdue
_SHARE = 20  # a dead unit that costs the line so many seconds is asked again after twenty times that
_LONGEST_PAUSE = 30.0  # seconds between two probes of a dead unit


@dataclass(slots=True)
class Counters:
    """What a device has cost and done since the gateway started; shown on its tile and in its diagnostic tags.

    `queue_seconds` is how long a request waits for its turn, as `response_seconds` a moving mean. `lost_beside` counts
    answers that did not come while another unit's was overdue.
    """

    requests: int = 0
    replies: int = 0
    exceptions: int = 0
    malformed: int = 0
    timeouts: int = 0
    unexpected: int = 0
    skipped: int = 0
    connects: int = 0
    writes: int = 0
    late_polls: int = 0
    lost_beside: int = 0
    response_seconds: float | None = None
    slowest_seconds: float = 0.0
    queue_seconds: float = 0.0

    def began(self, waited: float) -> None:
        self.requests += 1
        self.queue_seconds += _EWMA * (waited - self.queue_seconds)

    def answered(self, seconds: float) -> None:
        mean = self.response_seconds
        self.response_seconds = seconds if mean is None else mean + _EWMA * (seconds - mean)
        self.slowest_seconds = max(self.slowest_seconds, seconds)


class Job:
    """A request to `unit`. `done` is called once with its outcome; never if it was `cancelled` before it was sent.

    `since` is when it began to wait, `waited` for how long. `beside`: it was sent while another unit's answer was
    overdue. `overdue`: its own answer is.
    """

    __slots__ = (
        "beside",
        "cancelled",
        "done",
        "exchange",
        "overdue",
        "retries",
        "sent",
        "since",
        "unit",
        "waited",
    )

    def __init__(
        self,
        unit: int,
        exchange: Exchange,
        done: Callable[[Outcome, float], None],
        retries: int = 0,
        since: float = 0.0,
    ) -> None:
        self.unit = unit
        self.exchange = exchange
        self.done = done
        self.retries = retries
        self.since = since
        self.waited = 0.0
        self.cancelled = False
        self.sent = False
        self.beside = False
        self.overdue = False


class UnitLine:
    """One unit on a connection: what waits for it, how fast it answers, how it fails.

    `failures` in a row; `cost` is how long its last request kept its place; `held`: nothing is sent to it for now.
    """

    __slots__ = ("cost", "failures", "held", "in_turn", "mean", "number", "open", "queue", "rests_until", "retry_at")

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue: deque[Job] = deque()
        self.open = 0
        self.in_turn = False
        self.held = False
        self.failures = 0
        self.retry_at = 0.0
        self.rests_until = 0.0
        self.cost = 0.0
        self.mean: float | None = None

    def answered(self, seconds: float) -> None:
        self.mean = seconds if self.mean is None else self.mean + _EWMA * (seconds - self.mean)

    def patience(self, line_mean: float | None, timeout: float) -> float:
        """How long an answer may take: by the unit's own pace, else by that of the line."""
        usual = line_mean if self.mean is None else self.mean
        return min(timeout, _FIRST_PATIENCE if usual is None else max(_LEAST_PATIENCE, _USUAL * usual))

    @staticmethod
    def pause(cost: float, failed_apart: int) -> float:
        """Seconds until a unit is asked again that cost the line `cost` seconds and has failed so often apart."""
        return 0.0 if failed_apart < 0 else min(_LONGEST_PAUSE, _SHARE * cost * 2.0**failed_apart)
