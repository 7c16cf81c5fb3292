"""Bisection: whatever a device refuses, the rest is read, soon with few requests, and the bad comes back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plantgate.drivers.modbus.isolation import FIRST_RETRY, LAST_RETRY, Isolation, Run

Device = Callable[[Run], bool]


def poll(isolation: Isolation, answers: Device, now: float) -> tuple[set[int], int]:
    """One poll with all the searching it leads to: the points that were read, and the requests it took."""
    todo, got, requests = isolation.runs(now), set[int](), 0
    while todo:
        run = todo.pop(0)
        requests += 1
        assert 0 <= run.first < run.stop <= isolation.count
        if answers(run):
            got |= set(range(run.first, run.stop))
            todo += isolation.read(run)
        else:
            todo += isolation.refused(run, now)
        assert requests < 5 * isolation.count + 10
    return got, requests


def without(bad: set[int]) -> Device:
    return lambda run: not bad & set(range(run.first, run.stop))


@given(st.integers(1, 60), st.data())
def test_all_but_the_bad_are_read_at_once_and_the_search_ends(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    isolation = Isolation(count)
    for turn in range(3):
        got, _ = poll(isolation, without(bad), turn / 10)
        assert got == set(range(count)) - bad
    assert set(isolation.bad) == bad


@given(st.integers(2, 60), st.data())
def test_the_good_are_put_together_again(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    isolation = Isolation(count)
    for turn in range(count + 2):
        poll(isolation, without(bad), turn / 1_000)
    _, requests = poll(isolation, without(bad), 0.5)
    assert requests <= len(bad) + 1


@given(st.integers(1, 40), st.data())
def test_what_is_repaired_comes_back_and_one_request_reads_all_again(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    isolation = Isolation(count)
    poll(isolation, without(bad), 0.0)
    now = FIRST_RETRY
    got, _ = poll(isolation, without(set()), now)
    assert got == set(range(count))
    for turn in range(count + 1):
        poll(isolation, without(set()), now + turn)
    assert isolation.whole


def test_a_device_that_refuses_everything_costs_two_requests_a_retry() -> None:
    isolation = Isolation(125)
    nothing: Device = lambda run: False  # noqa: E731
    poll(isolation, nothing, 0.0)
    assert len(isolation.bad) == 125
    assert poll(isolation, nothing, 1.0) == (set(), 0)
    assert poll(isolation, nothing, FIRST_RETRY) == (set(), 2)


def test_retries_come_less_and_less_often_up_to_a_minute() -> None:
    isolation, bad, times, now = Isolation(4), without({2}), [], 0.0
    while now < 400:
        before = isolation.bad
        _, requests = poll(isolation, bad, now)
        if before and requests > 2:
            times.append(now)
        now += 0.5
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == LAST_RETRY


def test_one_point_that_is_well_again_among_bad_ones_is_found() -> None:
    isolation = Isolation(8)
    poll(isolation, without({2, 3, 4, 5}), 0.0)
    now = 0.0
    for _ in range(6):
        now += LAST_RETRY
        poll(isolation, without({2, 5}), now)
    assert isolation.bad == [2, 5]


def test_a_seam_that_the_device_needs_stays() -> None:
    def hole_before_three(run: Run) -> bool:
        return not run.first < 3 < run.stop

    isolation, requests = Isolation(6), 0
    for turn in range(10):
        got, requests = poll(isolation, hole_before_three, turn)
        assert got == set(range(6))
    assert requests == 2
    assert isolation.runs(99.0) == [Run(0, 3), Run(3, 6)]


def test_a_limit_on_the_length_is_found() -> None:
    isolation, requests = Isolation(100), 0
    for turn in range(120):
        got, requests = poll(isolation, lambda run: run.stop - run.first <= 30, turn)
        assert got == set(range(100))
    assert requests <= 7
