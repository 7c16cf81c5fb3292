"""The registers of a SpringCore reader that matter to its host: sizes, defaults, and what each bit says.

Source: `springcore.md` 1.8 and the vendor's register definitions v1.31 (`springpark-sd.xml`,
`springcore-individuals.xml`, `springcore-nfc-templates.xml`). Values are bytes as the vendor writes them in hex, the
first byte most significant; a mask runs over the whole register in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address

DEFAULT_PORT = 4000
REMOVAL_NEEDED = 0xFF


class NetworkMode(IntEnum):
    """Register 02C0 bits 6-4. There is no raw TCP client."""

    OFF = 0
    HTTP_CLIENT = 1
    TCP_SERVER = 2
    TCP_AND_UDP_SERVER = 3
    UDP_SERVER = 4
    RESERVED_5 = 5
    MQTT_CLIENT = 6
    RESERVED_7 = 7


class Profile(IntEnum):
    """Register 02C0 bits 2-0."""

    DIRECT = 0
    SPRINGPROX = 1
    CCID = 2
    KEYBOARD = 3
    SMART_READER = 4
    ST_UHF = 5
    MASS_STORAGE = 6
    NFC_COCKPIT = 7


class NetworkFormat(IntEnum):
    """Register 02A0 byte 3 bits 2-0. The vendor's overview page says 03 for $SCRDR: that is MK1 (Q2)."""

    TLV = 0
    SCRDR = 1
    JSON = 2
    MK1 = 3
    RESERVED_4 = 4
    RESERVED_5 = 5
    RESERVED_6 = 6
    IWM2 = 7


@dataclass(frozen=True, slots=True)
class Meaning:
    """One field of a register in plain words."""

    field: str
    text: str


Describe = Callable[[bytes], tuple[Meaning, ...]]


@dataclass(frozen=True, slots=True)
class RegisterSpec:
    """`size` bytes exactly, or (`variable`) up to that many. `describe` takes a value of a fitting size."""

    address: int
    name: str
    size: int
    default: bytes
    describe: Describe
    variable: bool = False
    secret: bool = False

    def fits(self, value: bytes) -> bool:
        """An empty register is one that has its default."""
        return not value or (len(value) <= self.size if self.variable else len(value) == self.size)

    @property
    def size_words(self) -> str:
        if self.variable:
            return f"up to {self.size} bytes"
        return f"{self.size} byte{'' if self.size == 1 else 's'}"


Words = Mapping[int, str] | Callable[[int], str]


@dataclass(frozen=True, slots=True)
class _Bits:
    name: str
    mask: int
    words: Words

    def meaning(self, number: int) -> Meaning:
        value = (number & self.mask) >> ((self.mask & -self.mask).bit_length() - 1)
        if callable(self.words):
            return Meaning(self.name, self.words(value))
        return Meaning(self.name, self.words.get(value, f"{value} (reserved)"))


def _bits(*fields: _Bits) -> Describe:
    return lambda value: tuple(field.meaning(int.from_bytes(value, "big")) for field in fields)


def _flag(name: str, mask: int, no: str, yes: str) -> _Bits:
    return _Bits(name, mask, {0: no, 1: yes})


def _seconds(value: int) -> str:
    return f"{value} s"


def _tenths(value: int) -> str:
    return f"{value / 10:g} s" if value else "as fast as possible"


def _repeat(value: int) -> str:
    return "not before the card was removed" if value == REMOVAL_NEEDED else _tenths(value)


def _port(default: str) -> Callable[[int], str]:
    return lambda value: str(value) if value else f"{default} (the default)"


def _hex(value: bytes) -> tuple[Meaning, ...]:
    return (Meaning("value", value.hex().upper() or "empty"),)


def _text(value: bytes) -> tuple[Meaning, ...]:
    shown = value.rstrip(b"\0").decode("latin-1")
    return (Meaning("text", ascii(shown)[1:-1] if shown else "empty"),)


def _secret(value: bytes) -> tuple[Meaning, ...]:
    return (Meaning("value", f"set, {len(value)} bytes, not shown" if value else "empty"),)


def _ipv4(value: bytes) -> tuple[Meaning, ...]:
    address, mask, gateway, *names = (IPv4Address(value[start : start + 4]) for start in range(0, 20, 4))
    if not int(address):
        return (Meaning("address", "by DHCP"),)
    dns = ", ".join(str(name) for name in names if int(name))
    return (
        Meaning("address", str(address)),
        Meaning("mask", str(mask)),
        Meaning("gateway", str(gateway) if int(gateway) else "none: no routing"),
        Meaning("DNS", dns or "none"),
    )


