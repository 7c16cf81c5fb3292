"""A configuration becomes firewall rules: what may come in, and what the gateway must be able to reach."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from plantgate.config.document import Configuration
from plantgate.errors import UsageError
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.firewall.sources import Networks, Sources, collapsed
from plantgate.ports.specs import Direction

Way: TypeAlias = Literal["in", "out"]

# What may stand inside the quotes of a batch file, PowerShell, sh, ufw, nft and iptables-restore alike.
_STRANGE = re.compile(r"[^A-Za-z0-9 _.,:()/-]")
_NAMED_PEERS = 4


@dataclass(frozen=True, slots=True)
class Flow:
    """What one family of addresses may do. `version` None: IPv4 and IPv6, any address."""

    version: Literal[4, 6] | None
    sources: Networks
    destinations: Networks


@dataclass(frozen=True, slots=True)
class Rule:
    """One port, one direction.

    `sources` empty: anybody. `destinations`: the address we listen on (empty: all of ours), or the peers (empty: any).
    An incoming rule with sources also means that nobody else may use the port.
    """

    name: str
    why: str
    port_name: str
    way: Way
    port: int
    sources: Networks = ()
    destinations: Networks = ()
    protocol: Literal["tcp"] = "tcp"

    def __post_init__(self) -> None:
        if _STRANGE.search(self.name + self.why):
            raise UsageError("FW-111", f"a firewall rule can't be called {self.name!r} ({self.why!r})", "use `plain`")

    @property
    def restricted(self) -> bool:
        return self.way == "in" and bool(self.sources)

    @property
    def comment(self) -> str:
        return f"{self.name}: {self.why}"

    def allowed(self) -> tuple[Flow, ...]:
        """Per family what may pass. Empty if no source has the family of the address we listen on."""
        return tuple(_flows(self.sources, self.destinations))

    def refused(self) -> tuple[Flow, ...]:
        """What must not pass once `allowed` has: everything else to the same port, if the rule has sources."""
        return tuple(_flows((), self.destinations)) if self.restricted else ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """`remarks` are sentences about ports that need no rule, or that no firewall can say better."""

    rules: tuple[Rule, ...]
    remarks: tuple[str, ...]

    def towards(self, way: Way) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.way == way)


def plain(text: str) -> str:
    """`text` with everything replaced that could end a quotation somewhere."""
    return _STRANGE.sub("_", text.replace(";", ","))


def _flows(sources: Networks, destinations: Networks) -> Iterator[Flow]:
    if not sources and not destinations:
        yield Flow(None, (), ())
        return
    for version in (4, 6):
        near = tuple(item for item in sources if item.version == version)
        far = tuple(item for item in destinations if item.version == version)
        if (near or not sources) and (far or not destinations):
            yield Flow(4 if version == 4 else 6, near, far)


def derive(
    configuration: Configuration, sources: Sources, *, outbound: bool = False, every_interface: bool = False
) -> RuleSet:
    """The rules for `configuration`: each port that is listened on once, and with `outbound` each port of a peer once.

    `every_interface`: the address in the configuration does not count (an Ignition gateway has none and listens on
    all). Peers are joined per kind and port. A data directory is that of our own gateway: what this version does not
    open needs no rule.
    """
    endpoints = [endpoint for endpoint in atlas(configuration) if endpoint.enabled and endpoint.port]
    remarks: list[str] = []
    unserved = [
        each
        for each in endpoints
        if configuration.directory is not None and each.direction is Direction.LISTEN and not each.spec.served
    ]
    remarks += [
        f"{each.name} {each.port}: this version of plantgate does not open it yet, so it gets no rule"
        for each in unserved
    ]
    endpoints = [each for each in endpoints if each not in unserved]
    rules = list(_incoming(endpoints, sources, remarks, every_interface))
    if outbound:
        rules += _outgoing(endpoints, remarks)
    told = {each.name for each in (*endpoints, *unserved) if each.direction is Direction.LISTEN}
    remarks += [f"a source is given for {name}, which is off: no rule" for name in sources.by_name if name not in told]
    return RuleSet(tuple(rules), tuple(plain(remark) for remark in remarks))


def _incoming(
    endpoints: Sequence[Endpoint], sources: Sources, remarks: list[str], every_interface: bool
) -> Iterator[Rule]:
    for endpoint in endpoints:
        if endpoint.direction is not Direction.LISTEN:
            continue
        if not every_interface and _is_loopback(endpoint.host):
            remarks.append(
                f"{endpoint.name} {endpoint.port} listens on {endpoint.host} only: no rule needed, "
                "nobody else can reach it (web.address)"
            )
            continue
        spec, allowed = endpoint.spec, sources.of(endpoint.name)
        rule = Rule(
            name=f"plantgate {endpoint.name}",
            why=plain(f"{spec.title}, {spec.purpose} ({endpoint.key}, {endpoint.source})"),
            port_name=endpoint.name,
            way="in",
            port=endpoint.port,
            sources=allowed,
            destinations=() if every_interface else _bound(endpoint.host),
        )
        if not rule.allowed():
            remarks.append(f"{endpoint.name} listens on {endpoint.host}: no source has that family, nobody gets in")
        yield rule


def _outgoing(endpoints: Sequence[Endpoint], remarks: list[str]) -> Iterator[Rule]:
    peers: dict[tuple[str, int], list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.direction is not Direction.CONNECT:
            continue
        if _is_loopback(endpoint.host):
            remarks.append(f"{endpoint.label} is on this machine: no rule needed")
        else:
            peers.setdefault((endpoint.name, endpoint.port), []).append(endpoint)
    for (name, port), group in peers.items():
        addresses = [_address(endpoint.host) for endpoint in group]
        named = [endpoint for endpoint, address in zip(group, addresses, strict=True) if address is None]
        remarks += [
            f"{endpoint.label} has the name {endpoint.host}, and firewalls know addresses only: port {port} is allowed "
            "to any address; put the address into the configuration to narrow that"
            for endpoint in named
        ]
        found = collapsed(ipaddress.ip_network(address) for address in addresses if address is not None)
        yield Rule(
            name=f"plantgate out {name} {port}",
            why=plain(f"{group[0].spec.title}, {group[0].spec.purpose} ({_listed(group)})"),
            port_name=name,
            way="out",
            port=port,
            destinations=() if named else found,
        )


def _listed(group: Sequence[Endpoint]) -> str:
    names = ", ".join(endpoint.instance for endpoint in group[:_NAMED_PEERS])
    more = len(group) - _NAMED_PEERS
    return f"{names} and {more} more" if more > 0 else names


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address without its zone (fe80::1%eth0), None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return ipaddress.IPv6Address(int(address)) if address.version == 6 else address


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address is not None else host.lower() == "localhost"


def _bound(host: str) -> Networks:
    address = _address(host)
    return () if address is None or address.is_unspecified else (ipaddress.ip_network(address),)
