"""How the historian is: its figures, what is wrong and since when, what was damaged; as log lines and as a tile."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from plantgate.errors import StorageError
from plantgate.model.status import Health, PartStatus
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger

_log = get_logger("historian")


@dataclass(slots=True)
class HistoryCounters:
    """In points, since start. `stored` are on disk; `lost` did not fit or could not be stored by any disk."""

    stored: int = 0
    lost: int = 0
    commits: int = 0
    failures: int = 0
    commit_ms: deque[float] = field(default_factory=lambda: deque(maxlen=256))

    def percentile(self, part: float) -> float | None:
        """Milliseconds of the last 256 commits; None before the first."""
        ordered = sorted(self.commit_ms)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


class Condition:
    """What the historian's tile says. `set_aside` is the name of a damaged file that a new one replaced."""

    def __init__(self, clock: Clock, counters: HistoryCounters) -> None:
        self.problem: StorageError | None = None
        self.set_aside = ""
        self._clock = clock
        self._counters = counters
        self._since = clock.wall()
        self._damage: deque[str] = deque(maxlen=100)

    def show(self, problem: StorageError | None) -> None:
        """`problem` is what keeps points from being stored now; logged when it changes."""
        before = self.problem
        if (before.code if before else "") == (problem.code if problem else ""):
            return
        self.problem, self._since = problem, self._clock.wall()
        if problem is not None:
            _log.error("history can't be stored", error=problem.message, next=problem.hint)
        else:
            _log.info("history is being stored again")

    def note_damage(self, what: str) -> None:
        """Part of the file is left out; each part is logged once."""
        if what not in self._damage:
            self._damage.append(what)
            _log.error("part of the history is damaged and left out", what=what)

    def tile(self, *, storing: bool, points: int | None, queued: int) -> PartStatus:
        """`storing`: the file is open for writing; `points` in it (None: no file), `queued` wait for it."""
        problem, counters = self.problem, self._counters
        state = "storing" if storing and problem is None else "waiting for the disk"
        return PartStatus(
            kind="store",
            name="historian",
            health=Health.OK if state == "storing" else Health.FAILED,
            state=state,
            since=self._since,
            reason=problem.message if problem else "",
            next_step=problem.hint if problem else "",
            details={
                "points": points,
                "stored": counters.stored,
                "queued": queued,
                "lost": counters.lost,
                "commits": counters.commits,
                "failures": counters.failures,
                "commit_ms": counters.percentile(0.5),
                "commit_ms_p99": counters.percentile(0.99),
                "damaged": len(self._damage),
                "set_aside": self.set_aside or None,
            },
        )
