"""Which hosts to look at: names, addresses, CIDR blocks and ranges a-b, without ever writing them all down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from plantgate.errors import UsageError
from plantgate.limits import SCAN_ADDRESSES

# As in a URL: [2001:db8::7], also with a prefix length, and around both ends of a range.
_BRACKETS = re.compile(r"\[[^][]+\](/\d+|\s*-\s*\[[^][]+\])?")
_FORMS = "give a name, an address, a block like 192.0.2.0/24 or a range like 192.0.2.10-192.0.2.20"


@dataclass(frozen=True, slots=True)
class HostRange:
    """`count` hosts from `first` on; `version` 0 is a name. A name or a single address is `single`: it is expected to
    answer. `zone` is the interface of link-local IPv6 addresses."""

    text: str
    first: int
    count: int
    version: int
    single: bool = False
    zone: str = ""

    def __iter__(self) -> Iterator[str]:
        if not self.version:
            yield self.text
            return
        make = IPv4Address if self.version == 4 else IPv6Address
        zone = f"%{self.zone}" if self.zone else ""
        for number in range(self.first, self.first + self.count):
            yield f"{make(number)}{zone}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """All that was asked for. Iterating gives each host once, in the order given."""

    ranges: Sequence[HostRange]

    @property
    def count(self) -> int:
        return sum(item.count for item in self.ranges)

    @property
    def single(self) -> bool:
        """True if every host was named on its own."""
        return all(item.single for item in self.ranges)

    def __iter__(self) -> Iterator[str]:
        for place, item in enumerate(self.ranges):
            before = [other for other in self.ranges[:place] if _overlap(other, item)]
            for offset, host in enumerate(item):
                number = item.first + offset
                if not any(other.first <= number < other.first + other.count for other in before):
                    yield host


def parse_hosts(texts: Sequence[str], *, force: bool = False) -> Hosts:
    """Raises UsageError for what can't be read, an empty range, and more than SCAN_ADDRESSES without `force`."""
    if not texts:
        raise UsageError("PORT-121", "no host is named", _FORMS)
    hosts = Hosts([_parse(text.strip()) for text in texts])
    if hosts.count > SCAN_ADDRESSES and not force:
        raise UsageError(
            "PORT-122",
            f"{' '.join(texts)[:120]} is {hosts.count:,} addresses; more than {SCAN_ADDRESSES:,} are refused",
            "name a smaller range, or say --force if that is what is meant",
        )
    return hosts


def _overlap(one: HostRange, other: HostRange) -> bool:
    """Whether they have a host in common."""
    if (one.version, one.zone) != (other.version, other.zone):
        return False
    if not one.version:
        return one.text == other.text
    return one.first < other.first + other.count and other.first < one.first + one.count


def _parse(text: str) -> HostRange:
    bare = text.replace("[", "").replace("]", "") if _BRACKETS.fullmatch(text) else text
    if not bare or len(bare) > 253:
        raise UsageError("PORT-123", f"{text[:60]!r} is no host", _FORMS)
    if "/" in bare:
        return _block(bare)
    address = _address(bare)
    if address is not None and not _is_range_of_a_zone(bare):
        return HostRange(bare, int(address), 1, address.version, single=True, zone=_zone(address))
    first, dash, last = bare.rpartition("-") if "%" in bare else bare.partition("-")
    start = _address(first.strip()) if dash else None
    if start is not None:
        return _range(bare, start, last.strip())
    if all(char in "0123456789." for char in bare):
        raise UsageError("PORT-123", f"{text} is no address", _FORMS)
    return HostRange(bare, 0, 1, 0, single=True)


def _is_range_of_a_zone(text: str) -> bool:
    """fe80::1%eth0-fe80::9 can be read as one address on the interface "eth0-fe80::9", which nobody means."""
    first, dash, last = text.rpartition("-")
    return bool(dash) and "%" in first and _address(last) is not None


def _block(text: str) -> HostRange:
    """The hosts of a CIDR block: without network and broadcast address where it has them."""
    try:
        start, _, length = text.partition("/")
        zone = _zone(ip_address(start))
        network = ip_network(f"{start.partition('%')[0]}/{length}", strict=False)
    except ValueError as error:
        raise UsageError("PORT-124", f"{text[:60]} is no block of addresses ({error})"[:200], _FORMS) from None
    first, count = int(network.network_address), network.num_addresses
    if network.version == 4 and count > 2:
        first, count = first + 1, count - 2
    elif first == 0 and count > 1:  # :: stands for this machine, not for a host
        first, count = 1, count - 1
    return HostRange(text, first, count, network.version, single=count == 1, zone=zone)


def _range(text: str, start: IPv4Address | IPv6Address, last: str) -> HostRange:
    """`a-b`; of an IPv4 address b may be its last number alone."""
    if last.isdigit() and last.isascii() and isinstance(start, IPv4Address):
        last = f"{str(start).rpartition('.')[0]}.{last}"
    end = _address(last)
    if end is None or end.version != start.version or _zone(end) not in ("", _zone(start)):
        raise UsageError(
            "PORT-125", f"{text[:120]} is no range: behind the dash stands no address like the first", _FORMS
        )
    if int(end) < int(start):
        raise UsageError("PORT-126", f"{text[:120]} is an empty range: it ends before it begins", f"{end}-{start}")
    return HostRange(text, int(start), int(end) - int(start) + 1, start.version, zone=_zone(start))


def _zone(address: IPv4Address | IPv6Address) -> str:
    return (address.scope_id or "") if isinstance(address, IPv6Address) else ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
