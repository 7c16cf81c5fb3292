"""What a client reads: tables, types, gaps, qualities, units, identification."""

from __future__ import annotations

import struct

import pytest

import plantgate
from plantgate.model.quality import Quality
from plantgate.model.value import DataType, Scalar
from tests.listeners.modbus_server.plant import client, plant, row, tag


@pytest.mark.parametrize(
    ("address", "value", "registers"),
    [
        ("HR1", -2, "FFFE"),
        ("HRUS1", 65_535, "FFFF"),
        ("HRI1", -70_000, "FFFEEE90"),
        ("HRUI1", 3_000_000_000, "B2D05E00"),
        ("HRI_641", -2, "FFFFFFFFFFFFFFFE"),
        ("HRUI_641", 5, "0000000000000005"),
        ("HRF1", 1.5, "3FC00000"),
        ("HRD1", -0.5, "BFE0000000000000"),
        ("HRBCD1", 1234, "1234"),
        ("HRBCD_321", 12_345_678, "12345678"),
        ("HRS1:6", "Wasse", "576173736500"),
        ("HRF1@CDAB", 1.5, "00003FC0"),
        ("HRF1@BADC", 1.5, "C03F0000"),
        ("HRI1@DCBA", 1, "01000000"),
        ("HRS1:6@BA", "abc", "626100630000"),
        ("IR1", 7, "0007"),
    ],
)
async def test_every_type_in_every_order(address: str, value: Scalar, registers: str) -> None:
    async with plant([address]) as it, client(it.port) as other:
        it.put(address, value)
        count = len(registers) // 4
        function = "04" if address.startswith("IR") else "03"
        answer = await other.ask(f"{function} 0000 {count:04X}")
        assert answer.replace(" ", "") == f"{function}{2 * count:02X}{registers}"


async def test_the_order_of_a_whole_server() -> None:
    async with plant(["HRF1", "HRS3:2"], reverse_word_order=True, reverse_string_byte_order=True) as it:
        it.put("HRF1", 1.5)
        it.put("HRS3:2", "ab")
        async with client(it.port) as other:
            assert await other.ask("03 0000 0003") == "03 06 00 00 3F C0 62 61"


async def test_bits_are_packed() -> None:
    names = [f"C{number}" for number in range(1, 12)]
    async with plant([*names, "DI3"]) as it, client(it.port) as other:
        for number in (1, 3, 9, 11):
            it.put(f"C{number}", value=True)
        for name in names:
            it.put(name, value=name in {"C1", "C3", "C9", "C11"})
        it.put("DI3", value=True)
        assert await other.ask("01 0000 000B") == "01 02 05 05"
        assert await other.ask("01 0002 0001") == "01 01 01"
        assert await other.ask("02 0002 0001") == "02 01 01"


async def test_bits_of_a_register() -> None:
    async with plant(["HR5.0", "HR5.15", "HR5.3"]) as it, client(it.port) as other:
        for bit, on in ((0, True), (15, True), (3, False)):
            it.put(f"HR5.{bit}", on)
        assert await other.ask("03 0004 0001") == "03 02 80 01"
        it.put("HR5.3", value=True)
        assert await other.ask("03 0004 0001") == "03 02 80 09"
        it.put("HR5.3", None, Quality.BAD_NOT_CONNECTED)
        assert await other.ask("03 0004 0001") == "83 04"


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ("03 0000 0001", "83 02"),  # before the first
        ("03 0004 0001", "03 02 00 07"),
        ("03 0004 0002", "83 02"),  # over its end
        ("03 0004 0003", "83 02"),  # over a gap
        ("03 0006 0001", "03 02 00 08"),
        ("03 FFFF 0001", "83 02"),
        ("03 FFFF 0002", "83 02"),
        ("03 0004 0000", "83 03"),
        ("03 0004 007E", "83 03"),
        ("03 0004", "83 03"),
        ("01 0004 0001", "81 02"),
        ("07", "87 01"),
        ("2B 0D 0000", "AB 01"),
    ],
)
async def test_what_is_not_there(pdu: str, answer: str) -> None:
    async with plant(["HR5", "HR7"]) as it, client(it.port) as other:
        it.put("HR5", 7)
        it.put("HR7", 8)
        assert await other.ask(pdu) == answer


