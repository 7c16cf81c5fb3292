"""Checks of [modbus_server] and its map: who may connect, tags that are there, addresses that do not overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Protocol

import msgspec

from plantgate.config.document import Configuration
from plantgate.config.modbus_server import ModbusMapping, ModbusServer
from plantgate.config.origins import Origins
from plantgate.config.problems import Problems, shown
from plantgate.errors import ConfigError
from plantgate.limits import MODBUS_SERVER_MAP_ROWS
from plantgate.model.tag import TagDefinition, full_path
from plantgate.model.value import DataType

SECTION = "modbus_server"
MAP = "modbus_server.map"
_BITS = (1, 2)
_WRITABLE = (1, 3)
_WORD = 0xFFFF
_DATE_BITS = 64
_WORD_BITS = 16


class Place(Protocol):
    """An address as the driver's grammar reads it. `area` is the function that reads its table (1 to 4).

    `start` and `stop` are addresses on the wire, from 0. `unit` and `bit` are None where the text names none, `length`
    is 0 but for a text.
    """

    @property
    def area(self) -> int: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def unit(self) -> int | None: ...
    @property
    def bit(self) -> int | None: ...
    @property
    def length(self) -> int: ...


class AddressGrammar(Protocol):
    """Raises ConfigError for a text that is no address."""

    def __call__(self, text: str, *, zero_based: bool = False) -> Place: ...


class Dangling(Protocol):
    """Adds the problem of a reference that leads nowhere."""

    def __call__(self, place: tuple[str, str, str], what: str, name: str, known: set[str]) -> None: ...


@dataclass(slots=True)
class _Taken:
    """The bits of one register that entries have, each with the text of its address and its source."""

    owners: list[tuple[int, str, str]] = field(default_factory=list)

    def other(self, mask: int) -> tuple[str, str] | None:
        return next(((text, source) for have, text, source in self.owners if have & mask), None)


class ModbusServerChecks:
    """`tags` are the good ones by path, `known` the paths of all, also of those that are wrong otherwise."""

    def __init__(
        self,
        draft: Configuration,
        origins: Origins,
        problems: Problems,
        grammar: AddressGrammar | None,
        dangling: Dangling,
        tags: Mapping[str, TagDefinition],
        known: set[str],
    ) -> None:
        self._draft = draft
        self._server: ModbusServer = draft.modbus_server
        self._origins = origins
        self._problems = problems
        self._grammar = grammar
        self._dangling = dangling
        self._tags = tags
        self._known = known
        self._taken: dict[tuple[int, int, int], _Taken] = {}
        self.warnings: list[str] = []

    def run(self) -> tuple[ModbusMapping, ...]:
        """The map with full paths."""
        self._clients()
        rows = self._draft.modbus_map
        if len(rows) > MODBUS_SERVER_MAP_ROWS:
            where = self._origins.of(MAP, rows[MODBUS_SERVER_MAP_ROWS].address, "address")
            what = f"{len(rows)} entries; {MODBUS_SERVER_MAP_ROWS} are the most"
            self._problems.add("CFG-199", where, MAP, what)
            return ()
        for row in rows:
            self._row(row)
        return tuple(msgspec.structs.replace(row, tag=full_path(row.tag)) for row in rows)

    # who may connect

    def _clients(self) -> None:
        server = self._server
        good = [self._networks(key) for key in ("clients", "writers")]
        local = self._is_loopback()
        if local is None or not all(good):
            return
        if not server.clients and not local:
            if server.writable:
                self._add(
                    "CFG-191",
                    "writable",
                    "Modbus knows no password: without clients everybody on the network could write",
                    'name who may connect: clients = ["10.0.0.0/24"]',
                )
            elif server.enabled:
                self.warnings.append(
                    f"{self._origins.scalar(SECTION, 'address')}: {SECTION}.clients is empty: every host that reaches "
                    f"port {server.port} can read, Modbus knows no password"
                )
        if server.enabled and not self._draft.modbus_map:
            self.warnings.append(f"{SECTION} is enabled and has no [[{MAP}]]: every request is answered with exception")
        unheard = [row for row in self._draft.modbus_map if row.writable]
        if unheard and not server.writable:
            where = self._origins.of(MAP, unheard[0].address, "writable")
            self.warnings.append(
                f"{where}: {len(unheard)} entries of [[{MAP}]] are writable and the server is not: "
                f"nothing is written until {SECTION}.writable = true"
            )

    def _networks(self, key: str) -> bool:
        good = True
        for text in getattr(self._server, key):
            try:
                ip_network(text)
            except ValueError as error:
                good = False
                hint = 'write 10.0.0.7 for one, 10.0.0.0/24 for a network, "::1" for this machine'
                why = "its host part is not 0" if "host bits" in str(error) else "it is neither IPv4 nor IPv6"
                self._add("CFG-190", key, f"{shown(text)} is no address or network: {why}", hint)
        return good

    def _is_loopback(self) -> bool | None:
        """None for what can't be bound to."""
        address = self._server.address
        if address == "localhost":
            return True
        try:
            return ip_address(address).is_loopback
        except ValueError:
            hint = "127.0.0.1 is this machine only, 0.0.0.0 every IPv4 interface, :: every IPv6 interface"
            self._add("CFG-192", "address", f"{shown(address)} is not an IP address", hint)
            return None

    # the map

    def _row(self, row: ModbusMapping) -> None:
        place = self._place(row, "address", row.address)
        tag = self._tag(row)
        if place is not None:
            if row.writable and place.area not in _WRITABLE:
                what = "discrete inputs and input registers can only be read"
                self._wrong("CFG-194", row, "writable", what, "use a coil (C) or a holding register (HR)")
            if tag is not None and (problem := _misfit(place, tag)):
                self._wrong("CFG-196", row, "address", problem)
            self._take(row, "address", row.address, place)
        if row.quality and (place := self._place(row, "quality", row.quality)) is not None:
            plain = place.stop - place.start == 1 and place.bit is None and not place.length
            if not plain:
                what = f"{shown(row.quality)} is not one register of 16 bits, a coil or a discrete input"
                self._wrong("CFG-198", row, "quality", what, "such as IR1001 (the code) or DI1001 (on while good)")
            self._take(row, "quality", row.quality, place)

    def _tag(self, row: ModbusMapping) -> TagDefinition | None:
        path = full_path(row.tag)
        tag = self._tags.get(path)
        if tag is None:
            if path not in self._known and not self._is_made(path):
                self._dangling((MAP, row.address, "tag"), "tag", path, self._known)
        elif row.writable and not tag.writable:
            where = self._origins.of("tag", path, "writable")
            self._wrong("CFG-193", row, "writable", f"tag {path} is not writable", f"set writable = true at {where}")
        return tag

    def _is_made(self, path: str) -> bool:
        """Readers and devices bring tags of their own; those are looked up when the gateway is built."""
        names = [reader.name for reader in self._draft.readers] + [device.name for device in self._draft.devices]
        return any(f"/{name}/" in path for name in names)

    def _place(self, row: ModbusMapping, key: str, text: str) -> Place | None:
        if self._grammar is None:
            return None
        try:
            return self._grammar(text, zero_based=self._server.zero_based_addressing)
        except ConfigError as error:
            self._wrong("CFG-195", row, key, error.message, error.hint)
            return None

    def _take(self, row: ModbusMapping, key: str, text: str, place: Place) -> None:
        unit = self._server.unit_id if place.unit is None else place.unit
        mask = _WORD if place.bit is None else 1 << place.bit
        source = self._origins.of(MAP, row.address, key)
        told = False
        for number in range(place.start, place.stop):
            taken = self._taken.setdefault((unit, place.area, number), _Taken())
            if (other := taken.other(mask)) is not None and not told:
                told = True
                what = f"{shown(text)} overlaps {shown(other[0])} ({other[1]})"
                self._wrong("CFG-197", row, key, what, "each register and each bit belongs to one entry")
            taken.owners.append((mask, text, source))

    def _wrong(self, code: str, row: ModbusMapping, key: str, what: str, hint: str = "") -> None:
        where = self._origins.of(MAP, row.address, key)
        self._problems.add(code, where, f"{MAP}.{row.address}.{key}", what, hint)

    def _add(self, code: str, key: str, what: str, hint: str) -> None:
        self._problems.add(code, self._origins.scalar(SECTION, key), f"{SECTION}.{key}", what, hint)


def _misfit(place: Place, tag: TagDefinition) -> str:
    """Why a tag of that type can never be told at such an address; empty if it can."""
    if not tag.data_type.has_history:
        return f"{tag.path} is {tag.data_type}, which has no place in registers; map tags of its parts"
    boolean, text = tag.data_type is DataType.BOOLEAN, tag.data_type is DataType.STRING
    if (place.area in _BITS or place.bit is not None) and not boolean:
        return f"one bit holds a Boolean; {tag.path} is {tag.data_type}"
    if bool(place.length) is not text:
        return f"a text (HRS, IRS) holds a String and nothing else does; {tag.path} is {tag.data_type}"
    if tag.data_type is DataType.DATETIME and (place.stop - place.start) * _WORD_BITS < _DATE_BITS:
        return f"{tag.path} is a DateTime, which needs 64 bits (I_64)"
    return ""
