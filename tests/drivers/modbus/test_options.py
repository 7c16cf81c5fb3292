"""Every option of Ignition's driver: what it changes on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from plantgate.config.document import Device, DriverName
from plantgate.drivers.modbus import ModbusOptions, modbus_options
from plantgate.drivers.modbus.address import Area
from plantgate.drivers.modbus.options import Framing
from plantgate.errors import ConfigError
from plantgate.model.command import WriteTag
from plantgate.model.quality import Quality
from plantgate.model.value import DataType
from plantgate.protocols.modbus import (
    ExceptionCode,
    Function,
    MaskWriteRegister,
    Read,
    ReadWriteRegisters,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
)
from tests.drivers.modbus.rude import RudeDevice

if TYPE_CHECKING:
    from tests.drivers.modbus.conftest import Start, Tags

Eventually = Callable[..., Awaitable[None]]
HOLDING = Function.READ_HOLDING_REGISTERS


def test_names_and_defaults_are_ignitions() -> None:
    """Ignition 8.3 OpenAPI, device type ModbusTcp, in snake_case."""
    plain = Device(name="plc", host="h")
    assert modbus_options(plain) == ModbusOptions("h")
    assert {field: getattr(plain, field) for field in Device.__struct_fields__ if field not in {"name", "host"}} == {
        "port": 502,
        "driver": DriverName.MODBUS,
        "enabled": True,
        "unit_id": 1,
        "timeout": 2.0,
        "local_address": "",
        "concurrent_requests": 1,
        "span_gaps": True,
        "max_holding_registers_per_request": 125,
        "max_holding_registers_per_write_request": 123,
        "max_input_registers_per_request": 125,
        "max_coils_per_request": 2000,
        "max_discrete_inputs_per_request": 2000,
        "write_multiple_registers_allowed": True,
        "force_multiple_register_writes": False,
        "write_multiple_coils_allowed": True,
        "read_write_multiple_registers_allowed": False,
        "read_multiple_registers_allowed": True,
        "read_multiple_coils_allowed": True,
        "read_multiple_discrete_inputs_allowed": True,
        "reconnect_after_consecutive_timeouts": True,
        "reverse_word_order": False,
        "zero_based_addressing": False,
        "max_retry_count": 1,
        "reverse_string_byte_order": False,
        "right_justify_strings": False,
        "read_raw_strings": False,
        "address_map": "",
    }


def test_each_setting_of_a_device_reaches_the_driver() -> None:
    plain = modbus_options(Device(name="plc", host="h"))
    changes: dict[str, Any] = {
        "port": 1502,
        "driver": DriverName.MODBUS_RTU_OVER_TCP,
        "unit_id": 3,
        "timeout": 1.0,
        "local_address": "127.0.0.2",
        "concurrent_requests": 4,
        "span_gaps": False,
        "max_holding_registers_per_request": 1,
        "max_holding_registers_per_write_request": 1,
        "max_input_registers_per_request": 1,
        "max_coils_per_request": 1,
        "max_discrete_inputs_per_request": 1,
        "write_multiple_registers_allowed": False,
        "force_multiple_register_writes": True,
        "write_multiple_coils_allowed": False,
        "read_write_multiple_registers_allowed": True,
        "read_multiple_registers_allowed": False,
        "read_multiple_coils_allowed": False,
        "read_multiple_discrete_inputs_allowed": False,
        "reconnect_after_consecutive_timeouts": False,
        "reverse_word_order": True,
        "zero_based_addressing": True,
        "max_retry_count": 0,
        "reverse_string_byte_order": True,
        "right_justify_strings": True,
        "read_raw_strings": True,
    }
    assert set(changes) | {"name", "host", "enabled", "address_map"} == set(Device.__struct_fields__)
    for key, value in changes.items():
        assert modbus_options(Device(name="plc", host="h", **{key: value})) != plain, key


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"framing": Framing.RTU_OVER_TCP, "concurrent_requests": 2}, "MB-213"),
        ({"force_multiple_registers": True, "write_multiple_registers_allowed": False}, "MB-214"),
    ],
)
def test_what_can_not_be_meant_together_is_refused(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ModbusOptions("plc", **wrong)
    assert caught.value.code == code


async def test_local_address_is_where_the_connection_comes_from(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    start(["HR1"], local_address="127.0.0.1")
    await eventually(lambda: tags.all(Quality.GOOD))


async def test_a_local_address_that_is_not_ours_is_told(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1"], local_address="192.0.2.1")
    await eventually(lambda: device.status()[0].state == "unreachable")
    assert rude.connections == 0


async def test_without_multiple_reads_each_register_is_a_request(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    addresses = ["HR1", "HR2", "HRI3", "IR1", "IR2", "C1", "C2", "DI1", "DI2"]
    rude.registers[:4] = [1, 2, 3, 4]
    start(
        addresses,
        rate=60.0,
        read_multiple_registers_allowed=False,
        read_multiple_coils_allowed=False,
        read_multiple_discrete_inputs_allowed=False,
    )
    await eventually(lambda: len(tags.qualities) == len(addresses))
    assert {request.count for request in rude.asked if isinstance(request, Read)} == {1}
    assert len(rude.asked) == 10
    # A value of two registers is put together from two requests.
    assert tags.values[2] == 3 << 16 | 4
    assert tags.all(Quality.GOOD)


async def test_a_value_longer_than_a_request_may_be_is_read_in_pieces(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HRS1:20"], rate=60.0, max_holding_registers_per_request=4)
    for index in range(10):
        rude.registers[index] = (0x61 + 2 * index) << 8 | (0x62 + 2 * index)
    await eventually(lambda: len(tags.qualities) == 1)
    assert [(request.start, request.count) for request in rude.asked if isinstance(request, Read)] == [
        (0, 4),
        (4, 4),
        (8, 2),
    ]
    assert device.status()[0].details["requests_per_poll"] == 3


def test_the_limit_of_each_area_is_its_own() -> None:
    options = ModbusOptions(
        "plc",
        max_holding_registers_per_request=10,
        max_input_registers_per_request=20,
        max_coils_per_request=30,
        max_discrete_inputs_per_request=40,
    )
    assert [options.most(area) for area in Area] == [30, 40, 10, 20]


async def test_several_registers_are_written_one_by_one_where_the_device_takes_no_more(
    rude: RudeDevice, start: Start, eventually: Eventually
) -> None:
    device = start(["HRI1", "HRS10:6"], rate=60.0, write_multiple_registers_allowed=False)
    await eventually(lambda: len(rude.asked) == 1)
    assert (await device.execute(WriteTag("[default]HRI1", 0x10002))).done
    assert (await device.execute(WriteTag("[default]HRS10:6", "abcdef"))).done
    written = [request for request in rude.asked if not isinstance(request, Read)]
    assert written == [
        WriteRegister(0, 1),
        WriteRegister(1, 2),
        WriteRegister(9, 0x6162),
        WriteRegister(10, 0x6364),
        WriteRegister(11, 0x6566),
    ]


async def test_a_series_that_is_cut_off_says_so(rude: RudeDevice, start: Start, eventually: Eventually) -> None:
    device = start(["HRI1"], rate=60.0, write_multiple_registers_allowed=False)
    await eventually(lambda: len(rude.asked) == 1)
    rude.missing = {1}
    verdict = await device.execute(WriteTag("[default]HRI1", 5))
    assert (verdict.outcome, verdict.code) == ("failed", "MB-409")
    assert "in part" in verdict.message


async def test_a_single_register_is_forced_into_function_10(
    rude: RudeDevice, start: Start, eventually: Eventually
) -> None:
    device = start(["HR1"], rate=60.0, force_multiple_registers=True)
    await eventually(lambda: rude.asked)
    assert (await device.execute(WriteTag("[default]HR1", 5))).done
    assert WriteRegisters(0, b"\x00\x05") in rude.asked


async def test_a_function_that_the_device_does_not_know_is_replaced_and_not_tried_again(
    rude: RudeDevice, start: Start, eventually: Eventually
) -> None:
    rude.unknown = {Function.WRITE_SINGLE_REGISTER, Function.WRITE_SINGLE_COIL}
    device = start(["HR1", "C3"], rate=60.0)
    await eventually(lambda: len(rude.asked) == 2)
    for value in (5, 6):
        assert (await device.execute(WriteTag("[default]HR1", value))).done
        assert (await device.execute(WriteTag("[default]C3", True))).done
    written = [request for request in rude.asked if not isinstance(request, Read)]
    assert written == [
        WriteRegister(0, 5),
        WriteRegisters(0, b"\x00\x05"),
        WriteCoil(2, True),
        WriteCoils(2, (True,)),
        WriteRegisters(0, b"\x00\x06"),
        WriteCoils(2, (True,)),
    ]


async def test_where_the_other_function_is_not_allowed_the_refusal_is_told(
    rude: RudeDevice, start: Start, eventually: Eventually
) -> None:
    rude.unknown = {Function.WRITE_SINGLE_REGISTER, Function.WRITE_SINGLE_COIL}
    device = start(["HR1", "C3"], rate=60.0, write_multiple_registers_allowed=False, write_multiple_coils_allowed=False)
    await eventually(lambda: len(rude.asked) == 2)
    for path in ("[default]HR1", "[default]C3"):
        verdict = await device.execute(WriteTag(path, True))
        assert verdict.code == "MB-407"
        assert "illegal function" in verdict.message


async def test_a_bit_without_mask_write_is_read_changed_and_written(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.unknown = {Function.MASK_WRITE_REGISTER}
    rude.registers[9] = 0x0F0F
    device = start(["HR10.4", "HR10.0"], rate=60.0)
    await eventually(lambda: len(tags.qualities) == 2)
    before = len(rude.asked)
    assert (await device.execute(WriteTag("[default]HR10-4", True, read_back=True))).done
    assert rude.asked[before:] == [
        MaskWriteRegister(9, 0xFFEF, 0x10),
        Read(HOLDING, 9, 1),
        WriteRegister(9, 0x0F1F),
        Read(HOLDING, 9, 1),
    ]
    assert (await device.execute(WriteTag("[default]HR10-0", False, read_back=True))).done
    assert rude.registers[9] == 0x0F1E
    assert sum(isinstance(request, MaskWriteRegister) for request in rude.asked) == 1


async def test_bits_of_one_register_that_are_written_at_once_do_not_undo_each_other(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    import asyncio

    rude.unknown = {Function.MASK_WRITE_REGISTER}
    rude.registers[9] = 0
    bits = [f"HR10.{bit}" for bit in range(16)]
    device = start(bits, rate=60.0, concurrent_requests=8)
    await eventually(lambda: len(tags.qualities) == 16)
    verdicts = await asyncio.gather(*(device.execute(WriteTag(f"[default]HR10-{bit}", True)) for bit in range(16)))
    assert all(verdict.done for verdict in verdicts)
    assert rude.registers[9] == 0xFFFF


async def test_write_and_read_back_in_one_request(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HRI1"], rate=60.0, read_write_multiple_registers_allowed=True)
    await eventually(lambda: len(tags.qualities) == 1)
    assert (await device.execute(WriteTag("[default]HRI1", 7))).done
    assert rude.asked[1:] == [ReadWriteRegisters(0, 2, 0, b"\x00\x00\x00\x07")]
    assert tags.values[0] == 7
    rude.unknown = {Function.READ_WRITE_MULTIPLE_REGISTERS}
    assert (await device.execute(WriteTag("[default]HRI1", 8))).done
    assert WriteRegisters(0, b"\x00\x00\x00\x08") in rude.asked


async def test_a_busy_device_is_asked_once_more_as_often_as_allowed(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.manner, rude.code = "exception", ExceptionCode.SERVER_DEVICE_BUSY
    start(["HR1"], rate=60.0, max_retry_count=3)
    await eventually(lambda: len(rude.asked) == 4)
    await eventually(lambda: tags.all(Quality.BAD_FAILURE))
    assert len(rude.asked) == 4


async def test_without_reconnect_a_silent_device_keeps_its_connection(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    rude.manner = "silent"
    device = start(["HR1"], rate=0.01, timeout=0.02, reconnect_after_timeouts=0)
    await eventually(lambda: len(rude.asked) > 10)
    assert rude.connections == 1
    assert device.status()[0].details["timeouts"] > 5  # type: ignore[operator]


async def test_zero_based(rude: RudeDevice, start: Start, eventually: Eventually) -> None:
    start(["HR0", "HR1"], rate=60.0, zero_based=True)
    await eventually(lambda: rude.asked)
    assert rude.asked == [Read(HOLDING, 0, 2)]


@pytest.mark.parametrize(
    ("options", "words", "text", "written"),
    [
        ({}, "4142 4300 5A5A", "ABC", "6162 6300 0000"),
        ({"reverse_string_byte_order": True}, "4241 0043 5A5A", "ABC", "6261 0063 0000"),
        ({"right_justify_strings": True}, "0000 0041 4243", "ABC", "0000 0061 6263"),
        ({"right_justify_strings": True}, "2020 2041 4243", "ABC", "0000 0061 6263"),
        ({"read_raw_strings": True}, "4142 0043 2000", "AB\0C \0", "6162 6300 0000"),
        (
            {"right_justify_strings": True, "reverse_string_byte_order": True},
            "0000 4100 4342",
            "ABC",
            "0000 6100 6362",
        ),
    ],
)
async def test_strings(
    rude: RudeDevice,
    tags: Tags,
    start: Start,
    eventually: Eventually,
    options: dict[str, Any],
    words: str,
    text: str,
    written: str,
) -> None:
    rude.registers[:3] = [int(word, 16) for word in words.split()]
    device = start(["HRS1:6"], rate=60.0, **options)
    await eventually(lambda: len(tags.qualities) == 1)
    from plantgate.drivers.modbus.planner import Point, block_of
    from plantgate.drivers.modbus.values import Decoder

    # The fixture's tags are numbers; what a text tag shows is what the decoder gives.
    point = Point(0, 1, device.options.address("HRS1:6"), DataType.STRING)
    data = b"".join(word.to_bytes(2, "big") for word in rude.registers[:3])
    assert Decoder(block_of((point,)), device.options).decode(data) == [text]
    assert tags.values[0] == text
    assert (await device.execute(WriteTag("[default]HRS1:6", "abc"))).done
    assert rude.registers[:3] == [int(word, 16) for word in written.split()]


@pytest.mark.parametrize(
    ("address", "words", "value"),
    [
        ("HRF1", "3FC0 0000", 1.5),
        ("HRF1@ABCD", "3FC0 0000", 1.5),
        ("HRF1@CDAB", "0000 3FC0", 1.5),
        ("HRF1@BADC", "C03F 0000", 1.5),
        ("HRF1@DCBA", "0000 C03F", 1.5),
        ("HRI1@CDAB", "0002 0001", 0x10002),
        ("HRUI_641@DCBA", "0800 0700 0600 0500", 0x0005000600070008),
        ("HRUI_641@CDAB", "0008 0007 0006 0005", 0x0005000600070008),
        ("HRUI_641@BADC", "0500 0600 0700 0800", 0x0005000600070008),
        ("HRUS1@BA", "3412", 0x1234),
        ("HRBCD1@BA", "3412", 1234),
        ("HRBCD_321@CDAB", "5678 1234", 12345678),
        ("HRS1:4@BA", "4241 4443", "ABCD"),
        ("HR1.0@BA", "0100", True),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
async def test_each_tag_can_have_its_own_order(
    rude: RudeDevice,
    tags: Tags,
    start: Start,
    eventually: Eventually,
    address: str,
    words: str,
    value: Any,
    reverse: bool,
) -> None:
    if "@" not in address and reverse:
        words = " ".join(reversed(words.split()))
    registers = [int(word, 16) for word in words.split()]
    rude.registers[: len(registers)] = registers
    device = start([address], rate=60.0, reverse_word_order=reverse)
    await eventually(lambda: len(tags.qualities) == 1)
    path = f"[default]{address.replace('.', '-')}"
    point = device._points[path]._replace(data_type=DataType.FLOAT8 if isinstance(value, float) else DataType.STRING)
    from plantgate.drivers.modbus.planner import block_of
    from plantgate.drivers.modbus.values import Decoder

    data = b"".join(word.to_bytes(2, "big") for word in registers)
    [read] = Decoder(block_of((point,)), device.options).decode(data)
    assert str(read) == (str(value) if isinstance(value, float | str) else str(int(value)))
    rude.registers[: len(registers)] = [0] * len(registers)
    assert (await device.execute(WriteTag(path, value))).done
    assert rude.registers[: len(registers)] == registers


@pytest.mark.parametrize("text", ["C1@AB", "HR1@ABCD", "HRF1@AB", "HRF1@ACBD", "DI1@BA", "HRS1:4@CDAB", "HR1@"])
def test_an_order_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        ModbusOptions("plc").address(text)


async def test_a_device_that_changes_what_is_written_is_told(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    device = start(["HR1"], rate=60.0)
    await eventually(lambda: len(tags.qualities) == 1)
    usual = rude._take
    rude._take = lambda request: usual(WriteRegister(0, 80))  # type: ignore[method-assign]
    verdict = await device.execute(WriteTag("[default]HR1", 100, read_back=True))
    assert verdict.done
    assert verdict.code == "MB-410"
    assert "holds 80 now" in verdict.message
    assert tags.values[0] == 80


async def test_writes_of_one_unit_go_in_the_order_they_came(
    rude: RudeDevice, start: Start, tags: Tags, eventually: Eventually
) -> None:
    import asyncio

    device = start(["HR1"], rate=60.0, concurrent_requests=8)
    await eventually(lambda: len(tags.qualities) == 1)
    await asyncio.gather(*(device.execute(WriteTag("[default]HR1", value)) for value in range(40)))
    assert [request.value for request in rude.asked if isinstance(request, WriteRegister)] == list(range(40))