async def test_gaps_that_read_as_zero() -> None:
    async with plant(["HR5", "HR7", "C2", "C9"], gaps="zero") as it, client(it.port) as other:
        it.put("HR5", 7)
        it.put("HR7", 8)
        it.put("C2", value=True)
        it.put("C9", value=True)
        assert await other.ask("03 0004 0003") == "03 06 00 07 00 00 00 08"
        assert await other.ask("01 0001 0008") == "01 01 81"
        assert await other.ask("03 0003 0002") == "83 02", "before the first there is nothing"
        assert await other.ask("06 0005 0001") == "86 02", "nobody would keep it"


async def test_addresses_from_zero() -> None:
    async with plant(["HR0"], zero_based_addressing=True) as it, client(it.port) as other:
        it.put("HR0", 7)
        assert await other.ask("03 0000 0001") == "03 02 00 07"


async def test_what_is_not_good_is_an_exception() -> None:
    async with plant(["HR1", "HR2"]) as it, client(it.port) as other:
        it.put("HR1", 1)
        assert await other.ask("03 0001 0001") == "83 04", "nothing has arrived yet"
        it.put("HR2", 2)
        assert await other.ask("03 0000 0002") == "03 04 00 01 00 02"
        it.put("HR2", None, Quality.BAD_NOT_CONNECTED)
        assert await other.ask("03 0000 0002") == "83 04"
        assert await other.ask("03 0000 0001") == "03 02 00 01"
        it.put("HR2", 3, Quality.UNCERTAIN_LAST_KNOWN_VALUE)
        assert await other.ask("03 0001 0001") == "83 04"
        it.put("HR2", 4)
        assert await other.ask("03 0001 0001") == "03 02 00 04"


async def test_the_last_value_where_that_is_wanted() -> None:
    async with plant(["HR1", "HR2"], bad_quality="last") as it, client(it.port) as other:
        assert await other.ask("03 0000 0002") == "03 04 00 00 00 00", "there was none yet"
        it.put("HR1", 1)
        it.put("HR2", 2)
        it.put("HR2", None, Quality.BAD_STALE)
        assert await other.ask("03 0000 0002") == "03 04 00 01 00 02"
        it.put("HR1", 70_000)  # fits no register: the last that did
        assert await other.ask("03 0000 0002") == "03 04 00 01 00 02"


async def test_qualities_have_registers_and_bits_of_their_own() -> None:
    rows = [row("HR1", quality="IR101"), row("HR2", quality="DI101")]
    async with plant(rows) as it, client(it.port) as other:
        it.put("HR1", 1)
        it.put("HR2", 2)
        assert await other.ask("04 0064 0001") == "04 02 00 C0"
        assert await other.ask("02 0064 0001") == "02 01 01"
        it.put("HR1", None, Quality.BAD_NOT_CONNECTED)
        it.put("HR2", None, Quality.BAD_NOT_CONNECTED)
        assert await other.ask("04 0064 0001") == "04 02 02 0A"
        assert await other.ask("02 0064 0001") == "02 01 00"


@pytest.mark.parametrize(
    ("address", "value"),
    [("HR1", 40_000), ("HRUS1", -1), ("HRBCD1", 10_000), ("HRI1", 2**31), ("HRS1:4", "too long"), ("HRF1", 1e39)],
)
async def test_a_value_that_does_not_fit_is_an_exception_until_one_does(address: str, value: Scalar) -> None:
    kinds = {"HRS1:4": DataType.STRING, "HRF1": DataType.FLOAT8}
    tags = [tag(address, data_type=kinds.get(address, DataType.INT8))]
    async with plant([address], tags=tags) as it, client(it.port) as other:
        it.put(address, value)
        assert await other.ask("03 0000 0001") == "83 04"
        it.put(address, "ok" if isinstance(value, str) else 0)
        assert (await other.ask("03 0000 0001")).startswith("03 02")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("address", ["HR1", "HRF1"])
