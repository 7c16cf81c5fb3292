"""Who may connect: counted before a byte is read."""

from __future__ import annotations

from collections import Counter

from plantgate.limits import CONNECTIONS_PER_ADDRESS, CONNECTIONS_PER_LISTENER


class Admission:
    """Counts the connections of one listener, in all and per address. Exact: each one admitted is released once."""

    def __init__(self, total: int = CONNECTIONS_PER_LISTENER, per_address: int = CONNECTIONS_PER_ADDRESS) -> None:
        self._total = total
        self._per_address = per_address
        self._open: Counter[str] = Counter()
        self.refused = 0

    @property
    def connections(self) -> int:
        return self._open.total()

    def admit(self, address: str) -> bool:
        if self.connections >= self._total or self._open[address] >= self._per_address:
            self.refused += 1
            return False
        self._open[address] += 1
        return True

    def release(self, address: str) -> None:
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]
