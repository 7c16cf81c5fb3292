"""Hours as the clock on the wall shows them. 2026-11-20 is a Friday."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plantgate.access.schedules import Timetable, hours_text, time_zone
from plantgate.model.access import Calendar, Holiday, Hours, Schedule

ALL_WEEK = (0, 1, 2, 3, 4, 5, 6)
WORK = (0, 1, 2, 3, 4)


def h(days: tuple[int, ...], span: str) -> Hours:
    """`h(WORK, "06:00-14:00")`."""
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
    return Hours(days=days, start=start, end=end)


def instant(text: str, zone: str, fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp()) * 1_000_000


EARLY = Schedule(name="Early", time_zone="Europe/Berlin", week=(h(WORK, "06:00-14:00"),))
NIGHT = Schedule(name="Night", time_zone="Europe/Berlin", week=(h((4,), "22:00-06:00"),))
ALWAYS = Schedule(name="Always", time_zone="Europe/Berlin", week=(h(ALL_WEEK, "00:00-24:00"),))
ROUND = Schedule(name="Round", time_zone="Europe/Berlin", week=(h((4,), "06:00-06:00"),))
SMALL_HOURS = Schedule(name="Small hours", time_zone="Europe/Berlin", week=(h(ALL_WEEK, "02:00-03:00"),))


@pytest.mark.parametrize(
    ("schedule", "when", "on"),
    [
        (EARLY, "2026-11-20 05:59:59", False),
        (EARLY, "2026-11-20 06:00", True),
        (EARLY, "2026-11-20 13:59:59", True),
        (EARLY, "2026-11-20 14:00", False),
        (EARLY, "2026-11-21 09:00", False),  # Saturday
        (NIGHT, "2026-11-20 21:59", False),
        (NIGHT, "2026-11-20 22:00", True),
        (NIGHT, "2026-11-21 05:59", True),  # past midnight it is still Friday's
        (NIGHT, "2026-11-21 06:00", False),
        (NIGHT, "2026-11-20 03:00", False),  # that would be Thursday's
        (ALWAYS, "2026-11-20 00:00", True),
        (ALWAYS, "2026-11-20 23:59:59", True),
        (ROUND, "2026-11-20 05:59", False),
        (ROUND, "2026-11-20 06:00", True),
        (ROUND, "2026-11-21 05:59", True),
        (ROUND, "2026-11-21 06:00", False),
    ],
)
def test_hours(schedule: Schedule, when: str, on: bool) -> None:
    assert Timetable(schedule).on(instant(when, "Europe/Berlin")) is on


def test_the_night_that_springs_forward_has_no_hour_from_two_to_three() -> None:
    table = Timetable(SMALL_HOURS)
    assert table.on(instant("2026-03-28 02:30", "Europe/Berlin")) is True
    midnight = instant("2026-03-29 00:00", "Europe/Berlin")
    assert [table.on(midnight + minute * 60_000_000) for minute in range(0, 300, 15)] == [False] * 20


def test_the_night_that_falls_back_has_it_twice() -> None:
    table = Timetable(SMALL_HOURS)
    midnight = instant("2026-10-25 00:00", "Europe/Berlin")
    on = [minute for minute in range(0, 300, 15) if table.on(midnight + minute * 60_000_000)]
    assert on == list(range(120, 240, 15))


CALENDAR = Calendar(
    name="Saxony",
    holidays=(
        Holiday(date="2026-11-20", name="Founders' day"),
        Holiday(date="2020-12-25", name="Christmas", yearly=True),
        Holiday(date="2024-02-29", name="Leap day", yearly=True),
    ),
)
SHOP = Schedule(
    name="Shop",
    time_zone="Europe/Berlin",
    week=(h(ALL_WEEK, "06:00-22:00"), h(ALL_WEEK, "23:00-01:00")),
    calendar="Saxony",
    on_holidays=(h((4,), "10:00-12:00"), h((4,), "22:00-04:00")),
)


@pytest.mark.parametrize(
    ("when", "on", "why"),
    [
        ("2026-11-20 07:00", False, "a holiday has its own hours"),
        ("2026-11-20 11:00", True, "on a Friday from 10 to 12"),
        ("2026-11-20 00:30", True, "Thursday's late hours end on the holiday"),
        ("2026-11-21 03:00", True, "the holiday's late hours end on Saturday"),
        ("2025-11-20 07:00", True, "that one is of 2026 only"),
        ("2026-12-25 11:00", True, "every year, and a Friday"),
        ("2027-12-25 11:00", False, "a Saturday: holidays have hours on Fridays only"),
        ("2019-12-25 07:00", False, "also before the year in which it was noted down"),
        ("2028-02-29 07:00", False, "in leap years"),
        ("2027-02-28 07:00", True, "in no other year"),
        ("2027-03-01 07:00", True, "in no other year"),
    ],
)
def test_holidays(when: str, on: bool, why: str) -> None:
    assert Timetable(SHOP, CALENDAR).on(instant(when, "Europe/Berlin")) is on, why


def test_words_for_a_guard() -> None:
    assert hours_text(EARLY.week) == "from 06:00 to 14:00 on Monday to Friday"
    assert hours_text(ALWAYS.week) == "all day every day"
    assert hours_text((h((0, 2), "06:00-14:00"),)) == "from 06:00 to 14:00 on Monday and Wednesday"
    both = (*EARLY.week, h((5,), "08:00-12:00"))
    assert hours_text(both) == "from 06:00 to 14:00 on Monday to Friday and from 08:00 to 12:00 on Saturday"
    assert hours_text(()) == "at no time"
    assert hours_text([h((day,), "06:00-07:00") for day in ALL_WEEK]).endswith(" and at other hours")
    table = Timetable(SHOP, CALENDAR)
    assert table.now(instant("2026-11-19 14:32", "Europe/Berlin")) == "it is 14:32"
    assert table.now(instant("2026-11-20 14:32", "Europe/Berlin")) == "it is 14:32 on a holiday (Founders' day)"
    assert table.hours(instant("2026-11-20 14:32", "Europe/Berlin")).endswith("on Friday, on holidays")
    assert Timetable(EARLY).now(instant("2026-11-22 14:32", "Europe/Berlin")) == "it is Sunday 14:32"


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Atlantis", "../etc/passwd", "/etc/passwd", "a\0b", "Europe/"])
def test_a_zone_that_is_none_is_unknown(name: str) -> None:
    assert time_zone(name) is None
    assert Timetable(Schedule(name="S", time_zone=name, week=EARLY.week)).on(0) is None


# --- against an oracle that walks minute by minute --------------------------------------------------------

ZONES = ["Europe/Berlin", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
DAYS_OF_INTEREST = [
    date(2026, 3, 29), date(2026, 10, 25),  # Berlin
    date(2026, 3, 8), date(2026, 11, 1),  # New York, St John's
    date(2026, 4, 5), date(2026, 10, 4),  # Lord Howe: half an hour
    date(2026, 12, 31), date(2028, 2, 29),
]  # fmt: skip

hours = st.builds(
    lambda days, start, end: Hours(days=tuple(sorted(days)), start=start, end=end),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1_439),
    st.integers(0, 1_440),
)
holidays = st.builds(
    lambda day, shift, yearly: Holiday(date=(day + timedelta(days=shift)).isoformat(), yearly=yearly),
    st.sampled_from(DAYS_OF_INTEREST),
    st.integers(-2, 2),
    st.booleans(),
)


def walked(schedule: Schedule, calendar: Calendar, days: list[date]) -> set[tuple[date, int]]:
    """Every (local date, minute) at which the schedule is on, by walking through the hours of each day."""
    fixed = {holiday.date for holiday in calendar.holidays if not holiday.yearly}
    yearly = {holiday.date[5:] for holiday in calendar.holidays if holiday.yearly}
    found = set()
    for day in days:
        off = day.isoformat() in fixed or day.isoformat()[5:] in yearly
        for each in schedule.on_holidays if off else schedule.week:
            if day.weekday() not in each.days:
                continue
            minute, where = each.start, day
            while True:
                found.add((where, minute))
                minute += 1
                if minute == each.end:
                    break
                if minute == 1_440:
                    minute, where = 0, where + timedelta(days=1)
                    if each.end == 0:
                        break
    return found


@settings(max_examples=60)
@given(
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(DAYS_OF_INTEREST),
    week=st.lists(hours, max_size=4),
    on_holidays=st.lists(hours, max_size=2),
    free=st.lists(holidays, max_size=3),
    jumps=st.lists(st.integers(0, 3 * 1_440 * 60_000_000), max_size=20),
)
@example("Australia/Lord_Howe", date(2026, 4, 5), [h(ALL_WEEK, "01:45-02:10")], [], [], [])
@example("Europe/Berlin", date(2026, 10, 25), [h(ALL_WEEK, "02:10-02:05")], [], [], [])
def test_every_minute_is_as_the_oracle_says(
    zone: str, day: date, week: list[Hours], on_holidays: list[Hours], free: list[Holiday], jumps: list[int]
) -> None:
    schedule = Schedule(name="S", time_zone=zone, week=tuple(week), calendar="C", on_holidays=tuple(on_holidays))
    calendar = Calendar(name="C", holidays=tuple(free))
    table = Timetable(schedule, calendar)
    on = walked(schedule, calendar, [day + timedelta(days=shift) for shift in range(-4, 5)])
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    start = round(begin.timestamp()) * 1_000_000
    tzinfo = ZoneInfo(zone)
    # All minutes of three days in order, which the kept answers are made for, and then jumps to and fro.
    for shift in [*range(0, 3 * 1_440 * 60_000_000, 60_000_000), *jumps]:
        local = (begin + timedelta(microseconds=shift)).astimezone(tzinfo)
        expected = (local.date(), local.hour * 60 + local.minute) in on
        assert table.on(start + shift) is expected, local
