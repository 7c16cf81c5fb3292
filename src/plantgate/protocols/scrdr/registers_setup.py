"""Registers for an installation, and what keeps a reader with given registers from working with plantgate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from plantgate.errors import ConfigError
from plantgate.protocols.scrdr.registers import RegisterErrors, RegisterFile
from plantgate.protocols.scrdr.registers_table import (
    DEFAULT_PORT,
    NETWORK_FORMATS,
    NETWORK_MODES,
    PROFILES,
    REMOVAL_NEEDED,
    TEMPLATES,
    NetworkFormat,
    NetworkMode,
    Profile,
    known,
)

_MODES = (NetworkMode.TCP_SERVER, NetworkMode.TCP_AND_UDP_SERVER, NetworkMode.UDP_SERVER)
_USUAL_REPEAT_S = 3.0
_BROADCAST = "255.255.255.255"
_LONGEST_TENTHS = 254  # FF in register 02A1 means something else


class Severity(StrEnum):
    """PROBLEM: it will not work. WARNING: it works, until something happens. NOTE: good to know."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """`fix` is the line of the register file that puts it right; empty where only a person can know it."""

    code: str
    severity: Severity
    address: int
    what: str
    fix: str = ""


def for_installation(
    *,
    address: IPv4Interface | None,
    gateway: IPv4Address | None = None,
    dns: Sequence[IPv4Address] = (),
    port: int = DEFAULT_PORT,
    mode: NetworkMode = NetworkMode.TCP_SERVER,
    track: bool = False,
    active_from_start: bool = False,
    read_s: float = 1.0,
    repeat_s: float | None = 3.0,
    host_ui: bool = False,
    udp_destination: IPv4Address | None = None,
    base: RegisterFile | None = None,
) -> RegisterFile:
    """The registers that make a reader work with plantgate, on top of `base`. `address` None: DHCP.

    `repeat_s` None: a card is told again only after it was removed. Raises RegisterErrors with everything that can't
    be meant.
    """
    errors = [
        *_address_errors(address, gateway, dns),
        *_port_errors(port, mode, base or RegisterFile()),
        *_interval_errors(read_s, repeat_s),
    ]
    if mode not in _MODES:
        errors.append(
            ConfigError("SC-514", f"{NETWORK_MODES.get(mode, mode)} brings no $SCRDR to plantgate", "use tcp or udp")
        )
    if errors:
        raise RegisterErrors(errors)
    file = base or RegisterFile()
    ports = bytearray(file.get(0x0285))
    ports[8:10] = (0 if port == DEFAULT_PORT else port).to_bytes(2, "big")
    features = bytearray(file.get(0x02A0))
    features[0] = features[0] & ~0x13 | (0x10 if track else 0) | (0x01 if active_from_start else 0)
    features[3] = NetworkFormat.SCRDR
    # Defaults are written too: the reader may have had other values before.
    values = {
        0x0280: _ipv4(address, gateway, dns),
        0x0283: bytes([file.get(0x0283)[0] & 0x7F]),
        0x0285: bytes(ports),
        0x02A0: bytes(features),
        0x02A1: bytes([round(read_s * 10), REMOVAL_NEEDED if repeat_s is None else round(repeat_s * 10)]),
        0x02C0: bytes([mode << 4 | Profile.SMART_READER]),
        0x02D0: bytes([int(host_ui)]),
    }
    if udp_destination is not None:
        values[0x0294] = str(udp_destination).encode("ascii")
    return RegisterFile({**file.values, **values})


def _ipv4(address: IPv4Interface | None, gateway: IPv4Address | None, dns: Sequence[IPv4Address]) -> bytes:
    if address is None:
        return bytes(20)
    none = IPv4Address(0)
    parts = [address.ip, address.netmask, gateway or none, *dns, none, none]
    return b"".join(part.packed for part in parts[:5])


def _address_errors(
    address: IPv4Interface | None, gateway: IPv4Address | None, dns: Sequence[IPv4Address]
) -> Iterator[ConfigError]:
    if address is None:
        if gateway is not None or dns:
            yield ConfigError("SC-511", "gateway and DNS come from DHCP too", "leave them out, or give --ip")
        return
    for what, hint in _host_problems(address.ip, address.network):
        yield ConfigError("SC-511", what, hint)
    if gateway is not None:
        yield from _gateway_errors(address, gateway)
    if len(dns) > 2:
        yield ConfigError("SC-511", f"register 0280 has room for two name servers, not {len(dns)}", "leave one out")
    for server in dns:
        if server.is_multicast or not int(server) or str(server) == _BROADCAST:
            yield ConfigError("SC-511", f"{server} can't be a name server")


def _gateway_errors(address: IPv4Interface, gateway: IPv4Address) -> Iterator[ConfigError]:
    if gateway not in address.network:
        yield ConfigError(
            "SC-511",
            f"gateway {gateway} is not in the reader's subnet {address.network}: it could never be reached",
            "check the gateway's address and the /prefix of the reader",
        )
    elif gateway == address.ip:
        yield ConfigError("SC-511", f"gateway {gateway} is the reader itself", "give the router's address")
    else:
        for what, hint in _host_problems(gateway, address.network):
            yield ConfigError("SC-511", f"gateway: {what}", hint)


def _host_problems(ip: IPv4Address, network: IPv4Network) -> Iterator[tuple[str, str]]:
    """What keeps `ip` from being a host of `network`."""
    if network.prefixlen == 32:
        yield (f"{ip}/32 is a subnet of one: nobody else is in it", "give the prefix of the subnet: /24")
    elif not network.prefixlen:
        yield (f"{ip}/0 has no subnet", "give the prefix of the subnet: /24")
    elif network.prefixlen < 31 and ip == network.network_address:
        yield (f"{ip} is the network address of {network}, not a host", f"the first host is {network[1]}")
    elif network.prefixlen < 31 and ip == network.broadcast_address:
        yield (f"{ip} is the broadcast address of {network}, not a host", f"the last host is {network[-2]}")
    if ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        yield (f"{ip} can't be the address of a device", "use one of the plant's network")


def _port_errors(port: int, mode: NetworkMode, file: RegisterFile) -> Iterator[ConfigError]:
    if not 1 <= port <= 65_535:
        yield ConfigError("SC-512", f"port {port} is not from 1 to 65535", f"{DEFAULT_PORT} is the default")
    else:
        for service in _clashes(port, mode, file):
            yield ConfigError(
                "SC-512", f"port {port} is that of the reader's own {service}", f"{DEFAULT_PORT} is the default"
            )


def _clashes(port: int, mode: NetworkMode, file: RegisterFile) -> Iterator[str]:
    """Services of the reader itself on the same port and transport (registers 0284 and 0285)."""
    services = file.get(0x0284)[0]
    tcp = mode in (NetworkMode.TCP_SERVER, NetworkMode.TCP_AND_UDP_SERVER)
    udp = mode in (NetworkMode.UDP_SERVER, NetworkMode.TCP_AND_UDP_SERVER)
    direct = services >> 2 & 0x3
    for name, start, default, on in (
        ("Telnet service", 0, 23, tcp and not services & 0x02),
        ("discovery service", 2, 3999, udp and not services & 0x01),
        ("Direct service", 4, 3978, (direct == 1 and udp) or (direct == 2 and tcp)),
    ):
        if on and port == (int.from_bytes(file.get(0x0285)[start : start + 2], "big") or default):
            yield name


def _interval_errors(read_s: float, repeat_s: float | None) -> Iterator[ConfigError]:
    for name, seconds in (("read", read_s), ("repeat", repeat_s)):
        if seconds is not None and not 0 <= round(seconds * 10) <= _LONGEST_TENTHS:
            yield ConfigError(
                "SC-513", f"the {name} interval can't be {seconds:g} s", "0 to 25.4 s (register 02A1, in 0.1 s)"
            )


def findings(file: RegisterFile) -> list[Finding]:
    """What keeps a reader with these registers from working with plantgate, the worst first."""
    found = [
        *_profile(file),
        *_format(file),
        *_network(file),
        *_address(file),
        *_ports(file),
        *_udp(file),
        *_behaviour(file),
        *(
            Finding("SC-541", Severity.NOTE, address, "plantgate does not know this register and leaves it as it is")
            for address in file.values
            if not known(address)
        ),
    ]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _line(address: int, value: bytes) -> str:
    return f"{address:04X}={value.hex().upper()}"


def _profile(file: RegisterFile) -> Iterator[Finding]:
    value, mode = file.get(0x02C0)[0], file.network_mode
    fix = _line(0x02C0, bytes([(mode if mode in _MODES else NetworkMode.TCP_SERVER) << 4 | Profile.SMART_READER]))
    if file.profile is not Profile.SMART_READER:
        what = f"the profile is {PROFILES[file.profile]}: only a Smart Reader tells cards"
        yield Finding("SC-521", Severity.PROBLEM, 0x02C0, what, fix)
    if mode not in _MODES:
        what = f"the network operation is {NETWORK_MODES.get(mode, 'reserved')}: plantgate connects to a TCP server"
        yield Finding("SC-522", Severity.PROBLEM, 0x02C0, what, fix)
    if value & 0x88:
        yield Finding("SC-523", Severity.WARNING, 0x02C0, f"reserved bits are set in {value:02X}", fix)


def _format(file: RegisterFile) -> Iterator[Finding]:
    features = file.get(0x02A0)
    if file.network_format is not NetworkFormat.SCRDR:
        fix = _line(0x02A0, features[:3] + b"\x01" + features[4:])
        name = NETWORK_FORMATS.get(file.network_format, "reserved")
        why = {
            NetworkFormat.JSON: ", which is the factory setting",
            NetworkFormat.MK1: "; a page of the vendor gives 03 for $SCRDR, but 03 is MK1 and 01 is $SCRDR",
        }.get(file.network_format, "")
        what = f"byte 3 is {features[3]:02X}: the network format is {name}, not $SCRDR{why}"
        yield Finding("SC-524", Severity.PROBLEM, 0x02A0, what, fix)
    if file.explicit_activation and not file.active_from_start:
        fix = _line(0x02A0, bytes([features[0] & ~0x02]) + features[1:])
        what = "reading waits for a command of the host, and $SCCMD has none for it: no card would ever be told"
        yield Finding("SC-525", Severity.PROBLEM, 0x02A0, what, fix)


def _network(file: RegisterFile) -> Iterator[Finding]:
    options = file.get(0x0283)[0]
    if not file.network_on:
        yield Finding(
            "SC-526", Severity.PROBLEM, 0x0283, "the network is off altogether", _line(0x0283, bytes([options & 0x7F]))
        )
    if options & 0x07:
        yield Finding(
            "SC-527",
            Severity.WARNING,
            0x0283,
            "the speed of the link is fixed: a switch that negotiates falls back to half duplex and loses frames",
            _line(0x0283, bytes([options & 0xF8])),
        )
    if file.get(0x0288)[0] & 0x01 and file.network_mode is not NetworkMode.MQTT_CLIENT:
        yield Finding(
            "SC-528",
            Severity.WARNING,
            0x0288,
            "TLS is on, but the reader has it for MQTT only: $SCRDR goes in the clear, so keep it in a network of its"
            " own",
            _line(0x0288, bytes([file.get(0x0288)[0] & 0xFE]) + file.get(0x0288)[1:]),
        )


def _address(file: RegisterFile) -> Iterator[Finding]:
    if file.ip is None:
        what = "the address comes from DHCP: plantgate loses the reader when it changes, so reserve it there or set one"
        yield Finding("SC-529", Severity.WARNING, 0x0280, what)
        return
    inverted = ~int(file.mask) & 0xFFFFFFFF
    if not int(file.mask) or inverted & (inverted + 1):
        yield Finding("SC-530", Severity.PROBLEM, 0x0280, f"{file.mask} is no network mask")
        return
    interface = IPv4Interface(f"{file.ip}/{file.mask}")
    for error in _address_errors(interface, file.gateway, file.dns):
        yield Finding("SC-530", Severity.PROBLEM, 0x0280, error.message)


def _ports(file: RegisterFile) -> Iterator[Finding]:
    port = file.scrdr_port
    ports = file.get(0x0285)
    for service in _clashes(port, file.network_mode, file):
        what = f"port {port} is that of the reader's own {service} as well"
        yield Finding("SC-531", Severity.PROBLEM, 0x0285, what, _line(0x0285, ports[:8] + b"\0\0" + ports[10:]))
    if port != DEFAULT_PORT:
        what = f"the port is {port}, not {DEFAULT_PORT}: set port = {port} for this reader in plantgate.toml"
        yield Finding("SC-532", Severity.NOTE, 0x0285, what)


def _udp(file: RegisterFile) -> Iterator[Finding]:
    if file.network_mode is not NetworkMode.UDP_SERVER:
        return
    yield Finding("SC-539", Severity.NOTE, 0x02C0, 'UDP: set transport = "udp" for this reader in plantgate.toml')
    if file.udp_destination == _BROADCAST:
        what = "cards are broadcast: everybody in the subnet gets them; give plantgate's address in register 0294"
        yield Finding("SC-533", Severity.WARNING, 0x0294, what)
    if not file.get(0x0295)[0] & 0x01:
        what = "commands are taken from anybody, not only from the host of register 0294"
        yield Finding("SC-534", Severity.WARNING, 0x0295, what, _line(0x0295, bytes([file.get(0x0295)[0] | 0x01])))


def _behaviour(file: RegisterFile) -> Iterator[Finding]:
    repeat = file.repeat_interval_s
    if not file.track and repeat != _USUAL_REPEAT_S:
        words = "never repeated" if repeat is None else f"repeated every {repeat:g} s"
        what = f"a card that stays is {words}, not every {_USUAL_REPEAT_S:g} s: tell plantgate (repeat_interval)"
        yield Finding("SC-535", Severity.NOTE, 0x02A1, what)
    if not file.ui_host_controlled:
        what = (
            "the reader plays 'read success' by itself before plantgate has decided; at a door let plantgate alone play"
        )
        yield Finding("SC-536", Severity.NOTE, 0x02D0, what, _line(0x02D0, bytes([file.get(0x02D0)[0] | 0x01])))
    if not file.volume:
        yield Finding("SC-537", Severity.NOTE, 0x02D8, "the buzzer is mute", _line(0x02D8, b"\x01"))
    lookups = [address for address in file.values if address in TEMPLATES]
    if lookups and not any(file.get(address)[0] for address in lookups):
        what = "every template here is off: unless another one is on, no card is read"
        yield Finding("SC-538", Severity.WARNING, lookups[0], what, _line(lookups[0], b"\xff"))