def _udp_target(value: bytes) -> tuple[Meaning, ...]:
    shown = _text(value)[0].text
    return (Meaning("to", "broadcast" if shown in ("empty", "255.255.255.255") else shown),)


FORMATS = {0: "TLV", 1: "$SCRDR", 2: "JSON", 3: "MK1"}
NETWORK_FORMATS = {**FORMATS, 7: "legacy IWM2 (HTTP only)"}
NETWORK_MODES = {
    0: "off",
    1: "HTTP client",
    2: "TCP server",
    3: "TCP and UDP server",
    4: "UDP server",
    6: "MQTT client",
}
PROFILES = {
    0: "Direct",
    1: "SpringProx legacy",
    2: "CCID (PC/SC)",
    3: "HID keyboard",
    4: "Smart Reader",
    5: "ST UHF reader",
    6: "mass storage",
    7: "NFC Cockpit",
}
_LINKS = {
    0: "auto-negotiation",
    1: "10 Mbit/s half duplex",
    2: "10 Mbit/s full duplex",
    3: "100 Mbit/s half duplex",
    4: "100 Mbit/s full duplex",
}
_ID_FORMATS = {
    0x0: "decimal, 10 digits (4 bytes)",
    0x1: "hex, 4 bytes",
    0x2: "hex, 8 bytes",
    0x3: "hex, 5 bytes",
    0x4: "hex, 10 bytes",
    0x5: "hex, 7 bytes",
    0x6: "hex, 11 bytes",
    0x8: "hex, 16 bytes",
    0x9: "hex, 20 bytes",
    0xA: "hex, 24 bytes",
    0xB: "hex, 32 bytes",
    0xC: "decimal, 12 digits (5 bytes)",
    0xD: "decimal, 13 digits (5 bytes)",
    0xE: "decimal, variable",
    0xF: "hex, variable",
}
_SWAPS = {0: "as read", 2: "4-byte NFC-A ids reversed", 3: "all ids reversed"}
_LOOKUPS = {
    0x00: "off",
    0xFF: "ID only: all supported protocols",
    0x01: "ID only: NFC-A",
    0x02: "ID only: NFC-B",
    0x03: "ID only: NFC-A and NFC-B",
    0x04: "ID only: NFC-V",
    0x07: "ID only: NFC-A, NFC-B and NFC-V",
    0x08: "ID only: NFC-F",
    0x0F: "ID only: all NFC and ISO/IEC protocols",
}


def _lookup(value: int) -> str:
    return _LOOKUPS.get(value, f"on, lookup list {value:02X}")


_0284 = _bits(
    _Bits("Direct service", 0x0C, {0: "off", 1: "UDP", 2: "TCP"}),
    _flag("Telnet", 0x02, "on", "off"),
    _flag("discovery (NDDU)", 0x01, "on", "off"),
)
_0285 = _bits(
    _Bits("Telnet", 0xFFFF << 96, _port("23")),
    _Bits("discovery (NDDU)", 0xFFFF << 80, _port("3999")),
    _Bits("Direct", 0xFFFF << 64, _port("3978")),
    _Bits("CCID", 0xFFFF << 48, _port("3999")),
    _Bits("$SCRDR", 0xFFFF << 32, _port(str(DEFAULT_PORT))),
    _Bits("MQTT", 0xFFFF << 16, _port("1883, with TLS 8883")),
    _Bits("HTTP", 0xFFFF, _port("80")),
)
_02A0 = _bits(
    _flag("cards", 0x10_00000000, "read events", "insertions and removals (track mode)"),
    _flag("activation", 0x02_00000000, "by itself", "only by a command of the host"),
    _flag("reads", 0x01_00000000, "while a host is connected", "from start-up"),
    _Bits("serial format", 0x03_000000, FORMATS),
    _Bits("Bluetooth format", 0x03_0000, FORMATS),
    _Bits("network format", 0x07_00, NETWORK_FORMATS),
    _Bits("USB format", 0x07, FORMATS),
)

