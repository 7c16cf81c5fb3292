"""`ports explain`: everything about one port in one place, for the person who stands before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plantgate.config.document import Configuration
from plantgate.config.overrides import ALIASES
from plantgate.config.problems import did_you_mean, one_of, shown
from plantgate.errors import UsageError
from plantgate.ports.atlas import Endpoint, atlas
from plantgate.ports.byhand import Speaks, tests_by_hand
from plantgate.ports.knowledge import KNOWN, OTHER_PORTS, SUSPECTS, OtherPort
from plantgate.ports.settings import set_command
from plantgate.ports.specs import NAMES, SPECS, Direction, PortSpec

_SPEAKS: Mapping[str, Speaks] = {"http": "http", "https": "https", "metro_ssl": "tls"}
_LOCAL = frozenset({"", "0.0.0.0", "::", "127.0.0.1", "::1"})  # noqa: S104 - compared with, nothing is bound


@dataclass(frozen=True, slots=True)
class Change:
    """How the port is changed: the lines of `file` `before` and `after`, and the `command` that does it."""

    file: str
    before: str
    after: str
    command: str
    in_ignition: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`name` is empty for a port that is not in the atlas; `configured` then is None.

    `tests` are commands by platform. `change` is None where nothing of ours sets the port.
    """

    port: int
    name: str
    instance: str
    title: str
    transport: str
    direction: str
    protocol: str
    purpose: str
    required: str
    ignition: str
    configured: Endpoint | None
    used_by: Sequence[str]
    suspects: Sequence[str]
    tests: Mapping[str, Sequence[str]]
    change: Change | None
    firewall: Sequence[str]
    clients: Sequence[str]
    nearest: str = ""


def explain(wanted: str, configuration: Configuration, gateway_xml: Path | None = None) -> list[Explanation]:
    """What `wanted` is: a port number, a name of the atlas, `reader.NAME`, a key or a name of the ports reference.

    One explanation for each use that fits; a number that nobody knows has one too. `gateway_xml` is a file that stands
    alone, for the commands. Raises UsageError (PORT-401, PORT-402).
    """
    text = wanted.strip()
    endpoints = atlas(configuration)
    if text.lstrip("+-").isdecimal():
        return _of_number(_number(text), endpoints, configuration, gateway_xml)
    key = ALIASES.get(text, text)
    meant = "modbus" if text in ("modbus_server", "modbus_port") else text
    found = [
        endpoint
        for endpoint in endpoints
        if meant in {endpoint.name, endpoint.key.removesuffix(".port"), endpoint.key.removesuffix(".url")}
        or key == endpoint.key
    ]
    if not found:
        raise UsageError(
            "PORT-401",
            f"there is no port named {shown(text)}{did_you_mean(text, NAMES)}",
            f"give a number from 1 to 65535 or a name: {one_of(NAMES)}",
        )
    return [_of_endpoint(endpoint, configuration, gateway_xml) for endpoint in found]


def suspects_of(port: int, default: int) -> Sequence[str]:
    """Who usually takes `port`; for one that was moved, nobody is suspected for its default's sake."""
    return SUSPECTS.get(port, ()) if port else SUSPECTS.get(default, ())


def _number(text: str) -> int:
    port = int(text) if len(text) <= 6 else -1  # a port has five digits: a longer number is none, however long
    if not 1 <= port <= 65_535:
        raise UsageError("PORT-402", f"{shown(text)} is not a port from 1 to 65535", "0 means that a listener is off")
    return port


def _of_number(
    port: int, endpoints: Sequence[Endpoint], configuration: Configuration, gateway_xml: Path | None
) -> list[Explanation]:
    used = [endpoint for endpoint in endpoints if endpoint.port == port]
    found = [_of_endpoint(endpoint, configuration, gateway_xml) for endpoint in used]
    # http moved to 8080: 8088 is still what others call the HTTP port.
    told = {(endpoint.name, endpoint.direction) for endpoint in used}
    usual = [spec for spec in SPECS if spec.default == port and (spec.name, spec.direction) not in told]
    found += [_of_spec(spec, endpoints) for spec in usual]
    found += [_of_other(other) for other in OTHER_PORTS if other.port == port]
    return found or [_unknown(port, endpoints)]


def _of_endpoint(endpoint: Endpoint, configuration: Configuration, gateway_xml: Path | None) -> Explanation:
    spec, known = endpoint.spec, KNOWN[endpoint.name, endpoint.direction]
    port = endpoint.port or spec.default
    inbound = endpoint.direction is Direction.LISTEN
    host = "localhost" if endpoint.host in _LOCAL else endpoint.host
    return Explanation(
        port=endpoint.port,
        name=endpoint.name,
        instance=endpoint.instance,
        title=spec.title,
        transport=spec.transport,
        direction=str(endpoint.direction),
        protocol=spec.protocol,
        purpose=spec.purpose,
        required=spec.required,
        ignition=spec.ignition,
        configured=endpoint,
        used_by=known.used_by,
        suspects=suspects_of(endpoint.port, spec.default),
        tests=tests_by_hand(
            host, port, transport=spec.transport, inbound=inbound, speaks=_SPEAKS.get(endpoint.name, "")
        ),
        change=_change(endpoint, configuration, gateway_xml),
        firewall=tuple(_firewall(endpoint, port)),
        clients=known.clients,
    )


