"""Every message: bytes as the specification shows them, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import PeerError, UsageError
from plantgate.protocols.modbus import (
    ExceptionCode,
    Function,
    MaskWriteRegister,
    Read,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    decode_request,
    exception_text,
    exchange,
    pack_bits,
    unpack_bits,
)
from plantgate.protocols.modbus.requests import IllegalRequest

WORDS = st.integers(0, 0xFFFF)


def _reads() -> st.SearchStrategy[Request]:
    def read(function: int, start: int, share: float) -> Request:
        most = min(2000 if function <= 2 else 125, 0x10000 - start)
        return Read(Function(function), start, max(1, int(share * most)))

    return st.builds(read, st.integers(1, 4), WORDS, st.floats(0, 1))


REQUESTS: st.SearchStrategy[Request] = st.one_of(
    _reads(),
    st.builds(WriteCoil, WORDS, st.booleans()),
    st.builds(WriteRegister, WORDS, WORDS),
    st.builds(WriteCoils, st.integers(0, 60_000), st.lists(st.booleans(), min_size=1, max_size=1968).map(tuple)),
    st.builds(
        WriteRegisters, st.integers(0, 60_000), st.binary(min_size=2, max_size=246).map(lambda b: b[: len(b) & ~1])
    ),
    st.builds(MaskWriteRegister, WORDS, WORDS, WORDS),
)


@given(REQUESTS)
def test_what_is_encoded_is_decoded(request_: Request) -> None:
    encoded = request_.encode()
    assert decode_request(encoded) == request_
    assert len(encoded) <= 253
    assert exchange(request_).reply_length <= 253


@given(st.binary(min_size=1, max_size=253))
def test_any_bytes_are_a_request_that_encodes_to_them_or_illegal(data: bytes) -> None:
    try:
        request = decode_request(data)
    except IllegalRequest:
        return  # any other exception fails the test
    padded = isinstance(request, WriteCoils)  # the unused bits of the last byte are not kept
    assert request.encode() == data or padded


@pytest.mark.parametrize(
    ("request_", "pdu"),
    [
        # The examples of MODBUS Application Protocol V1.1b3, sections 6.1 to 6.16.
        (Read(Function.READ_COILS, 0x13, 0x13), "01 0013 0013"),
        (Read(Function.READ_DISCRETE_INPUTS, 0xC4, 0x16), "02 00C4 0016"),
        (Read(Function.READ_HOLDING_REGISTERS, 0x6B, 3), "03 006B 0003"),
        (Read(Function.READ_INPUT_REGISTERS, 8, 1), "04 0008 0001"),
        (WriteCoil(0xAC, True), "05 00AC FF00"),
        (WriteRegister(1, 3), "06 0001 0003"),
        (
            WriteCoils(0x13, (True, False, True, True, False, False, True, True, True, False)),
            "0F 0013 000A 02 CD01",
        ),
        (WriteRegisters(1, bytes.fromhex("000A0102")), "10 0001 0002 04 000A 0102"),
        (MaskWriteRegister(4, 0xF2, 0x25), "16 0004 00F2 0025"),
    ],
)
def test_the_examples_of_the_specification(request_: Request, pdu: str) -> None:
    assert request_.encode() == bytes.fromhex(pdu)


@given(st.lists(st.booleans(), max_size=2000))
def test_bits_are_packed_and_unpacked(bits: list[bool]) -> None:
    assert unpack_bits(pack_bits(bits), len(bits)) == bits


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Read(Function.READ_COILS, 0, 2001), "MB-101"),
        (lambda: Read(Function.READ_HOLDING_REGISTERS, 0, 126), "MB-101"),
        (lambda: Read(Function.READ_HOLDING_REGISTERS, 0xFFFF, 2), "MB-101"),
        (lambda: Read(Function.WRITE_SINGLE_COIL, 0, 1), "MB-103"),
        (lambda: WriteRegister(0, 0x10000), "MB-102"),
        (lambda: WriteRegisters(0, b"123"), "MB-104"),
        (lambda: WriteRegisters(0, bytes(248)), "MB-101"),
        (lambda: WriteCoils(0, ()), "MB-101"),
    ],
)
def test_what_can_not_be_asked_is_our_fault(make: object, code: str) -> None:
    assert callable(make)
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("pdu", "exception"),
    [
        ("", ExceptionCode.ILLEGAL_FUNCTION),
        ("2C 0E 01 00", ExceptionCode.ILLEGAL_FUNCTION),
        ("2B 0D 01 00", ExceptionCode.ILLEGAL_FUNCTION),
        ("2B 0E 01", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("2B 0E 05 00", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("17 0000 0001 0000 0001 04 0000", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("17 FFFF 0002 0000 0001 02 0000", ExceptionCode.ILLEGAL_DATA_ADDRESS),
        ("17 0000 007E 0000 0001 02 0000", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("03 0000 0000", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("03 0000 007E", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("03 FFFF 0002", ExceptionCode.ILLEGAL_DATA_ADDRESS),
        ("03 0000", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("05 0000 1234", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("0F 0000 0009 01 FF", ExceptionCode.ILLEGAL_DATA_VALUE),
        ("10 0000 0002 04 0001", ExceptionCode.ILLEGAL_DATA_VALUE),
    ],
)
def test_a_wrong_request_names_its_exception(pdu: str, exception: ExceptionCode) -> None:
    with pytest.raises(PeerError) as caught:
        decode_request(bytes.fromhex(pdu))
    assert isinstance(caught.value, IllegalRequest)
    assert caught.value.exception is exception


def test_exceptions_have_words() -> None:
    assert exception_text(2) == "exception 02, illegal data address"
    assert exception_text(0x7F) == "exception 7F"
