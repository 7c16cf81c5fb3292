"""Which hosts to look at: names, addresses, CIDR blocks and ranges a-b, without ever writing them all down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from plantgate.errors import UsageError
from plantgate.limits import SCAN_ADDRESSES

_FORMS = "give a name, an address, a block like 192.0.2.0/24 or a range like 192.0.2.10-192.0.2.20"


@dataclass(frozen=True, slots=True)
class HostRange:
    """`count` hosts from `first` on. A name or a single address is `single`: it is expected to answer."""

    text: str
    first: int
    count: int
    version: int
    single: bool = False

    def __iter__(self) -> Iterator[str]:
        if not self.version:
            yield self.text
            return
        make = IPv4Address if self.version == 4 else IPv6Address
        for number in range(self.first, self.first + self.count):
            yield str(make(number))


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
            before = self.ranges[:place]
            for offset, host in enumerate(item):
                number = item.first + offset
                if not any(_holds(other, item.version, number, host) for other in before):
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


def _holds(other: HostRange, version: int, number: int, host: str) -> bool:
    if other.version != version:
        return False
    return other.text == host if not version else other.first <= number < other.first + other.count


def _parse(text: str) -> HostRange:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare or len(bare) > 253:
        raise UsageError("PORT-123", f"{text[:60]!r} is no host", _FORMS)
    if "/" in bare:
        return _block(bare)
    address = _address(bare)
    if address is not None:
        if isinstance(address, IPv6Address) and address.scope_id:  # its interface is part of it
            return HostRange(bare, 0, 1, 0, single=True)
        return HostRange(bare, int(address), 1, address.version, single=True)
    first, dash, last = bare.partition("-")
    start = _address(first.strip()) if dash else None
    if start is not None:
        return _range(bare, start, last.strip())
    if all(char in "0123456789." for char in bare):
        raise UsageError("PORT-123", f"{text} is no address", _FORMS)
    return HostRange(bare, 0, 1, 0, single=True)


def _block(text: str) -> HostRange:
    """The hosts of a CIDR block: without network and broadcast address where it has them."""
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise UsageError("PORT-124", f"{text[:60]} is no block of addresses ({error})"[:200], _FORMS) from None
    first, count = int(network.network_address), network.num_addresses
    if network.version == 4 and count > 2:
        first, count = first + 1, count - 2
    return HostRange(text, first, count, network.version, single=count == 1)


def _range(text: str, start: IPv4Address | IPv6Address, last: str) -> HostRange:
    """`a-b`; of an IPv4 address b may be its last number alone."""
    if last.isdigit() and last.isascii() and isinstance(start, IPv4Address):
        last = f"{str(start).rpartition('.')[0]}.{last}"
    end = _address(last)
    if end is None or end.version != start.version:
        raise UsageError(
            "PORT-125", f"{text[:120]} is no range: behind the dash stands no address like the first", _FORMS
        )
    if int(end) < int(start):
        raise UsageError("PORT-126", f"{text[:120]} is an empty range: it ends before it begins", f"{end}-{start}")
    return HostRange(text, int(start), int(end) - int(start) + 1, start.version)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
