"""Registers from the line, commands from writes."""

from __future__ import annotations

import struct

import pytest

from plantgate.simulators.plc.line import BottlingLine
from plantgate.simulators.plc.memory import PlcMemory


@pytest.fixture
def memory() -> PlcMemory:
    return PlcMemory(BottlingLine(), lambda: 5.0, extra=100)


def words(*values: float) -> list[int]:
    return list(struct.unpack(f">{2 * len(values)}H", struct.pack(f">{len(values)}f", *values)))


def test_setpoints_are_in_holding_registers(memory: PlcMemory) -> None:
    assert memory.holding[:6] == [*words(180.0, 68.0), 3, 1204]


def test_a_write_commands_the_line_and_is_seen_at_once(memory: PlcMemory) -> None:
    [write] = memory.write_registers(0, words(240.0))
    assert (write.row.address, write.value) == ("HRF1", 240.0)
    assert memory.line.speed_setpoint == 240.0
    memory.refresh()
    assert memory.holding[:2] == words(240.0)
    [write] = memory.write_coils(1, [True])
    assert (write.row.address, write.value) == ("C2", True)
    assert memory.line.doors[1].strike


def test_several_values_in_one_write(memory: PlcMemory) -> None:
    writes = memory.write_registers(2, [*words(70.0), 4, 1300])
    assert [(write.row.name, write.value) for write in writes] == [
        ("Mixer/Temperature Setpoint", 70.0),
        ("Recipe", 4),
        ("Batch", 1300),
    ]


def test_half_a_value_and_nothing_there_are_refused(memory: PlcMemory) -> None:
    for start, data in ((0, [0]), (1, [0]), (900, [0]), (2, [*words(70.0), 4, 5, 6])):
        with pytest.raises(LookupError):
            memory.write_registers(start, data)
    with pytest.raises(LookupError):
        memory.write_coils(6, [True])
    assert memory.line.temperature_setpoint == 68.0


def test_a_value_outside_its_range_changes_nothing(memory: PlcMemory) -> None:
    with pytest.raises(ValueError, match="takes 0 to 300"):
        memory.write_registers(0, words(900.0))
    with pytest.raises(ValueError, match="takes 20 to 95"):
        memory.write_registers(0, words(200.0, 120.0))
    assert memory.line.speed_setpoint == 180.0


def test_extra_registers_change_with_time() -> None:
    now = [0.0]
    memory = PlcMemory(BottlingLine(), lambda: now[0], extra=10)
    before = memory.extra_words(0, 10)
    now[0] = 1.0
    after = memory.extra_words(0, 10)
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert memory.extra_words(3, 4) == after[3:7]