def _of_spec(spec: PortSpec, endpoints: Sequence[Endpoint]) -> Explanation:
    """A default port that this configuration does not use: what it is for elsewhere."""
    now = next(endpoint for endpoint in endpoints if endpoint.spec is spec)
    known = KNOWN[spec.name, spec.direction]
    inbound = spec.direction is Direction.LISTEN
    return Explanation(
        port=spec.default,
        name=spec.name,
        instance="",
        title=spec.title,
        transport=spec.transport,
        direction=str(spec.direction),
        protocol=spec.protocol,
        purpose=spec.purpose,
        required=spec.required,
        ignition=spec.ignition,
        configured=None,
        used_by=known.used_by,
        suspects=suspects_of(spec.default, spec.default),
        tests=tests_by_hand(
            "localhost" if inbound else "HOST",
            spec.default,
            transport=spec.transport,
            inbound=inbound,
            speaks=_SPEAKS.get(spec.name, ""),
        ),
        change=None,
        firewall=(),
        clients=(),
        nearest=f"the usual port of {spec.name}; here {now.label} has {now.port or 'none (0: off)'} ({now.source})",
    )


def _of_other(other: OtherPort) -> Explanation:
    way = "in from the network" if other.inbound else "out to the device or server"
    return Explanation(
        port=other.port,
        name="",
        instance="",
        title=other.use,
        transport=other.transport,
        direction=str(Direction.LISTEN if other.inbound else Direction.CONNECT),
        protocol="",
        purpose=other.use,
        required="if an Ignition gateway uses it",
        ignition=f"{other.use}; configurable: {other.changeable}",
        configured=None,
        used_by=(),
        suspects=suspects_of(other.port, other.port),
        tests=tests_by_hand(
            "localhost" if other.inbound else "HOST",
            other.port,
            transport=other.transport,
            inbound=other.inbound,
            speaks="",
        ),
        change=None,
        firewall=(f"{other.transport.upper()} {other.port} {way}, only where Ignition uses it",),
        clients=(),
        nearest="plantgate does not use this port; an Ignition gateway may",
    )


def _unknown(port: int, endpoints: Sequence[Endpoint]) -> Explanation:
    uses = [(endpoint.port, endpoint.label) for endpoint in endpoints if endpoint.port]
    uses += [(other.port, other.use) for other in OTHER_PORTS]
    near, use = min(uses, key=lambda item: (abs(item[0] - port), item[0]))
    suspects = suspects_of(port, port)
    return Explanation(
        port=port,
        name="",
        instance="",
        title="no port of a gateway",
        transport="tcp",
        direction=str(Direction.LISTEN),
        protocol="",
        purpose="neither plantgate nor Ignition uses it as delivered",
        required="no",
        ignition="not in Ignition's table of ports",
        configured=None,
        used_by=(),
        suspects=suspects,
        tests=tests_by_hand("localhost", port, transport="tcp", inbound=True, speaks=""),
        change=None,
        firewall=("keep it closed unless you know who needs it",),
        clients=(),
        nearest=f"the nearest known port is {near}: {use}",
    )


def _change(endpoint: Endpoint, configuration: Configuration, gateway_xml: Path | None) -> Change:
    known = KNOWN[endpoint.name, endpoint.direction]
    new = known.alternative if known.alternative != endpoint.port else endpoint.spec.default
    command = set_command(endpoint, new, configuration.directory, gateway_xml)
    if endpoint.key.startswith("gateway."):
        before, after = (f'<entry key="{endpoint.key}">{port}</entry>' for port in (endpoint.port, new))
        return Change("gateway.xml", before, after, command, known.in_ignition)
    if endpoint.key.endswith("url") or endpoint.key.startswith("[["):
        section = endpoint.key.partition("]]")[0].strip("[").partition(".")[0]
        line = 'url = "...://HOST:{}/NAME"' if endpoint.key.endswith("url") else "port = {}"
        before, after = (f"[[{section}]]\n{line.format(port)}" for port in (endpoint.port, new or "PORT"))
        return Change(
            "plantgate.toml", before, after, "" if endpoint.key.startswith("[[") else command, known.in_ignition
        )
    table, _, _ = endpoint.key.rpartition(".")
    section = f"[{table}]"
    if endpoint.instance:
        section = f'[[{table.partition(".")[0]}]]\nname = "{endpoint.instance}"'
    return Change(
        "plantgate.toml", f"{section}\nport = {endpoint.port}", f"{section}\nport = {new}", command, known.in_ignition
    )


def _firewall(endpoint: Endpoint, port: int) -> Iterator[str]:
    transport = endpoint.spec.transport.upper()
    if endpoint.direction is Direction.CONNECT:
        peer = endpoint.host or "the device or server"
        yield f"nothing comes in: allow {transport} {port} out from this host to {peer}"
        return
    yield f"allow {transport} {port} in, from those who need it only: {', '.join(_sources(endpoint.name))}"
    if endpoint.host in {"127.0.0.1", "::1", "localhost"}:
        yield f"as configured it listens on {endpoint.host}: only this machine can connect, no rule is needed"
    yield "after a change: allow the new port, remove the rule of the old one"
    rule = f'name="{endpoint.spec.title}" dir=in action=allow protocol={transport} localport={port}'
    yield f"Windows: netsh advfirewall firewall add rule {rule}"
    yield "for all ports at once, for every firewall: plantgate ports firewall"


def _sources(name: str) -> Sequence[str]:
    return {
        "http": ("operator stations", "engineering stations", "the load balancer"),
        "https": ("operator stations", "engineering stations", "the load balancer"),
        "metro_ssl": ("the other gateways",),
        "opcua": ("OPC UA clients",),
        "opcua_discovery": ("OPC UA clients",),
        "modbus": ("Modbus clients",),
    }[name]
