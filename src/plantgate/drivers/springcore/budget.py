"""What one reader may cost: log lines, badges, and connections of all readers together."""

from __future__ import annotations

from collections import deque

from plantgate.limits import READER_CONNECTS_PER_SECOND
from plantgate.runtime.clock import Clock

_ENOUGH = 1.0 - 1e-6  # of one: whoever slept as long as `wait` said must not miss it by a rounding


class Budget:
    """`burst` at once, and one more each `seconds`. `take` says whether there was one left."""

    def __init__(self, clock: Clock, burst: int, seconds: float) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._seconds = seconds
        self._tokens = float(burst)
        self._at = clock.mono()

    def take(self) -> bool:
        self._refill()
        if self._tokens < _ENOUGH:
            return False
        self._tokens -= 1.0
        return True

    def wait(self) -> float:
        """Seconds until `take` gives one."""
        self._refill()
        return 0.0 if self._tokens >= _ENOUGH else (1.0 - self._tokens) * self._seconds

    def _refill(self) -> None:
        now = self._clock.mono()
        self._tokens = min(self._burst, self._tokens + (now - self._at) / self._seconds)
        self._at = now


class LogBudget:
    """Log lines of one kind: `burst` at once, one each `seconds` after that. What is left out is counted."""

    def __init__(self, clock: Clock, burst: int = 1, seconds: float = 60.0) -> None:
        self._budget = Budget(clock, burst, seconds)
        self._left_out = 0

    def allow(self) -> int | None:
        """None, or how many lines were left out since the last one."""
        if not self._budget.take():
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        return left_out

    def wait(self) -> float:
        return self._budget.wait()


class ConnectPace:
    """All readers of a gateway share one: of their connections no more begin in any second than the limit says."""

    def __init__(self, clock: Clock, most: int = READER_CONNECTS_PER_SECOND) -> None:
        self._clock = clock
        self._begun: deque[float] = deque([clock.mono() - 1.0] * most, maxlen=most)

    async def turn(self) -> None:
        """Wait until one may begin. Whoever gives up waiting has used a turn all the same."""
        due = max(self._clock.mono(), self._begun[0] + 1.0)
        self._begun.append(due)
        await self._clock.sleep_until(due)
