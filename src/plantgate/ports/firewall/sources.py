"""`--source`: which networks may reach which port."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from plantgate.errors import UsageError
from plantgate.ports.specs import SPECS, Direction

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Networks: TypeAlias = tuple[Network, ...]

_LISTENERS = tuple(spec.name for spec in SPECS if spec.direction is Direction.LISTEN)
_HINT = "--source 10.0.0.0/8 for every port, --source http=192.168.1.0/24 for one, --source http=any to open that one"


@dataclass(frozen=True, slots=True)
class Sources:
    """Networks for every port, and for single ports, which replace the former. No network at all means anybody."""

    everywhere: Networks = ()
    by_name: Mapping[str, Networks] = field(default_factory=dict)

    def of(self, name: str) -> Networks:
        """Sorted, without overlaps; empty for anybody."""
        return self.by_name.get(name, self.everywhere)


def parse_sources(texts: Sequence[str]) -> Sources:
    """Read `CIDR`, `NAME=CIDR` and `any`, each as often as wanted. Raises UsageError (FW-101 to FW-104)."""
    everywhere: list[str] = []
    by_name: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            everywhere.append(text)
            continue
        if name not in _LISTENERS:
            near = difflib.get_close_matches(name, _LISTENERS, 1)
            meant = f"did you mean {near[0]}?" if near else f"one of {', '.join(_LISTENERS)}"
            raise UsageError("FW-101", f"--source {text}: {name!r} is not a port that others connect to", meant)
        by_name.setdefault(name, []).append(value)
    return Sources(_read(everywhere), {name: _read(values) for name, values in by_name.items()})


def collapsed(networks: Iterable[Network]) -> Networks:
    """IPv4 before IPv6, sorted, neighbours joined: firewalls refuse sets whose parts overlap."""
    found = list(networks)
    four = ipaddress.collapse_addresses(item for item in found if isinstance(item, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(item for item in found if isinstance(item, ipaddress.IPv6Network))
    return (*four, *six)


def _read(values: Sequence[str]) -> Networks:
    if "any" not in values:
        return collapsed(_network(value) for value in values)
    if len(set(values)) > 1:
        raise UsageError("FW-102", "--source: `any` and a network for the same port contradict each other", _HINT)
    return ()


def _network(text: str) -> Network:
    try:
        # The zone of an IPv6 address (fe80::1%eth0) may be any text, and would go into the rules as it is.
        whole = ipaddress.ip_network(text.replace("%", " "), strict=False)
    except ValueError:
        raise UsageError("FW-103", f"--source {text}: not an address or a network", _HINT) from None
    address = text.partition("/")[0]
    if ipaddress.ip_address(address) != whole.network_address:
        raise UsageError(
            "FW-104",
            f"--source {text}: has bits set behind its prefix",
            f"{whole} is that network, {address} that one address",
        )
    return whole
