"""Checks of the addresses of badge readers against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from plantgate.config.document import Reader, Transport
from plantgate.config.problems import Problems, shown


def check_readers(
    readers: Sequence[Reader], source_of: Callable[[str, str, str], str], problems: Problems
) -> list[str]:
    """A reader is one host, and no other is behind the same address. Adds to `problems`; gives warnings.

    `source_of(section, name, key)` is where a value was written.
    """
    warnings: list[str] = []
    first: dict[tuple[str, int, Transport], Reader] = {}
    for reader in readers:
        source, label = source_of("reader", reader.name, "host"), f"reader.{reader.name}.host"
        if reader.transport is Transport.UDP and _is_no_single_host(reader.host):
            problems.add(
                "CFG-181",
                source,
                label,
                f"{shown(reader.host)} is not the address of one reader",
                "datagrams are believed by the address that they come from: write that of the reader",
            )
        if not reader.enabled:
            continue
        other = first.setdefault((reader.host.lower(), reader.port, reader.transport), reader)
        if other is reader:
            continue
        if reader.transport is Transport.UDP:
            before = source_of("reader", other.name, "host")
            problems.add(
                "CFG-182",
                source,
                label,
                f"reader {shown(other.name)} ({before}) has the same host and port: their datagrams look alike",
                "give one of them another port (its register 0285)",
            )
        else:
            warnings.append(
                f"readers {shown(other.name)} and {shown(reader.name)} have the same host and port: a reader takes one"
                " connection, so one of them will find it busy"
            )
    return warnings


def _is_no_single_host(host: str) -> bool:
    """Whether `host` is written as an address that stands for several hosts, or for none."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255"
