"""Address maps: every name leads to its address, and every wrong line is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from plantgate.config.document import Device
from plantgate.config.problems import ConfigErrors
from plantgate.drivers.modbus import device_address_problem, modbus_options
from plantgate.drivers.modbus.address_map import AddressMap, load_map, map_of, read_map, write_map
from plantgate.errors import ConfigError
from plantgate.limits import MODBUS_MAP_ROWS
from plantgate.model.value import DataType
from tests.drivers.modbus.conftest import definition

CSV = """prefix,start,end,step,radix,unit,type,address
N7:,0,99,1,10,,HR,1
F8:,0,98,2,10,3,HRF@CDAB,201
B,0,1F,1,16,,C,1
O:,0,17,1,8,,DI,11
ST,1,3,,,,HRS:20,501
"""


@pytest.fixture
def known() -> AddressMap:
    return read_map(CSV, "plc.csv")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("N7:0", "HR1"),
        ("N7:99", "HR100"),
        ("N7:3.5", "HR4.5"),
        ("F8:0", "3.HRF201@CDAB"),
        ("F8:98", "3.HRF299@CDAB"),
        ("B0", "C1"),
        ("B1F", "C32"),
        ("O:17", "DI26"),
        ("ST2", "HRS511:20"),
        ("HR7", "HR7"),
    ],
)
def test_names_lead_to_addresses(known: AddressMap, name: str, address: str) -> None:
    assert known.address(name).text() == address


@pytest.mark.parametrize("name", ["N7:100", "F8:1", "B20", "O:18", "N7:", "N7:1.16", "B0.1", "X1"])
def test_what_no_row_has_is_no_address(known: AddressMap, name: str) -> None:
    with pytest.raises(ConfigError):
        known.address(name)


def test_written_and_read_back(known: AddressMap) -> None:
    assert read_map(write_map(known), "again.csv") == known
    assert len(list(known.names())) == 100 + 50 + 32 + 16 + 3


def test_names_are_gathered_into_ranges(known: AddressMap) -> None:
    names = [("A1", "HR1"), ("A2", "HR2"), ("A3", "HR3"), ("A4", "HR9"), ("F1", "HRF1@CDAB"), ("F2", "HRF3@CDAB")]
    some = map_of([(name, known.address(text)) for name, text in names])
    assert [(row.prefix, row.start, row.end, row.type, row.address) for row in some.rows] == [
        ("A", 1, 3, "HR", 1),
        ("A", 4, 4, "HR", 9),
        ("F", 1, 2, "HRF@CDAB", 1),
    ]
    assert {name: some.address(name).text() for name, _ in names} == dict(names)
    with pytest.raises(ConfigError):
        map_of([("Speed", known.address("HR1"))])


def test_columns_as_ignition_and_spreadsheets_name_them() -> None:
    text = "Prefix;Start;End;Step;Unit ID;Modbus Type;Modbus Address\nR;1;5;1;2;HRUS;101\n"
    assert read_map(text, "plc.csv").address("R5").text() == "2.HRUS105"


def test_every_wrong_line_is_told() -> None:
    text = """prefix,start,end,step,radix,unit,type,address
A,0,9,1,10,,HR,1
A,5,12,1,10,,HR,50
B,9,0,1,10,,HR,1
C,0,9,0,10,,HR,1
D,0,G,1,16,,HR,1
E,0,9,1,12,,HR,1
F,0,9,1,10,300,HR,1
G,0,9,1,10,,HRX,1
H,0,9,1,10,,HR,65530
,0,9,1,10,,HR,1
I,0,9,1,10,,HR,one
J,0,9,1,10,,H R,1
"""
    with pytest.raises(ConfigErrors) as caught:
        read_map(text, "plc.csv")
    lines = sorted(int(error.message.split(":")[1]) for error in caught.value.errors)
    assert lines == list(range(3, 14))
    with pytest.raises(ConfigErrors, match="no column address"):
        read_map("prefix,start,end,type\n", "plc.csv")


def test_a_file_has_a_bound() -> None:
    rows = "".join(f"P{number}_,0,0,1,10,,HR,1\n" for number in range(MODBUS_MAP_ROWS + 1))
    with pytest.raises(ConfigErrors, match="rows are the most"):
        read_map("prefix,start,end,step,radix,unit,type,address\n" + rows, "plc.csv")


def test_a_device_with_a_map(tmp_path: Path) -> None:
    file = tmp_path / "plc.csv"
    file.write_text(CSV, encoding="utf-8")
    device = Device(name="plc", host="h", address_map=str(file))
    assert modbus_options(device).address("N7:3").text() == "HR4"
    assert device_address_problem(definition("N7:3"), device) is None
    assert "no designator N" in (device_address_problem(definition("N7:300"), device) or "")
    assert device_address_problem(definition("HR0"), device) is not None
    assert "Modbus registers" in (device_address_problem(definition("HR1", DataType.INT2_ARRAY), device) or "")
    zero = Device(name="plc", host="h", address_map=str(file), zero_based_addressing=True)
    assert modbus_options(zero).address("N7:3").start == 4


def test_a_map_is_read_anew_when_it_changed_and_a_missing_one_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plc.csv"
    file.write_text(CSV, encoding="utf-8")
    first = load_map(file)
    assert load_map(file) is first
    file.write_text(CSV + "Z,1,2,1,10,,HR,900\n", encoding="utf-8")
    assert load_map(file).address("Z2").text() == "HR901"
    with pytest.raises(ConfigError, match="can't be read"):
        load_map(tmp_path / "none.csv")
    assert "can't be read" in (
        device_address_problem(definition("HR1"), Device(name="p", host="h", address_map="none")) or ""
    )
