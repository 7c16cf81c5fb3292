from __future__ import annotations

import pytest

from plantgate.limits import LOCKOUT_SECONDS, LOCKOUT_TRIES
from plantgate.security.lockout import Lockouts, place_of


def _try(lockouts: Lockouts, times: int, now: float, name: str = "ada", place: str = "192.0.2.1") -> list[bool]:
    return [lockouts.tried(name, place, now) for _ in range(times)]


def test_five_tries_lock_the_pair_and_no_other() -> None:
    lockouts = Lockouts()
    assert _try(lockouts, LOCKOUT_TRIES, 100.0) == [False, False, False, False, True]
    assert lockouts.locked("ada", "192.0.2.1", 100.0) == LOCKOUT_SECONDS
    assert lockouts.locked("ada", "192.0.2.1", 100.0 + LOCKOUT_SECONDS - 1) == 1
    assert lockouts.locked("ada", "192.0.2.1", 100.0 + LOCKOUT_SECONDS) == 0
    assert lockouts.locked("ada", "192.0.2.2", 100.0) == 0
    assert lockouts.locked("grace", "192.0.2.1", 100.0) == 0


def test_tries_are_forgotten_after_a_quarter_of_an_hour_and_after_a_right_one() -> None:
    lockouts = Lockouts()
    _try(lockouts, LOCKOUT_TRIES - 1, 0.0)
    assert not _try(lockouts, 1, LOCKOUT_SECONDS)[0]
    _try(lockouts, LOCKOUT_TRIES - 2, LOCKOUT_SECONDS)
    lockouts.succeeded("ada", "192.0.2.1")
    assert not any(_try(lockouts, LOCKOUT_TRIES - 1, LOCKOUT_SECONDS))


def test_the_lock_counts_from_the_last_wrong_one() -> None:
    lockouts = Lockouts()
    _try(lockouts, LOCKOUT_TRIES - 1, 0.0)
    _try(lockouts, 1, 800.0)
    assert lockouts.locked("ada", "192.0.2.1", 1_600.0) == 100.0


def test_memory_is_bounded_and_the_oldest_go() -> None:
    lockouts = Lockouts(entries=100)
    for number in range(1_000):
        lockouts.tried(f"name {number}", "192.0.2.1", 0.0)
    assert len(lockouts) == 100
    _try(lockouts, LOCKOUT_TRIES, 0.0)
    assert lockouts.locked("ada", "192.0.2.1", 1.0)


def test_unlocking_forgets_a_name_everywhere() -> None:
    lockouts = Lockouts()
    for place in ("192.0.2.1", "192.0.2.2"):
        _try(lockouts, LOCKOUT_TRIES, 0.0, place=place)
    lockouts.lock("grace", "192.0.2.1", 500.0)
    lockouts.unlock("ada")
    assert lockouts.locked("ada", "192.0.2.1", 1.0) == lockouts.locked("ada", "192.0.2.2", 1.0) == 0
    assert lockouts.locked("grace", "192.0.2.1", 1.0) == 499.0


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("no address " * 100, ("no address " * 100)[:64]),
    ],
)
def test_what_counts_as_one_place(address: str, place: str) -> None:
    assert place_of(address) == place
