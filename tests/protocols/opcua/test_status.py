"""Codes and times, checked against asyncua's tables and its clock."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from asyncua import ua as asyncua_types
from hypothesis import given
from hypothesis import strategies as st

from plantgate.model.quality import Quality
from plantgate.protocols.opcua import status

ua: Any = asyncua_types  # its annotations are names for readers


def test_every_code_has_the_number_that_asyncua_knows() -> None:
    known = {
        "".join(word.capitalize() for word in name.split("_")): value
        for name, value in vars(status).items()
        if name.startswith("BAD_") and isinstance(value, int)
    }
    stock = {name.lower(): value for name, value in vars(ua.StatusCodes).items() if isinstance(value, int)}
    assert {name: value for name, value in known.items() if stock.get(name.lower()) != value} == {}
    assert len(known) > 40


def test_every_code_of_a_quality_exists() -> None:
    stock = {value for value in vars(ua.StatusCodes).values() if isinstance(value, int)} | {0x40000000, 0x80000000}
    assert {hex(code) for code in (*status._FROM_QUALITY.values(), *status._TO_QUALITY)} - set(map(hex, stock)) == set()


@pytest.mark.parametrize("quality", Quality)
def test_there_and_back_a_quality_stays_as_good_or_bad(quality: Quality) -> None:
    code = status.status_of(quality)
    severity = 0 if quality < 256 else status.UNCERTAIN if quality < 512 else status.BAD
    assert code & status.SEVERITY_BITS == severity
    back = status.quality_of(code | status.OVERFLOW)
    assert Quality(back)
    assert status.status_of(back) & status.SEVERITY_BITS == severity


@pytest.mark.parametrize(
    "quality",
    [
        Quality.GOOD, Quality.GOOD_OVERLOAD, Quality.UNCERTAIN_LAST_KNOWN_VALUE, Quality.UNCERTAIN_INITIAL_VALUE,
        Quality.BAD_STALE, Quality.BAD_NOT_CONNECTED, Quality.BAD_DISABLED, Quality.BAD_NOT_FOUND,
        Quality.BAD_OUT_OF_RANGE, Quality.BAD_READ_ONLY, Quality.BAD_ACCESS_DENIED, Quality.ERROR_TYPE_CONVERSION,
        Quality.ERROR_TIMEOUT_EXPIRED, Quality.ERROR_CONFIGURATION,
    ],
)  # fmt: skip
def test_the_qualities_that_people_see_come_back_as_they_were(quality: Quality) -> None:
    assert status.quality_of(status.status_of(quality)) == quality


@given(st.integers(0, 2**32 - 1))
def test_any_code_of_a_peer_has_a_quality_of_its_severity(code: int) -> None:
    quality = Quality(status.quality_of(code))
    level = 0 if quality < 256 else 1 if quality < 512 else 2
    assert level == min(code >> 30, 2) or (code & status.CODE_BITS) in status._TO_QUALITY


@given(st.integers(0, 5_000))
def test_any_number_for_a_quality_has_a_code(quality: int) -> None:
    assert 0 <= status.status_of(quality) < 2**32


EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


@given(st.integers(-11_644_473_600_000_000, 253_402_300_798_000_000))
def test_times_are_those_of_asyncua(wall: int) -> None:
    moment = EPOCH + datetime.timedelta(microseconds=wall)
    assert status.filetime(wall) == ua.datetime_to_win_epoch(moment)
    assert status.wall_time(status.filetime(wall)) == (wall if status.filetime(wall) else None)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_number_for_a_time_is_a_date_or_none(ticks: int) -> None:
    wall = status.wall_time(ticks)
    assert (wall is None) == (ticks <= 0)
    if wall is not None:
        assert 1601 <= (EPOCH + datetime.timedelta(microseconds=wall)).year <= 9999


@given(st.integers(-(2**70), 2**70))
def test_any_time_of_ours_fits(wall: int) -> None:
    assert 0 <= status.filetime(wall) < 2**63