_TABLE = (
    RegisterSpec(0x0280, "IPv4", 20, bytes(20), _ipv4),
    RegisterSpec(0x0281, "IPv6", 16, bytes(16), _hex),
    RegisterSpec(
        0x0283,
        "network options",
        1,
        b"\0",
        _bits(
            _flag("network", 0x80, "on", "off"),
            _flag("auto-protection", 0x40, "on", "off"),
            _Bits("link", 0x07, _LINKS),
        ),
    ),
    RegisterSpec(0x0284, "network services", 1, b"\x04", _0284),
    RegisterSpec(0x0285, "ports", 14, bytes(14), _0285),
    RegisterSpec(0x0286, "MQTT broker", 48, b"", _text, variable=True),
    RegisterSpec(0x0288, "MQTT TLS options", 5, bytes(5), _bits(_flag("TLS (MQTT only)", 1 << 32, "off", "on"))),
    RegisterSpec(0x0289, "MQTT timings", 6, bytes.fromhex("5314030A1E1E"), _hex),
    RegisterSpec(0x028A, "MQTT (not published)", 64, b"", _hex, variable=True),
    RegisterSpec(0x028B, "MQTT user", 16, b"", _text, variable=True),
    RegisterSpec(0x028C, "MQTT password", 16, b"", _secret, variable=True, secret=True),
    RegisterSpec(0x028D, "MQTT client id", 24, b"", _text, variable=True),
    RegisterSpec(0x028E, "MQTT topic prefix", 32, b"springcard/springcore", _text, variable=True),
    RegisterSpec(0x028F, "MQTT device id", 24, b"", _text, variable=True),
    RegisterSpec(0x0290, "HTTP server", 48, b"rdr.springcard.com", _text, variable=True),
    RegisterSpec(0x0291, "HTTP path", 48, b"iwm2/iwm2_post.php", _text, variable=True),
    RegisterSpec(
        0x0292,
        "HTTP timings",
        2,
        b"\x1e\x3c",
        _bits(_Bits("timeout", 0xFF00, _seconds), _Bits("keep-alive", 0xFF, _seconds)),
    ),
    RegisterSpec(0x0293, "HTTP HMAC key", 32, b"", _secret, variable=True, secret=True),
    RegisterSpec(0x0294, "UDP destination", 48, b"255.255.255.255", _udp_target, variable=True),
    RegisterSpec(
        0x0295,
        "UDP commands",
        1,
        b"\0",
        _bits(
            _flag("from another port", 0x02, "taken", "dropped"),
            _flag("from", 0x01, "anybody", "the UDP destination (0294) only"),
        ),
    ),
    RegisterSpec(0x02A0, "Smart Reader features", 5, bytes.fromhex("0003000200"), _02A0),
    RegisterSpec(
        0x02A1,
        "Smart Reader timings",
        2,
        b"\x0a\x1e",
        _bits(_Bits("between two reads", 0xFF00, _tenths), _Bits("a card that stays is told again", 0xFF, _repeat)),
    ),
    RegisterSpec(
        0x02C0,
        "profile",
        1,
        b"\0",
        _bits(_Bits("network", 0x70, NETWORK_MODES), _Bits("profile", 0x07, PROFILES)),
    ),
    RegisterSpec(
        0x02D0,
        "LEDs and buzzer",
        1,
        b"\0",
        _bits(_flag("played by", 0x01, "the reader itself, and the host", "the host alone")),
    ),
    RegisterSpec(
        0x02D8, "sound", 1, b"\x01", _bits(_Bits("volume", 0x07, lambda value: str(value) if value else "0: mute"))
    ),
    RegisterSpec(0x02F0, "access conditions", 4, bytes(4), _hex),
)
REGISTERS = {spec.address: spec for spec in _TABLE}

_LKL = _bits(_Bits("template", 0xFF, _lookup))
_OUTPUT = _bits(
    _Bits("id as (ID-only template)", 0x0F00, _ID_FORMATS),
    _flag("shorter ids", 0x2000, "padded with 00 on the left", "padded with FF on the right"),
    _Bits("byte order", 0xC000, _SWAPS),
)
_OPAQUE_BYTES = 256
TEMPLATES = range(0x0300, 0x0400, 0x10)
_KEYS = range(0x02F1, 0x0300)  # master and ECC keys, passwords of the console


def spec_of(address: int) -> RegisterSpec:
    """The spec of any register: of the table, of a template (03t0, 03t1, ...), or of one that is kept as it is."""
    spec = REGISTERS.get(address)
    if spec is not None:
        return spec
    template, number = address & 0xFFF0, address & 0xF
    if template in TEMPLATES:
        name = f"template {template >> 4 & 0xF:X}"
        if number == 0:
            return RegisterSpec(address, f"{name}: lookup list", 1, b"\0", _LKL)
        if number == 1:
            return RegisterSpec(address, f"{name}: output format", 2, b"\0\0", _OUTPUT)
        if number == 2:
            return RegisterSpec(address, f"{name}: prefix", 8, b"", _text, variable=True)
        return RegisterSpec(address, f"{name}: option {number:X}", _OPAQUE_BYTES, b"", _hex, variable=True)
    if address in _KEYS:
        return RegisterSpec(address, "key or password", _OPAQUE_BYTES, b"", _secret, variable=True, secret=True)
    return RegisterSpec(address, "not known here", _OPAQUE_BYTES, b"", _hex, variable=True)


def known(address: int) -> bool:
    return address in REGISTERS or address in _KEYS or address & 0xFFF0 in TEMPLATES
