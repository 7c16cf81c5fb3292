from __future__ import annotations

import pytest

from plantgate.limits import SESSIONS
from plantgate.runtime.clock import ManualClock
from plantgate.security.sessions import IDLE_SECONDS, Sessions


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def sessions(clock: ManualClock) -> Sessions:
    return Sessions(clock)


def _pass(clock: ManualClock, seconds: float) -> None:
    clock._move(clock.mono() + seconds)


def test_a_cookie_names_who_signed_in_until_they_sign_out(sessions: Sessions) -> None:
    ada, bob = sessions.begin("ada"), sessions.begin("bob")
    assert (sessions.actor(ada), sessions.actor(bob)) == ("ada", "bob")
    sessions.end(ada)
    sessions.end(ada)
    assert (sessions.actor(ada), sessions.actor(bob)) == (None, "bob")


@pytest.mark.parametrize("cookie", [None, "", "x", "\udc80", "x" * 100_000])
def test_nobody_else_is_anybody(sessions: Sessions, cookie: str | None) -> None:
    sessions.begin("ada")
    assert sessions.actor(cookie) is None
    sessions.end(cookie)
    assert len(sessions) == 1


def test_the_cookie_itself_is_not_kept(sessions: Sessions) -> None:
    cookie = sessions.begin("ada")
    assert cookie not in repr(vars(sessions))


def test_twelve_idle_hours_end_a_session_and_use_prolongs_it(sessions: Sessions, clock: ManualClock) -> None:
    used, idle = sessions.begin("used"), sessions.begin("idle")
    for _ in range(3):
        _pass(clock, IDLE_SECONDS / 2)
        assert sessions.actor(used) == "used"
    assert sessions.actor(idle) is None
    assert len(sessions) == 1


def test_the_one_unused_for_longest_makes_room(sessions: Sessions, clock: ManualClock) -> None:
    cookies = []
    for number in range(SESSIONS):
        _pass(clock, 1)
        cookies.append(sessions.begin(str(number)))
    _pass(clock, 1)
    assert sessions.actor(cookies[0]) == "0"  # used just now: the next oldest goes
    sessions.begin("one more")
    assert len(sessions) == SESSIONS
    assert sessions.actor(cookies[1]) is None
    assert sessions.actor(cookies[0]) == "0"
