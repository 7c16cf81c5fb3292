"""Waiting longer after each failure, with jitter so that two hundred devices do not come back in step."""

from __future__ import annotations

import math
from collections.abc import Callable


class Backoff:
    """`next()` gives the seconds to wait: first, 2x, 4x ... up to `ceiling`, each times 0.5 to 1.0 at random.

    `random` returns floats in [0, 1); it is an argument so that tests are repeatable.
    """

    def __init__(self, first: float, ceiling: float, random: Callable[[], float]) -> None:
        self._first = first
        self._ceiling = ceiling
        self._random = random
        self._failures = 0

    @property
    def failures(self) -> int:
        return self._failures

    def next(self) -> float:
        delay = min(self._ceiling, math.ldexp(self._first, min(self._failures, 32)))
        self._failures += 1
        return delay * (0.5 + self._random() / 2)

    def reset(self) -> None:
        self._failures = 0