async def test_what_is_no_number_is_an_exception(address: str, number: float) -> None:
    async with plant([address], tags=[tag(address, data_type=DataType.FLOAT8)]) as it, client(it.port) as other:
        it.put(address, number)
        assert await other.ask("03 0000 0001") == "83 04"


async def test_a_fraction_is_rounded_where_registers_hold_none() -> None:
    async with plant(["HR1"], tags=[tag("HR1", data_type=DataType.FLOAT8)]) as it, client(it.port) as other:
        it.put("HR1", 12.6)
        assert await other.ask("03 0000 0001") == "03 02 00 0D"


async def test_units() -> None:
    async with plant(["HR1", "3.HR1", "255.HR1"], unit_id=7) as it, client(it.port) as other:
        it.put("HR1", 7)
        it.put("3.HR1", 3)
        it.put("255.HR1", 255)
        assert await other.ask("03 0000 0001", unit=7) == "03 02 00 07"
        assert await other.ask("03 0000 0001", unit=0) == "03 02 00 07", "the server itself"
        assert await other.ask("03 0000 0001", unit=3) == "03 02 00 03"
        assert await other.ask("03 0000 0001", unit=255) == "03 02 00 FF", "it has a map of its own"
        assert await other.ask("03 0000 0001", unit=4) == "83 02"
        assert await other.ask("2B 0E 01 00", unit=4) == "AB 02"


def objects(answer: str) -> dict[int, str]:
    data = bytes.fromhex(answer)
    assert data[:2] == b"\x2b\x0e"
    found, at = {}, 7
    for _ in range(data[6]):
        size = data[at + 1]
        found[data[at]] = data[at + 2 : at + 2 + size].decode()
        at += 2 + size
    assert at == len(data)
    return found


async def test_identification() -> None:
    basic = {0: "plantgate", 1: "plantgate", 2: plantgate.__version__}
    async with plant([]) as it, client(it.port) as other:
        assert objects(await other.ask("2B 0E 01 00")) == basic
        assert objects(await other.ask("2B 0E 01 02")) == {2: plantgate.__version__}
        assert objects(await other.ask("2B 0E 01 50")) == basic, "from the beginning"
        assert objects(await other.ask("2B 0E 02 00"))[6] == "plantgate"
        assert objects(await other.ask("2B 0E 03 00")).keys() == set(range(7))
        assert objects(await other.ask("2B 0E 04 02")) == {2: plantgate.__version__}
        assert (await other.ask("2B 0E 02 00"))[:17] == "2B 0E 02 82 00 00"
        assert await other.ask("2B 0E 04 80") == "AB 02"
        assert await other.ask("2B 0E 05 00") == "AB 03"


async def test_the_widest_reads() -> None:
    names = [f"C{number}" for number in range(1, 2_001)] + [f"HR{number}" for number in range(1, 126)]
    async with plant(names) as it, client(it.port) as other:
        for number in range(1, 2_001):
            it.put(f"C{number}", number % 3 == 0)
        for number in range(1, 126):
            it.put(f"HR{number}", number)
        bits = bytes.fromhex(await other.ask("01 0000 07D0"))
        assert bits[:2] == b"\x01\xfa"
        assert [bits[2 + at // 8] >> at % 8 & 1 for at in range(2_000)] == [(at + 1) % 3 == 0 for at in range(2_000)]
        words = bytes.fromhex(await other.ask("03 0000 007D"))
        assert struct.unpack(">125H", words[2:]) == tuple(range(1, 126))
