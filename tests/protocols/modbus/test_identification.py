"""Read Device Identification, [AP] 6.21."""

from __future__ import annotations

import pytest

from plantgate.errors import PeerError, UsageError
from plantgate.protocols.modbus import ReadDeviceIdentification, exchange
from plantgate.protocols.modbus.identification import encode_identification, identification, named


def test_the_example_of_the_specification() -> None:
    data = (
        bytes.fromhex("01 01 00 00 03")
        + b"\x00\x16Company identification"
        + b"\x01\x0dProduct code "
        + b"\x02\x05V2.11"
    )
    found = identification(data)
    assert named(found.objects) == {
        "vendor": "Company identification",
        "product_code": "Product code",
        "revision": "V2.11",
    }
    assert found.following is None


def test_what_is_encoded_is_read() -> None:
    assert identification(encode_identification(2, {0: b"Acme", 5: b"M", 0x80: b"own"})).objects == {
        0: "Acme",
        5: "M",
        0x80: "own",
    }
    assert named({0x80: "own", 1: ""}) == {"object_80": "own"}


def test_more_follows() -> None:
    assert identification(bytes((1, 1, 0xFF, 2, 1)) + b"\x00\x01A").following == 2


@pytest.mark.parametrize("data", ["", "01010000", "0101000001", "010100000100", "01010000010005AB", "0101000000FF"])
def test_what_is_cut_or_too_long_is_the_peers_fault(data: str) -> None:
    with pytest.raises(PeerError):
        identification(bytes.fromhex(data))


def test_its_question() -> None:
    assert exchange(ReadDeviceIdentification(2, 3)).pdu == bytes.fromhex("2B0E0203")
    with pytest.raises(UsageError):
        ReadDeviceIdentification(5)
