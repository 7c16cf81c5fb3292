"""Who may connect, and who may write. Modbus knows no password: the address is all there is to go by."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from plantgate.runtime.admission import Admission
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger

Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]

_log = get_logger("listeners.modbus_server")
# A client that is not on the list tries again and again: it is told so often, with how many tries there were.
_TOLD_SECONDS = 60.0


def networks(texts: Sequence[str]) -> Networks:
    return [ip_network(text) for text in texts]


def host_of(peer: str) -> str:
    """The address of `10.0.0.7:50123` or `[::1]:50123`."""
    return peer.rpartition(":")[0].strip("[]")


def is_among(host: str, known: Networks) -> bool:
    """Whether `host` is in one of `known`; everybody is where none is named."""
    if not known:
        return True
    try:
        address = ip_address(host)
    except ValueError:  # gone before it could be asked who it is
        return False
    return any(address in network for network in known)


class ClientAdmission(Admission):
    """Only `clients`, and of these no more than there are places; `denied` counts the others."""

    def __init__(self, clients: Networks, total: int, per_address: int, clock: Clock) -> None:
        super().__init__(total, per_address)
        self._clients = clients
        self._clock = clock
        self._tell_at = clock.mono()
        self._untold = 0
        self.denied = 0

    def admit(self, address: str) -> bool:
        host = address.strip("[]")
        if is_among(host, self._clients):
            return super().admit(address)
        self.denied += 1
        self._untold += 1
        if self._clock.mono() >= self._tell_at:
            self._tell_at = self._clock.mono() + _TOLD_SECONDS
            _log.warning(
                "a client that is not on the list was turned away",
                address=host,
                times=self._untold,
                next="add it to modbus_server.clients if it may read",
            )
            self._untold = 0
        return False
