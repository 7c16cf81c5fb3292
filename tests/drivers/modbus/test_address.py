"""The address grammar of Ignition 8.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.drivers.modbus.address import DESIGNATORS, Address, Area, Kind, address_problem, parse_address
from plantgate.errors import ConfigError

HR, IR = Area.HOLDING_REGISTERS, Area.INPUT_REGISTERS


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("C1", Address(Area.COILS, Kind.BOOL, 0)),
        ("DI7", Address(Area.DISCRETE_INPUTS, Kind.BOOL, 6)),
        ("HR1", Address(HR, Kind.INT16, 0)),
        ("ir12", Address(IR, Kind.INT16, 11)),
        ("HRUS3", Address(HR, Kind.UINT16, 2)),
        ("IRUS3", Address(IR, Kind.UINT16, 2)),
        ("HRI10", Address(HR, Kind.INT32, 9)),
        ("IRUI10", Address(IR, Kind.UINT32, 9)),
        ("HRI_64100", Address(HR, Kind.INT64, 99)),
        ("IRUI_64100", Address(IR, Kind.UINT64, 99)),
        ("3.HRF40", Address(HR, Kind.FLOAT, 39, unit=3)),
        ("IRD5", Address(IR, Kind.DOUBLE, 4)),
        ("HRBCD5", Address(HR, Kind.BCD16, 4)),
        ("IRBCD_325", Address(IR, Kind.BCD32, 4)),
        ("HRS1024:20", Address(HR, Kind.STRING, 1023, length=20)),
        ("HR1024.3", Address(HR, Kind.INT16, 1023, bit=3)),
        ("0.IRUS1.15", Address(IR, Kind.UINT16, 0, unit=0, bit=15)),
        ("HR65536", Address(HR, Kind.INT16, 65535)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, address: Address) -> None:
    assert parse_address(text) == address


def test_zero_based_devices_count_from_zero() -> None:
    assert parse_address("HR0", zero_based=True).start == 0
    assert parse_address("HR65535", zero_based=True).start == 65535


@given(
    st.sampled_from(sorted(DESIGNATORS)),
    st.integers(0, 60_000),
    st.none() | st.integers(0, 255),
    st.integers(1, 125),
    st.booleans(),
)
def test_text_and_address_are_two_forms_of_one(name: str, start: int, unit: int | None, half: int, zero: bool) -> None:
    area, kind = DESIGNATORS[name]
    address = Address(area, kind, start, unit, None, 2 * half if kind is Kind.STRING else 0)
    assert parse_address(address.text(zero_based=zero), zero_based=zero) == address


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "MB-201", "a designator comes before"),
        ("40001", "MB-201", "a designator comes before"),
        ("HR", "MB-201", "write it like HR1"),
        ("HRS", "MB-201", "HRS1:20"),
        ("HR1.2.3", "MB-201", "write it like"),
        ("HRFF40", "MB-202", "did you mean HRF"),
        ("HIR4", "MB-202", "did you mean"),
        ("X9", "MB-202", "there are C, DI"),
        ("256.HR1", "MB-203", "0 to 255"),
        ("HR1.16", "MB-204", "0 to 15"),
        ("HRF1.3", "MB-205", "only HR, IR"),
        ("C1.3", "MB-205", "only HR, IR"),
        ("HR0", "MB-206", "zero_based"),
        ("HR65537", "MB-207", "the highest here is 65536"),
        ("HRF65536", "MB-207", "the highest here is 65535"),
        ("HR1:4", "MB-208", "HR1024.3"),
        ("HRS1", "MB-209", "HRS1:20"),
        ("HRS1:3", "MB-209", "an even number"),
        ("HRS1:252", "MB-209", "2 to 250"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(text: str, code: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    assert caught.value.code == code
    assert says in caught.value.hint
    assert says in (address_problem(text) or "")


@given(st.text(max_size=20))
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    problem = address_problem(text)
    if problem is None:
        assert parse_address(text).start >= 0
        return
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    assert problem == f"{caught.value.message}; {caught.value.hint}"
