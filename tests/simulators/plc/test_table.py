"""The map: nothing overlaps, and the demo's tags are made from it."""

from __future__ import annotations

from plantgate.drivers.modbus.address import parse_address
from plantgate.model.tag import TagKind, path_problem
from plantgate.simulators.plc import demo_tags, extra_tags
from plantgate.simulators.plc.line import BottlingLine
from plantgate.simulators.plc.table import EXTRA_FIRST, ROWS


def test_no_two_rows_share_a_register_and_none_is_left_out_between() -> None:
    for prefix in ("C", "DI", "HR", "IR"):
        at = 0
        for row in ROWS:
            if row.designator.startswith(prefix):
                address = parse_address(row.address)
                assert address.start == at, row.name
                at = address.stop
        assert at < EXTRA_FIRST


def test_the_demo_has_its_tags() -> None:
    tags = demo_tags("PLC1", "Line 1")
    assert len(tags) >= 40
    assert len({tag.path for tag in tags}) == len(tags)
    assert all(path_problem(tag.path) is None for tag in tags)
    by_path = {tag.path: tag for tag in tags}
    strike = by_path["[default]Line 1/Door 1/Strike"]
    assert (strike.address, strike.writable, strike.device, strike.kind) == ("C1", True, "PLC1", TagKind.DEVICE)
    speed = by_path["[default]Line 1/Filler/Speed"]
    assert (speed.unit, speed.low, speed.high, speed.history, speed.writable) == ("bpm", 0, 300, True, False)
    assert all(parse_address(tag.address).area.writable or not tag.writable for tag in tags)


def test_every_row_can_be_read_and_every_command_given() -> None:
    line = BottlingLine()
    for row in ROWS:
        value = row.get(line)
        if row.set is not None:
            row.set(line, value)
            assert row.get(line) == value


def test_extra_tags_are_the_extra_registers() -> None:
    tags = extra_tags(3)
    assert [(tag.path, tag.address) for tag in tags] == [
        ("[default]Load/R00001", "HRUS1001"),
        ("[default]Load/R00002", "HRUS1002"),
        ("[default]Load/R00003", "HRUS1003"),
    ]
