"""Who is where after which badges."""

from __future__ import annotations

import random

import pytest

from plantgate.access.presence import PresenceBook
from plantgate.limits import ACCESS_ANSWERS
from plantgate.model.access import Zone
from tests.access.plant import ADA, badge

HOUR = 3_600_000_000
ZONES = {
    "Yard": Zone(name="Yard", reset_after=12 * 3_600.0),
    "Hall": Zone(name="Hall", reset_after=3_600.0, limit=3),
}
T = 1_790_000_000_000_000


@pytest.fixture
def book() -> PresenceBook:
    return PresenceBook(ZONES)


def go(book: PresenceBook, holder: str, enters: str, leaves: str = "", when: int = T, reader: str = "r") -> None:
    book.entered(badge(1, reader, ADA, when, holder_id=holder, enters=enters, leaves=leaves).decision)


def where(book: PresenceBook, holder: str, when: int = T) -> str:
    found = book.find(holder, when)
    return found.zone if found else ""


def test_a_person_is_in_one_zone_at_a_time(book: PresenceBook) -> None:
    go(book, "ada", "Yard")
    go(book, "joe", "Yard", when=T + 1)
    assert where(book, "ada") == "Yard"
    go(book, "ada", "Hall", "Yard", when=T + 2)
    assert where(book, "ada") == "Hall"
    assert [(each.holder_id, each.zone) for each in book.all(T + 3)] == [("ada", "Hall"), ("joe", "Yard")]
    go(book, "ada", "", "Hall", when=T + 4)
    assert where(book, "ada") == ""
    assert (book.count("Hall", T + 4, 1), book.count("Yard", T + 4, 1)) == (0, 1)


def test_what_moves_nobody(book: PresenceBook) -> None:
    book.entered(badge(1, "r", ADA, T, accepted=False, enters="Yard").decision)
    book.entered(badge(1, "r", ADA, T, holder_id="", enters="Yard").decision)  # accepted without data
    go(book, "ada", "")  # a reader that stands between no zones
    go(book, "ada", "Atlantis")  # a zone that is gone
    assert book.all(T) == []


def test_a_zone_forgets(book: PresenceBook) -> None:
    go(book, "ada", "Hall")
    assert where(book, "ada", T + HOUR - 1) == "Hall"
    assert where(book, "ada", T + HOUR) == ""
    assert book.count("Hall", T + HOUR - 1, 1) == 1
    assert book.count("Hall", T + HOUR, 1) == 0
    assert book.all(T + HOUR) == []


def test_what_is_forgotten_takes_no_memory(book: PresenceBook) -> None:
    for number in range(5_000):
        go(book, f"visitor {number}", "Hall", when=T + number * HOUR // 10)
    assert len(vars(book)["_by_holder"]) <= 11
    assert len(vars(book)["_moves"]) <= ACCESS_ANSWERS


def test_counting_is_right_whatever_happens(book: PresenceBook) -> None:
    """Against a plain list, with badges that are taken back and times that go back a little."""
    dice = random.Random(7)
    now = T
    for _ in range(3_000):
        now += dice.randrange(-400_000, HOUR // 20)
        holder = f"h{dice.randrange(12)}"
        decision = badge(1, "r", ADA, now, holder_id=holder, enters=dice.choice(["Hall", "Yard", ""]), leaves="x")
        book.entered(decision.decision)
        if dice.random() < 0.2:
            book.not_entered(decision.decision)
        if dice.random() < 0.1:
            book.forget(f"h{dice.randrange(12)}")
        inside = [each for each in book.all(now) if each.zone == "Hall"]
        limit = dice.randrange(1, 6)
        assert (book.count("Hall", now, limit) >= limit) is (len(inside) >= limit)


def test_a_door_that_stayed_shut_moves_nobody(book: PresenceBook) -> None:
    go(book, "ada", "Yard")
    failed = badge(2, "hall", ADA, T + 5, holder_id="ada", enters="Hall", leaves="Yard").decision
    book.entered(failed)
    assert where(book, "ada", T + 5) == "Hall"
    book.not_entered(failed)
    assert where(book, "ada", T + 5) == "Yard"
    book.not_entered(failed)  # once is enough
    assert where(book, "ada", T + 5) == "Yard"


def test_a_failed_door_does_not_undo_a_later_move(book: PresenceBook) -> None:
    failed = badge(1, "hall", ADA, T, holder_id="ada", enters="Hall").decision
    book.entered(failed)
    go(book, "ada", "Yard", when=T + 5)
    book.not_entered(failed)
    assert where(book, "ada", T + 5) == "Yard"


def test_a_denied_badge_undoes_nothing(book: PresenceBook) -> None:
    go(book, "ada", "Hall", reader="hall")
    denied = badge(2, "hall", ADA, T + 5, accepted=False, holder_id="ada", enters="Hall").decision
    book.entered(denied)
    book.not_entered(denied)
    assert where(book, "ada", T + 5) == "Hall"


def test_a_pardon_makes_the_next_badge_a_first_one(book: PresenceBook) -> None:
    go(book, "ada", "Hall")
    before = book.revision
    book.forget("ada")
    book.forget("nobody")
    assert where(book, "ada") == ""
    assert book.revision == before + 1


def test_who_is_in_a_zone_that_is_removed_is_nowhere(book: PresenceBook) -> None:
    go(book, "ada", "Hall")
    go(book, "joe", "Yard")
    book.use({"Yard": ZONES["Yard"]})
    assert [each.holder_id for each in book.all(T)] == ["joe"]
    book.use(ZONES)
    assert [each.holder_id for each in book.all(T)] == ["joe"]


def test_a_clock_that_is_set_back_takes_presences_along(book: PresenceBook) -> None:
    go(book, "ada", "Hall", when=T + 48 * HOUR)  # the clock was two days ahead
    go(book, "joe", "Hall", when=T)
    assert where(book, "ada", T) == "Hall"
    assert [each.since for each in book.all(T)] == [T, T]
    assert where(book, "ada", T + HOUR) == ""  # and not two days later
    assert book.count("Hall", T + HOUR, 1) == 0


def test_events_restore_it_in_any_order(book: PresenceBook) -> None:
    entries = [
        badge(1, "gate", ADA, T, holder_id="ada", enters="Yard"),
        badge(2, "hall", ADA, T + 1, holder_id="ada", enters="Hall", leaves="Yard"),
        badge(3, "gate", ADA, T + 2, holder_id="joe", enters="Yard"),
        badge(4, "hall", ADA, T + 3, holder_id="joe", enters="Hall", leaves="Yard", reply_error="the door stuck"),
        badge(5, "gate", ADA, T + 4, holder_id="sue", enters="Yard"),
        badge(6, "gate", ADA, T + 5, holder_id="sue", enters="", leaves="Yard"),
        badge(7, "gate", ADA, T + 6, holder_id="max", enters="Yard"),
        badge(8, "hall", ADA, T + 7, holder_id="max", accepted=False, enters="Hall"),
        badge(9, "hall", ADA, T + 8, holder_id="eve", enters="Hall"),
        badge(10, "hall", ADA, T + 9, holder_id="pat", enters="Hall"),
    ]
    random.Random(1).shuffle(entries)
    book.restore(entries, {"eve": T + 8, "pat": T + 8})
    found = [(each.holder_id, each.zone) for each in book.all(T + 10)]
    assert found == [("ada", "Hall"), ("pat", "Hall"), ("joe", "Yard"), ("max", "Yard")]
