"""How late the event loop is: the one figure that tells whether something blocks it."""

from __future__ import annotations

from collections import deque

from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger

_log = get_logger("runtime.loop")
_EVERY_SECONDS = 0.5
_KEPT = 20  # 10 seconds
_WARN_SECONDS = 0.5


class LagMeter:
    """Sleeps and looks how much longer it took. `worst` is the largest delay of the last ten seconds, in seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delays: deque[float] = deque([0.0], maxlen=_KEPT)

    @property
    def worst(self) -> float:
        return max(self._delays)

    async def run(self) -> None:
        while True:
            due = self._clock.mono() + _EVERY_SECONDS
            await self._clock.sleep_until(due)
            delay = max(0.0, self._clock.mono() - due)
            if delay > _WARN_SECONDS > self.worst:
                _log.warning("the event loop was blocked", seconds=round(delay, 2))
            self._delays.append(delay)
