"""Modbus TCP: Read Device Identification (2B/0E), else one read whose answer or exception proves it.

MODBUS Application Protocol V1.1b3, 6.3 (read), 6.21 (device identification), 7 (exceptions). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Generator

from plantgate.protocols.hello.conversation import Ask, Malformed, Recognised, Silence, Steps
from plantgate.protocols.modbus.framing import HEADER, frame
from plantgate.protocols.modbus.pdu import exception_text

# Two letters, so that an echo of what another protocol was asked is not taken for an answer.
_IDENTIFY, _READ = 0x5047, 0x5048
_IDENTIFY_PDU = b"\x2b\x0e\x01\x00"
_READ_PDU = b"\x03\x00\x00\x00\x01"
_OBJECTS = {0: "vendor", 1: "product_code", 2: "revision", 3: "vendor_url", 4: "product_name", 5: "model"}


def identify(unit: int) -> Steps:
    """Product and version as the device names itself; `refused` says why it does not, `unit` who was asked."""
    try:
        number, pdu = yield from _exchange(_IDENTIFY, unit, _IDENTIFY_PDU, (_IDENTIFY,))
    except Silence as silence:
        if silence.hung_up:
            raise
        # Simple devices ignore a function that they do not know; slow ones may still answer it.
        number, pdu = yield from _exchange(_READ, unit, _READ_PDU, (_READ, _IDENTIFY))
    return _read_answer(unit, pdu) if number == _READ else _identify_answer(unit, pdu)


def read(unit: int) -> Steps:
    """One holding register: for a device that hangs up when it is asked who it is."""
    _, pdu = yield from _exchange(_READ, unit, _READ_PDU, (_READ,))
    return _read_answer(unit, pdu)


def _identify_answer(unit: int, pdu: bytes) -> Recognised:
    if pdu[0] == 0xAB:
        return _exception(unit, pdu)
    if pdu[:2] != b"\x2b\x0e" or len(pdu) < 7:
        raise Malformed("answers function 2B with something else")
    names = _identification(pdu)
    product = " ".join(names[key] for key in ("vendor", "product_name", "product_code") if names.get(key))
    return Recognised(product, names.get("revision", ""), {"unit": unit, **names})


def _read_answer(unit: int, pdu: bytes) -> Recognised:
    if pdu[0] == 0x83:
        return _exception(unit, pdu)
    if pdu[0] != 3 or len(pdu) != 4 or pdu[1] != 2:
        raise Malformed("answers function 03 with something else")
    return Recognised(facts={"unit": unit, "proved_by": "one register was read"})


def _exception(unit: int, pdu: bytes) -> Recognised:
    if len(pdu) != 2:
        raise Malformed("sent an exception of a wrong length")
    return Recognised(facts={"unit": unit, "refused": exception_text(pdu[1])})


def _exchange(
    transaction: int, unit: int, pdu: bytes, awaited: tuple[int, ...]
) -> Generator[Ask, bytes, tuple[int, bytes]]:
    """Ask; the transaction and the PDU of the first answer to one of those `awaited`."""
    head = yield Ask(frame(transaction, unit, pdu), exactly=HEADER.size)
    number, protocol, length, _ = HEADER.unpack(head)
    if protocol != 0 or not 2 <= length <= 254 or number not in awaited:
        raise Malformed("does not answer in Modbus TCP")
    return number, (yield Ask(exactly=length - 1))


def _identification(pdu: bytes) -> dict[str, str]:
    """The objects of an answer; one that is cut off is left out."""
    found: dict[str, str] = {}
    place = 7
    for _ in range(pdu[6]):
        if place + 2 > len(pdu) or place + 2 + pdu[place + 1] > len(pdu):
            break
        number, size = pdu[place], pdu[place + 1]
        value = pdu[place + 2 : place + 2 + size].decode("latin-1").strip("\0 ")
        if number in _OBJECTS and value:
            found[_OBJECTS[number]] = value
        place += 2 + size
    return found
