"""Which points of a block can be read together when the device refuses some of them.

A refused run is halved until the points that can't be read stand alone. They are remembered and retried apart, less
and less often; the others are put together again, one seam per poll, so that one bad register does not cost a
request per tag. A seam that the device refuses (a hole between two tags, a request it finds too long) stays.

Pure: points are their indices in the block, `now` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

FIRST_RETRY = 5.0  # seconds; a device that reloads its program answers again after a few
LAST_RETRY = 60.0  # a register that is missing for good costs two requests a minute


class Run(NamedTuple):
    """Points `first` to `stop` - 1, read with one request. `retry`: they were refused before."""

    first: int
    stop: int
    retry: bool = False


@dataclass(slots=True)
class _Bad:
    retry_at: float
    delay: float


class Isolation:
    """The memory of one block of `count` points."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._seams: set[int] = set()  # index i: no request spans from point i - 1 to point i, for now
        self._walls: set[int] = set()  # the same, for as long as this connection lasts
        self._bad: dict[int, _Bad] = {}
        self._trial: int | None = None
        self._searching = False
        self._probe = 0

    @classmethod
    def heir(cls, origins: Sequence[tuple[Isolation, int] | None]) -> Isolation:
        """The memory of a new block; `origins` says for each point where it was before, None if it is new."""
        made = cls(len(origins))
        before: tuple[Isolation, int] | None = None
        for index, origin in enumerate(origins):
            if origin is not None:
                old, at = origin
                if at in old._bad:
                    made._bad[index] = old._bad[at]
                if before is not None and before[0] is old:
                    between = set(range(before[1] + 1, at + 1))
                    made._seams |= {index} if between & old._seams else set()
                    made._walls |= {index} if between & old._walls else set()
            before = origin
        return made

    def retry_at(self, point: int) -> float | None:
        """When a bad point is asked again, None if it is not bad."""
        bad = self._bad.get(point)
        return None if bad is None else bad.retry_at

    @property
    def bad(self) -> list[int]:
        """The points that the device refuses."""
        return sorted(self._bad)

    @property
    def whole(self) -> bool:
        """True while one request reads everything."""
        return not (self._seams or self._walls or self._bad)

    def runs(self, now: float) -> list[Run]:
        """What to read in the poll that begins: the good points, and the bad ones whose time has come."""
        if self.whole:
            return [Run(0, self.count)]
        self._trial = None if self._searching else self._next_trial()
        self._searching = False
        cuts = self._seams | self._walls
        cuts.discard(self._trial or 0)
        good = self._collect([index for index in range(self.count) if index not in self._bad], cuts)
        due = [index for index, bad in self._bad.items() if bad.retry_at <= now]
        return good + [Run(first, stop, True) for first, stop, _ in self._collect(sorted(due), self._walls)]

    def read(self, run: Run) -> list[Run]:
        """The device answered `run`: its points are good.

        Returns what is worth asking next: if it was a retry, the bad points beside it may be well again too.
        """
        for index in range(run.first, run.stop):
            self._bad.pop(index, None)
        self._seams -= set(range(run.first + 1, run.stop))
        if self._trial is not None and run.first < self._trial < run.stop:
            self._trial = None
        return self._neighbours(run) if run.retry else []

    def refused(self, run: Run, now: float) -> list[Run]:
        """The device refused `run`. Returns what to read instead, nothing if its points are bad by now."""
        if run.stop - run.first == 1:
            self._mark(run, now)
            return []
        if run.retry:
            # One point tells whether anything changed: a device that refuses everything costs two requests.
            self._mark(run, now)
            probe = run.first + self._probe % (run.stop - run.first)
            self._probe += 1
            return [Run(probe, probe + 1, True)]
        trial = self._trial
        if trial is not None and run.first < trial < run.stop:
            self._trial = None
            self._seams.discard(trial)
            self._walls.add(trial)
            return [Run(run.first, trial), Run(trial, run.stop)]
        self._searching = True  # seams are not tried while it is unknown what lies behind them
        middle = (run.first + run.stop) // 2
        self._seams.add(middle)
        return [Run(run.first, middle), Run(middle, run.stop)]

    def _neighbours(self, run: Run) -> list[Run]:
        """The bad points on both sides of `run`."""
        found: list[Run] = []
        first = run.first
        while first - 1 in self._bad:
            first -= 1
        if first < run.first:
            found.append(Run(first, run.first))
        stop = run.stop
        while stop in self._bad:
            stop += 1
        if stop > run.stop:
            found.append(Run(run.stop, stop))
        for part in found:
            self._seams.update((part.first, part.stop))
        self._seams -= {0, self.count}
        return found

    def _mark(self, run: Run, now: float) -> None:
        for index in range(run.first, run.stop):
            bad = self._bad.get(index)
            delay = FIRST_RETRY if bad is None else min(bad.delay * 2, LAST_RETRY) if bad.retry_at <= now else bad.delay
            self._bad[index] = _Bad(now + delay, delay)

    def _next_trial(self) -> int | None:
        for seam in sorted(self._seams):
            if seam not in self._bad and seam - 1 not in self._bad:
                return seam
        return None

    @staticmethod
    def _collect(indices: list[int], cuts: set[int]) -> list[Run]:
        """Sorted indices as runs of neighbours that no cut separates."""
        runs: list[Run] = []
        for index in indices:
            if runs and runs[-1].stop == index and index not in cuts:
                runs[-1] = Run(runs[-1].first, index + 1)
            else:
                runs.append(Run(index, index + 1))
        return runs
