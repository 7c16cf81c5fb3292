"""What a reader sends about a card when its network format (register 02A0 byte 3) is not `$SCRDR`.

Host software has to see plainly that it talks to a reader that is set up otherwise. Source: SpringCore "READER_EVENT
Message" (JSON; 2024-03-13) and "MK1 Protocol"; the TLV frame is only in the manner of the vendor's, its details are
not followed.
"""

from __future__ import annotations

import json

from plantgate.protocols.scrdr import TagEvent, in_text
from plantgate.protocols.scrdr.registers_table import NetworkFormat

_MOVES = {"I": "Insert", "R": "Remove", "IR": "Insert,Remove"}
# Tags of the TLV frame: interface and protocol, id, data, details.
_TLV_TAGS = (0x81, 0x82, 0x83, 0x84)
_LONG = 0x80


def greeting(kind: NetworkFormat) -> bytes:
    """What comes at once when a host connects: MK1 tells its name, the others nothing."""
    return b"# SPARK/RDR\r\n" if kind is NetworkFormat.MK1 else b""


def message(kind: NetworkFormat, event: TagEvent, uptime: float) -> bytes:
    """The message about a card; empty for the formats that are not spoken on TCP or UDP (IWM2, reserved)."""
    if kind is NetworkFormat.JSON:
        return _json(event, uptime)
    if kind is NetworkFormat.TLV:
        return _tlv(event)
    if kind is NetworkFormat.MK1:
        return b"+" + (event.tag_data or event.tag_id).encode("latin-1", "replace") + b"\r\n"
    return b""


def _json(event: TagEvent, uptime: float) -> bytes:
    """Without spaces, and without a line end."""
    interface, protocol, template = in_text(event.interface, event.protocol, event.template)
    minutes, seconds = divmod(uptime, 60)
    values = {
        "Interface": interface,
        "Protocol": protocol,
        "Template": int(template, 16),
        "RSSI": int(event.rssi, 16) if event.rssi else None,
        "TagId": event.tag_id,
        "Move": _MOVES.get(event.move),
        "TagData": event.tag_data or None,
        "TagDetails": event.tag_details or None,
        "Uptime": f"{minutes:.0f}:{seconds:06.3f}",
    }
    present = {name: value for name, value in values.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()


def _tlv(event: TagEvent) -> bytes:
    texts = (event.interface + event.protocol, event.tag_id, event.tag_data, event.tag_details)
    values = [text.encode("latin-1", "replace") for text in texts]
    fields = [_field(tag, value) for tag, value in zip(_TLV_TAGS, values, strict=True) if value]
    return _field(0xB0, b"".join(fields))


def _field(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < _LONG:
        return bytes([tag, length]) + value
    size = (length.bit_length() + 7) // 8
    return bytes([tag, _LONG | size]) + length.to_bytes(size, "big") + value
