"""What stands in front of the gateways, checked: nothing from a command line gets into a configuration text unseen."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from plantgate.errors import UsageError
from plantgate.limits import BALANCER_GATEWAYS

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_FILE = re.compile(r"[A-Za-z0-9_./:\\-]{1,1000}")
COOKIE = "plantgate_node"
# Seconds. A page pings every 2 s, so a WebSocket that is silent for an hour has lost its other end.
CONNECT, REQUEST, SILENT, STREAM = 5, 10, 60, 3600
CHECK_EVERY, CHECK_WITHIN = 2, 3


class Tls(StrEnum):
    """Who speaks TLS with the browser: the gateways themselves, or the balancer, which encrypts anew to them."""

    PASSTHROUGH = "passthrough"
    REENCRYPT = "reencrypt"


@dataclass(frozen=True, slots=True)
class Gateway:
    host: str
    port: int

    @property
    def target(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_name(self) -> bool:
        """True if somebody has to look the address up."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False

    @property
    def is_loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Balancer:
    """`certificate` is a PEM file with certificate and key, for re-encryption. `ca` is the PEM file that the gateways'
    own certificates are checked with; empty: they are not checked. `ignition`: the gateways are Ignition's.
    `address` is where the balancer listens, empty for every address of its machine.
    """

    gateways: tuple[Gateway, ...]
    tls: Tls = Tls.PASSTHROUGH
    port: int = 443
    certificate: str = ""
    ca: str = ""
    ignition: bool = False
    address: str = ""

    def __post_init__(self) -> None:
        _check_gateways(self.gateways)
        for option, file in (("--certificate", self.certificate), ("--ca", self.ca)):
            if file and not _FILE.fullmatch(file):
                raise UsageError(
                    "BAL-101",
                    f"{option} {file!r}: only letters, digits and . _ / \\ : - can be written into every configuration",
                    "give the file another name",
                )
        if self.tls is Tls.REENCRYPT and not self.certificate:
            raise UsageError(
                "BAL-102",
                "re-encryption needs a certificate that the browsers see",
                "--certificate FILE, with certificate and key in one PEM file; or --tls passthrough",
            )
        if not 1 <= self.port <= 65_535:
            raise UsageError("BAL-103", f"--port {self.port} is not a port from 1 to 65535", "--port 443")
        if self.address:
            _check_address(self.address)

    @property
    def endpoint(self) -> str:
        """`address:port` to listen on; empty without an address."""
        if not self.address:
            return ""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def warnings(self) -> tuple[str, ...]:
        if self.tls is Tls.PASSTHROUGH and any(gateway.is_loopback for gateway in self.gateways):
            return (
                "a gateway on this machine takes everybody who comes through a passing-through balancer for somebody "
                "at this machine, who may read without signing in: use --tls reencrypt here",
            )
        return ()


def parse_gateways(texts: Sequence[str], default_port: int) -> tuple[Gateway, ...]:
    """`HOST`, `HOST:PORT`, `[IPV6]:PORT` or a bare IPv6 address. Raises UsageError (BAL-104, BAL-105)."""
    return tuple(_gateway(text, default_port) for text in texts)


def _gateway(text: str, default_port: int) -> Gateway:
    host, port = text, str(default_port)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    if not 1 <= number <= 65_535:
        raise UsageError("BAL-104", f"--gateway {text}: not a port from 1 to 65535", "--gateway 192.0.2.10:8043")
    if ":" in host:
        try:
            return Gateway(str(ipaddress.IPv6Address(host.partition("%")[0])), number)
        except ValueError:
            host = ""
    if not _HOST.fullmatch(host):
        raise UsageError("BAL-105", f"--gateway {text}: not a host name or an address", "--gateway 192.0.2.10:8043")
    return Gateway(host, number)


def _check_gateways(gateways: tuple[Gateway, ...]) -> None:
    if not gateways:
        raise UsageError("BAL-106", "no gateway is named", "--gateway 192.0.2.10 --gateway 192.0.2.11")
    if len(gateways) > BALANCER_GATEWAYS:
        raise UsageError(
            "BAL-107",
            f"{len(gateways)} gateways are more than {BALANCER_GATEWAYS}",
            "put a balancer in front of each group",
        )
    for gateway in gateways:
        if gateways.count(gateway) > 1:
            raise UsageError("BAL-108", f"--gateway {gateway.target} is named twice", "name each gateway once")


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
        fine = "%" not in text  # the zone of an IPv6 address may be any text
    except ValueError:
        fine = False
    if not fine:
        raise UsageError("BAL-109", f"--address {text}: not an IP address", "--address 192.0.2.1, or leave it out")


def header(product: str, place: str, balancer: Balancer, *remarks: str) -> list[str]:
    """The comment lines on top of a configuration."""
    if balancer.tls is Tls.PASSTHROUGH:
        way = "TLS goes through: browsers see the gateways' own certificates, gateways the balancer's address"
    else:
        way = "TLS ends here and begins anew towards the gateways"
    lines = [
        f"plantgate: {product} in front of {len(balancer.gateways)} gateways, port {balancer.port}.",
        place,
        f"{way}.",
    ]
    if not balancer.ignition:
        lines.append("Each gateway must know the name that browsers use: gateway.publicAddress.address in gateway.xml.")
    else:
        lines.append("Both nodes of an Ignition pair must have the same gateway.publicAddress.address, autoDetect off.")
    return [f"# {line}" for line in (*lines, *remarks, *balancer.warnings)]
