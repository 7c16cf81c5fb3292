"""A card as a reader sees it, and the message that the reader makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from plantgate.errors import UsageError
from plantgate.limits import SIMULATOR_CARDS
from plantgate.protocols.scrdr import TagEvent, in_text
from plantgate.protocols.scrdr.names import INTERFACES, PROTOCOLS
from plantgate.simulators.reader.options import Dialect, Personality, Removal, TagId

BLUETOOTH, UHF = "84", "06"
# Templates 01 to 04 are those for NFC, 00 is the one for Bluetooth, 07 the one for UHF (springcore.md 1.3).
_TEMPLATES = {BLUETOOTH: "00", UHF: "07"}
# The first protocol of an interface, for a card that names only its interface.
_COMMON = {"03": "01", BLUETOOTH: "10", UHF: "03"}
_UID = re.compile(r"(?:[0-9A-Fa-f]{2}){1,32}\Z")
_BYTE = re.compile(r"[0-9A-Fa-f]{2}\Z")


@dataclass(frozen=True, slots=True)
class Card:
    """A card and what the reader makes of it.

    `interface` and `protocol` are codes or names (`03` or `13.56`, `01` or `NFC-A`), `template` is the number of the
    template that is to take it. What is left empty is what is usual for the interface. `rssi` is one byte in hex, for
    Bluetooth and UHF. `data` None: what the template makes of the id, for NFC the ID-Only template with 8 bytes in hex.
    """

    uid: str
    interface: str = "03"
    protocol: str = ""
    template: str = ""
    rssi: str = ""
    data: str | None = None
    details: str = ""

    def __post_init__(self) -> None:
        if not _UID.match(self.uid):
            raise UsageError("SIM-201", f"{self.uid[:80]!r} is no card id", "1 to 32 bytes in hex: 047DAE02C84080")
        interface = _code("interface", self.interface, INTERFACES)
        protocol = self.protocol or _COMMON.get(interface, "00")
        found = {
            "uid": self.uid.upper(),
            "interface": interface,
            "protocol": _code("protocol", protocol, PROTOCOLS.get(interface, {})),
            "template": _code("template", self.template, {}) if self.template else "",
            "rssi": _code("rssi", self.rssi, {}) if self.rssi else "",
        }
        for name, value in found.items():
            object.__setattr__(self, name, value)

    def tag_data(self) -> str:
        """What the template makes of the card."""
        if self.data is not None:
            return self.data
        return self.uid.zfill(16) if self.interface not in _TEMPLATES else ""

    def event(self, move: str, personality: Personality) -> TagEvent:
        """The message about this card. A removal carries no TagData, unless the personality says otherwise (Q12)."""
        codes = (self.interface, self.protocol, self.template or _TEMPLATES.get(self.interface, "01"))
        interface, protocol, template = in_text(*codes) if personality.dialect is Dialect.TEXT else codes
        data = self.tag_data()
        tag_id = data if personality.tag_id is TagId.TEMPLATE and data else self.uid
        if move == "R" and personality.removal is Removal.BARE:
            return TagEvent(move=move)
        if move == "R" and personality.removal is Removal.USUAL:
            return TagEvent(interface, protocol, template, "", tag_id, move)
        return TagEvent(interface, protocol, template, self.rssi, tag_id, move, data, self.details)


_FIELDS = frozenset(field.name for field in fields(Card))


def card_of(values: Mapping[str, Any]) -> Card:
    """The card with these fields, as they come in JSON. Raises UsageError naming the field that can't be meant."""
    for name, value in values.items():
        if name not in _FIELDS:
            raise UsageError("SIM-404", f"a card has no {name!r}", f"one of {', '.join(sorted(_FIELDS))}")
        if not isinstance(value, str):
            raise UsageError("SIM-404", f"{name} of a card is text, not {value!r}")
    if "uid" not in values:
        raise UsageError("SIM-404", "which card? uid is missing")
    return Card(**values)


def cards_of(values: Mapping[str, Any]) -> list[Card]:
    """The card with these fields, or all those of the list `cards`. Raises UsageError."""
    if "cards" not in values:
        return [card_of(values)]
    given = values["cards"]
    if len(values) > 1 or not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise UsageError("SIM-404", "cards is a list of objects, and stands alone", '[{"uid": "047DAE02C84080"}]')
    if not 1 <= len(given) <= SIMULATOR_CARDS:
        raise UsageError("SIM-404", f"{len(given)} cards at once: a reader sees 1 to {SIMULATOR_CARDS}")
    return [card_of(each) for each in given]


def _code(name: str, value: str, names: Mapping[str, str]) -> str:
    """Two hex digits: as given, or of a name."""
    if _BYTE.match(value):
        return value.upper()
    for code, known in names.items():
        if known.lower() == value.lower():
            return code
    also = f", or one of {', '.join(names.values())}" if names else ""
    raise UsageError("SIM-203", f"{name} can't be {value[:80]!r}", f"two hex digits{also}")
