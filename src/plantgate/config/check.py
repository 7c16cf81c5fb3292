"""Checks that need more than one section: references, duplicates, two listeners on one port.

Each check adds what it finds to the problems; where a section was already wrong, what depends on it is not judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from plantgate.config.badges import WithoutData
from plantgate.config.check_badges import BadgeChecks
from plantgate.config.check_modbus_server import AddressGrammar, ModbusServerChecks
from plantgate.config.document import (
    DATABASE_SCHEMES,
    Card,
    Configuration,
    Database,
    Device,
    Door,
    DriverName,
    Reader,
)
from plantgate.config.fields import Entry
from plantgate.config.origins import Origins
from plantgate.config.overrides import canonical
from plantgate.config.problems import Problems, did_you_mean, one_of, shown
from plantgate.config.readers import check_readers
from plantgate.config.tags.checks import FormulaCheck, TagChecks
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import DataType

AddressCheck = Callable[[TagDefinition, Device], str | None]

_HEX = re.compile(r"(?:[0-9A-F]{2}){1,64}\Z")
EVERY_READER = "*"


class Checker:
    """`named` gives all names of a section, also of items that were wrong otherwise: no error is told twice."""

    def __init__(
        self, draft: Configuration, origins: Origins, named: Callable[[str], set[str]], problems: Problems
    ) -> None:
        self._draft = draft
        self._origins = origins
        self._named = named
        self._problems = problems
        self._warnings = list(draft.warnings)
        self._tags_by_path = {tag.path: tag for tag in draft.tags}

    def run(
        self,
        address_check: AddressCheck | None,
        modbus_address: AddressGrammar | None = None,
        formula_check: FormulaCheck | None = None,
    ) -> Configuration:
        """The finished document; only valid if no problem was added."""
        draft = self._draft
        self._listeners()
        self._web()
        for database in draft.databases:
            self._database(database)
        draft = self._draft = msgspec.structs.replace(
            draft, devices=tuple(self._device(item) for item in draft.devices)
        )
        self._tags(address_check, formula_check)
        draft = self._draft
        self._warnings += check_readers(draft.readers, self._origins.of, self._problems)
        cards = tuple(self._card(card) for card in draft.cards)
        doors = tuple(self._door(door) for door in draft.doors)
        readers, doors = self._doors_of_readers(doors)
        badges = BadgeChecks(self._origins, self._named, self._problems, self.dangling, self.readers_exist)
        writes = tuple(badges.write(write, self._tags_by_path) for write in draft.badge_writes)
        permits = tuple(badges.permit(permit, self._tags_by_path) for permit in draft.write_permits)
        modbus = ModbusServerChecks(
            draft, self._origins, self._problems, modbus_address, self.dangling, self._tags_by_path, self._named("tag")
        )
        modbus_map = modbus.run()
        self._warnings += modbus.warnings
        if draft.access.without_data is WithoutData.ACCEPT:
            source = self._origins.scalar("access", "without_data")
            self._warnings.append(f"{source}: while there is no access data to decide from, every badge is accepted")
        return msgspec.structs.replace(
            draft,
            cards=cards,
            doors=doors,
            readers=readers,
            badge_writes=writes,
            write_permits=permits,
            modbus_map=modbus_map,
            warnings=tuple(self._warnings),
        )

    # listeners

    def _listeners(self) -> None:
        """Two listeners of ours can't have the same port. 0 is off."""
        draft = self._draft
        web = draft.web_server
        ports = [
            ("gateway.xml", "gateway.port", "gateway.port", web.port),
            ("gateway.xml", "gateway.sslport", "gateway.sslport", web.ssl_port),
            ("gateway.xml", "gateway.metroSSLPort", "gateway.metroSSLPort", web.metro_ssl_port),
        ]
        for section, service in (
            ("opcua.server", draft.opcua_server),
            ("opcua.discovery", draft.opcua_discovery),
            ("modbus_server", draft.modbus_server),
        ):
            if service.enabled:
                ports.append((section, f"{section}.port", "port", service.port))
        seen: dict[int, tuple[str, str]] = {}
        for section, label, key, port in ports:
            source = self._origins.scalar(section, key)
            if port and port in seen:
                other, other_source = seen[port]
                # The one that somebody wrote is told, not the one that is a default.
                first, second = ((label, source), (other, other_source))
                if source == "default":
                    first, second = second, first
                self._problems.add(
                    "CFG-150",
                    first[1],
                    first[0],
                    f"port {port} is already that of {second[0]} ({second[1]})",
                    "give each listener a port of its own; 0 turns one off",
                )
            seen.setdefault(port, (label, source))

    def _web(self) -> None:
        web = self._draft.web_server
        if web.require_ssl and not web.ssl_port:
            source = self._origins.scalar("gateway.xml", "gateway.requireSSL")
            self._problems.add(
                "CFG-151",
                source,
                "gateway.requireSSL",
                "HTTPS is required but gateway.sslport is 0: nobody could sign in",
                "give gateway.sslport a port, such as 8043",
            )
        elif not web.port and not web.ssl_port:
            self._warnings.append("gateway.port and gateway.sslport are both 0: the page and /StatusPing are off")
        address = self._draft.web.address
        if not _is_address(address) and address != "localhost":
            self._problems.add(
                "CFG-152",
                self._origins.scalar("web", "address"),
                "web.address",
                f"{shown(address)} is not an IP address",
                "127.0.0.1 is this machine only, 0.0.0.0 every IPv4 interface, :: every IPv6 interface",
            )

    # references

    def _database(self, database: Database) -> None:
        """The URL is a secret as a whole: the error shows the scheme and nothing else."""
        source = self._origins.of("database", database.name, "url")
        label = f"database.{database.name}.url"
        scheme = urlsplit(database.url).scheme.partition("+")[0].lower() if "://" in database.url else ""
        if database.kind is None:
            what = f"unknown kind of database {shown(scheme)}{did_you_mean(scheme, DATABASE_SCHEMES)}"
            hint = f"write kind://user:password@host:port/name; kinds: {one_of(DATABASE_SCHEMES)}"
            self._problems.add("CFG-153", source, label, what, hint)
            return
        try:
            _ = urlsplit(database.url).port
        except ValueError:
            self._problems.add("CFG-154", source, label, "the port in the URL is not a number from 0 to 65535")

    def _device(self, device: Device) -> Device:
        """What two of its settings say together; its address map by its whole path."""

        def wrong(code: str, key: str, what: str, hint: str = "") -> None:
            where = self._origins.of("device", device.name, key)
            self._problems.add(code, where, f"device.{device.name}.{key}", what, hint)

        if device.local_address and not _is_address(device.local_address):
            hint = "it is the address of this host to connect from; empty: the system chooses"
            wrong("CFG-165", "local_address", f"{shown(device.local_address)} is not an IP address", hint)
        if device.driver is DriverName.MODBUS_RTU_OVER_TCP and device.concurrent_requests > 1:
            hint = "RTU frames carry no transaction id: one request at a time"
            wrong("CFG-166", "concurrent_requests", f"more than 1 is not possible with driver {device.driver}", hint)
        if device.force_multiple_register_writes and not device.write_multiple_registers_allowed:
            what = "always to write several registers at once, and write_multiple_registers_allowed = false never to"
            wrong("CFG-167", "force_multiple_register_writes", what, "set one of them")
        if not device.address_map:
            return device
        path = (self._draft.directory or Path()) / device.address_map
        if not path.is_file():
            wrong("CFG-168", "address_map", f"there is no file {shown(device.address_map)} in the data directory")
        return msgspec.structs.replace(device, address_map=str(path))

    def _tags(self, address_check: AddressCheck | None, formula_check: FormulaCheck | None) -> None:
        checks = TagChecks(self._draft.tags, self._named("tag"), self._origins, self._problems, self.dangling)
        checks.sources(formula_check)
        self._draft = msgspec.structs.replace(self._draft, tag_groups=checks.groups(self._draft.tag_groups))
        self._warnings += checks.warnings
        devices = {device.name: device for device in self._draft.devices}
        names, groups = self._named("device"), self._named("tag_group") | {"default"}
        for tag in self._draft.tags:
            if tag.group not in groups:
                self.dangling(("tag", tag.path, "group"), "tag group", tag.group, groups)
            if tag.kind is not TagKind.DEVICE:
                continue
            if tag.device not in names:
                key = "device" if "device" in self._origins.items["tag", tag.path].values else "address"
                self.dangling(("tag", tag.path, key), "device", tag.device, names)
            elif address_check is not None and tag.device in devices:
                problem = address_check(tag, devices[tag.device])
                if problem is not None:
                    where = self._origins.of("tag", tag.path, "address")
                    self._problems.add("CFG-156", where, f"tag.{tag.path}.address", problem)

    def _card(self, card: Card) -> Card:
        uid = canonical("card", card.uid)
        if not _HEX.match(uid):
            self._problems.add(
                "CFG-157",
                self._origins.of("card", uid, "uid"),
                f"card.{uid}.uid",
                f"{shown(card.uid)} is not a card's identifier",
                'it is hex, two digits a byte, such as "04A1B2C3D4E580"; separators do not matter',
            )
        self.readers_exist("card", uid, card.readers, wildcard=True)
        return msgspec.structs.replace(card, uid=uid)

    def _door(self, door: Door) -> Door:
        strike = full_path(door.strike)
        self._strike(strike, ("door", door.name, "strike"))
        self.readers_exist("door", door.name, door.readers, wildcard=False)
        return msgspec.structs.replace(door, strike=strike)

    def _doors_of_readers(self, doors: tuple[Door, ...]) -> tuple[tuple[Reader, ...], tuple[Door, ...]]:
        """Ties readers to doors from both sides: `door.readers` and `reader.door` (a door's name or a tag path)."""
        by_name = {door.name: door for door in doors}
        opens: dict[str, str] = {}
        for door in doors:
            for tied in door.readers:
                if opens.setdefault(tied, door.name) != door.name:
                    where = self._origins.of("door", door.name, "readers")
                    what = f"reader {shown(tied)} already opens door {shown(opens[tied])}"
                    self._problems.add("CFG-158", where, f"door.{door.name}.readers", what)
        finished: list[Reader] = []
        for reader in self._draft.readers:
            name = self._door_name(reader, by_name, opens)
            if name and reader.name not in by_name[name].readers:
                by_name[name] = msgspec.structs.replace(by_name[name], readers=(*by_name[name].readers, reader.name))
            finished.append(msgspec.structs.replace(reader, door=name))
        return tuple(finished), tuple(by_name.values())

    def _door_name(self, reader: Reader, by_name: dict[str, Door], opens: dict[str, str]) -> str:
        """The door of a reader, made when `reader.door` is a strike's tag path; empty for none."""
        given, tied = reader.door, opens.get(reader.name, "")
        if not given:
            return tied
        place = ("reader", reader.name, "door")
        if given in by_name:
            name = given
        elif full_path(given) not in self._named("tag"):
            self.dangling(place, "door or tag", given, {*by_name, *self._named("tag")})
            return tied
        else:
            strike = full_path(given)
            name = next((door.name for door in by_name.values() if door.strike == strike), "")
            if not name:
                self._strike(strike, place)
                name = f"{reader.name} door" if f"{reader.name} door" not in by_name else strike
                by_name[name] = Door(name=name, strike=strike)
        if tied and tied != name:
            what = f"the reader already opens door {shown(tied)}"
            self._problems.add("CFG-158", self._origins.of(*place), ".".join(place), what)
            return tied
        return name

    def _strike(self, path: str, place: tuple[str, str, str]) -> None:
        """A strike is a tag that can be written and is on or off."""
        tag = self._tags_by_path.get(path)
        if tag is None:
            if path not in self._named("tag"):
                self.dangling(place, "tag", path, self._named("tag"))
            return
        problem = "" if tag.data_type is DataType.BOOLEAN else f"{path} is not a Boolean tag"
        if not tag.writable:
            problem = f"tag {path} is not writable"
        if problem:
            where = self._origins.of("tag", path, "writable")
            self._problems.add(
                "CFG-159",
                self._origins.of(*place),
                ".".join(place),
                problem,
                f'set writable = true and type = "Boolean" at {where}',
            )

    def readers_exist(self, section: str, name: str, readers: Iterable[str], *, wildcard: bool) -> None:
        known = self._named("reader")
        for reader in readers:
            if reader not in known and not (wildcard and reader == EVERY_READER):
                self.dangling((section, name, "readers"), "reader", reader, known)

    def dangling(self, place: tuple[str, str, str], what: str, name: str, known: set[str]) -> None:
        hint = f"there are: {one_of(known)}" if known else f"no {what} is configured"
        self._problems.add(
            "CFG-155",
            self._origins.of(*place),
            ".".join(place),
            f"there is no {what} {shown(name)}{did_you_mean(name, known)}",
            hint,
        )


def refuse_duplicates(section: str, named: Sequence[tuple[str, Entry]], by: str, problems: Problems) -> None:
    """Names of a section are unique; the error names the line of the first."""
    first: dict[str, Entry] = {}
    for name, entry in named:
        if not name:
            continue
        if name in first:
            before = first[name].source(by) or first[name].where(None)
            problems.add(
                "CFG-160",
                entry.source(by) or entry.where(None),
                f"{section}.{name}.{by}",
                f"there is already one of this name ({before})",
                "give each its own",
            )
        else:
            first[name] = entry


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
