"""Wrong passwords, counted per name and address: after five within a quarter of an hour the pair is locked."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from plantgate.limits import LOCKOUT_ENTRIES, LOCKOUT_SECONDS, LOCKOUT_TRIES


@dataclass(slots=True)
class _Tries:
    """`until` is when they are forgotten or, once there are too many, when the lock ends (mono)."""

    count: int
    until: float


class Lockouts:
    """Times are mono, handed in. What was seen longest ago makes room."""

    def __init__(self, entries: int = LOCKOUT_ENTRIES) -> None:
        self._entries = entries
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def locked(self, name: str, place: str, now: float) -> float:
        """For how many more seconds; 0 if not locked."""
        tries = self._current(name, place, now)
        return tries.until - now if tries is not None and tries.count >= LOCKOUT_TRIES else 0.0

    def tried(self, name: str, place: str, now: float) -> bool:
        """Count a try, which is wrong until `succeeded` is called. True if the pair is locked by this one."""
        tries = self._current(name, place, now)
        if tries is None:
            while len(self._tries) >= self._entries:
                self._tries.popitem(last=False)
            tries = self._tries[name, place] = _Tries(0, now + LOCKOUT_SECONDS)
        self._tries.move_to_end((name, place))
        tries.count += 1
        if tries.count == LOCKOUT_TRIES:
            tries.until = now + LOCKOUT_SECONDS
        return tries.count == LOCKOUT_TRIES

    def succeeded(self, name: str, place: str) -> None:
        self._tries.pop((name, place), None)

    def lock(self, name: str, place: str, until: float) -> None:
        """As it was before a restart."""
        self._tries[name, place] = _Tries(LOCKOUT_TRIES, until)

    def unlock(self, name: str) -> None:
        """Forget all tries with `name`, from wherever they came."""
        for key in [key for key in self._tries if key[0] == name]:
            del self._tries[key]

    def _current(self, name: str, place: str, now: float) -> _Tries | None:
        tries = self._tries.get((name, place))
        if tries is not None and tries.until <= now:
            del self._tries[name, place]
            return None
        return tries


def place_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 of an IPv6 one, of which one host has all."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((found, 64), strict=False))
