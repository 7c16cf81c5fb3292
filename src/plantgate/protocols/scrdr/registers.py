"""The registers of one SpringCore reader: read from the vendor's hex form, decoded, written back.

The form is one register a line, `02C0=24`: four hex digits, `=`, the value in hex (spaces allowed, nothing means the
default), `#` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import MappingProxyType

from plantgate.errors import ConfigError, UsageError
from plantgate.limits import REGISTER_FILE_BYTES
from plantgate.protocols.scrdr.registers_table import (
    DEFAULT_PORT,
    REMOVAL_NEEDED,
    Meaning,
    NetworkFormat,
    NetworkMode,
    Profile,
    RegisterSpec,
    spec_of,
)

_ADDRESS = re.compile(r"[0-9A-Fa-f]{4}\Z")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")
_SHOWN_CHARS = 40
_LISTED_ERRORS = 50


class RegisterErrors(ConfigError):  # noqa: N818 - a list of errors is not an error more
    """Everything that is wrong with a register file or with the wishes for one; `errors` has each of them."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        if len(self.errors) == 1:
            super().__init__(first.code, first.message, first.hint)
        else:
            super().__init__("SC-500", "\n".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """What is set, by address; everything else has its default. Immutable."""

    values: Mapping[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(sorted(self.values.items()))))

    @classmethod
    def parse(cls, text: str, source: str = "registers") -> RegisterFile:
        """Read the hex form. Raises RegisterErrors that name each bad line as `source:line`."""
        if len(text) > REGISTER_FILE_BYTES:
            raise ConfigError(
                "SC-501", f"{source}: {len(text)} characters are more than {REGISTER_FILE_BYTES}: no register file"
            )
        values: dict[int, bytes] = {}
        errors: list[ConfigError] = []
        for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
            line = raw.partition("#")[0].strip()
            if not line:
                continue
            try:
                address, value = _parse_line(line, f"{source}:{number}")
            except ConfigError as error:
                errors.append(error)
                continue
            if address in values:
                where = f"{source}:{number}"
                errors.append(ConfigError("SC-502", f"{where}: {address:04X} is set twice", "keep one of them"))
            values[address] = value
        if len(errors) > _LISTED_ERRORS:
            more = len(errors) - _LISTED_ERRORS
            errors[_LISTED_ERRORS:] = [ConfigError("SC-502", f"{source}: and {more} more bad lines")]
        if errors:
            raise RegisterErrors(errors)
        return cls(values)

    def to_text(self) -> str:
        """The hex form, each line with a comment that says what it does. `parse` gives the same registers back."""
        rows = [f"{address:04X}={value.hex().upper()}" for address, value in self.values.items()]
        width = min(44, max((len(row) for row in rows), default=0))
        lines = (f"{row:{width}}  # {self.comment(address)}" for row, address in zip(rows, self.values, strict=True))
        return "".join(f"{line}\n" for line in lines)

    def comment(self, address: int) -> str:
        """What a register says, on one line: `profile: network TCP server, profile Smart Reader`."""
        words = ", ".join(f"{item.field} {item.text}" for item in self.describe(address))
        return f"{spec_of(address).name}: {words}"

    def describe(self, address: int) -> tuple[Meaning, ...]:
        """Each field of a register in words."""
        return spec_of(address).describe(self.get(address))

    def get(self, address: int) -> bytes:
        """The value that is in force: the default if the register is absent or empty."""
        return self.values.get(address) or spec_of(address).default

    def is_default(self, address: int) -> bool:
        return self.get(address) == spec_of(address).default

    def with_value(self, address: int, value: bytes) -> RegisterFile:
        """A copy with one register changed. Raises UsageError for a value of the wrong size."""
        if not 0 <= address <= 0xFFFF:
            raise UsageError("SC-503", f"a register address has four hex digits, not {address:X}")
        spec = spec_of(address)
        if not spec.fits(value):
            raise UsageError("SC-503", f"register {address:04X} has {spec.size_words}, not {len(value)}")
        return RegisterFile({**self.values, address: bytes(value)})

    def specs(self) -> Iterator[RegisterSpec]:
        """The spec of each register that is set."""
        return (spec_of(address) for address in self.values)

    # decoded views

    @property
    def network_mode(self) -> NetworkMode:
        return NetworkMode(self.get(0x02C0)[0] >> 4 & 0x7)

    @property
    def profile(self) -> Profile:
        return Profile(self.get(0x02C0)[0] & 0x7)

    @property
    def network_format(self) -> NetworkFormat:
        return NetworkFormat(self.get(0x02A0)[3] & 0x7)

    @property
    def network_on(self) -> bool:
        """Register 0283 bit 7: everything else about the network is ignored if it is set."""
        return not self.get(0x0283)[0] & 0x80

    @property
    def serves_tcp(self) -> bool:
        """A Smart Reader that listens on TCP `scrdr_port`, whatever the format it speaks there."""
        return self._smart and self.network_mode in (NetworkMode.TCP_SERVER, NetworkMode.TCP_AND_UDP_SERVER)

    @property
    def serves_udp(self) -> bool:
        return self._smart and self.network_mode in (NetworkMode.UDP_SERVER, NetworkMode.TCP_AND_UDP_SERVER)

    @property
    def speaks_scrdr(self) -> bool:
        return self.network_format is NetworkFormat.SCRDR

    @property
    def _smart(self) -> bool:
        return self.network_on and self.profile is Profile.SMART_READER

    @property
    def scrdr_port(self) -> int:
        return int.from_bytes(self.get(0x0285)[8:10], "big") or DEFAULT_PORT

    @property
    def track(self) -> bool:
        """Insertions and removals are told (`I`, `R`) instead of repeated reads."""
        return bool(self.get(0x02A0)[0] & 0x10)

    @property
    def explicit_activation(self) -> bool:
        """Reading begins only after a command of the host, which `$SCCMD` does not have."""
        return bool(self.get(0x02A0)[0] & 0x02)

    @property
    def active_from_start(self) -> bool:
        """Reading goes on without a host; else it begins anew when a host connects."""
        return bool(self.get(0x02A0)[0] & 0x01)

    @property
    def read_interval_s(self) -> float:
        """Seconds between two reads at least; 0: as fast as possible."""
        return self.get(0x02A1)[0] / 10

    @property
    def repeat_interval_s(self) -> float | None:
        """After how many seconds a card that stays is told again; None: not before it was removed."""
        repeat = self.get(0x02A1)[1]
        return None if repeat == REMOVAL_NEEDED else repeat / 10

    @property
    def ui_host_controlled(self) -> bool:
        """The reader plays nothing by itself (sequences 22 to 24 at reads)."""
        return bool(self.get(0x02D0)[0] & 0x01)

    @property
    def volume(self) -> int:
        """0 mutes, 7 is the highest."""
        return self.get(0x02D8)[0] & 0x07

    @property
    def ip(self) -> IPv4Address | None:
        """None: DHCP."""
        return self._ipv4(0)

    @property
    def mask(self) -> IPv4Address:
        return self._ipv4(4) or IPv4Address(0)

    @property
    def gateway(self) -> IPv4Address | None:
        """None: no routing."""
        return self._ipv4(8)

    @property
    def dns(self) -> tuple[IPv4Address, ...]:
        return tuple(address for address in (self._ipv4(12), self._ipv4(16)) if address is not None)

    @property
    def udp_destination(self) -> str:
        """Name or address that messages are sent to in UDP mode."""
        return self.get(0x0294).rstrip(b"\0").decode("latin-1") or "255.255.255.255"

    def _ipv4(self, start: int) -> IPv4Address | None:
        part = self.get(0x0280)[start : start + 4]
        return IPv4Address(part) if any(part) else None


def _parse_line(line: str, where: str) -> tuple[int, bytes]:
    name, equals, digits = line.partition("=")
    name, digits = name.strip(), "".join(digits.split())
    if not equals:
        raise ConfigError("SC-502", f"{where}: {_shown(line)} is no register", "write ADDRESS=VALUE in hex: 02C0=24")
    if not _ADDRESS.match(name):
        raise ConfigError("SC-502", f"{where}: {_shown(name)} is no register address", "four hex digits: 02C0")
    address = int(name, 16)
    if not _HEX.match(digits):
        raise ConfigError(
            "SC-502", f"{where}: {name.upper()}: {_shown(digits)} is no value in hex", "two hex digits a byte: 24"
        )
    value, spec = bytes.fromhex(digits), spec_of(address)
    if not spec.fits(value):
        raise ConfigError(
            "SC-502",
            f"{where}: {address:04X} ({spec.name}) has {spec.size_words}, here are {len(value)}",
            f"{2 * spec.size} hex digits, or none for the default" if not spec.variable else "",
        )
    return address, value


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")
