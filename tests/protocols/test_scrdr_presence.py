"""What a card did: repeats of read mode taken out, track mode followed."""

from __future__ import annotations

import pytest

from plantgate.limits import SCRDR_TRACKED_TAGS
from plantgate.protocols.scrdr import PresenceFilter, Sighted, TagEvent


def tag(uid: str, move: str = "") -> TagEvent:
    return TagEvent("03", "01", "01", "", uid, move, "" if move == "R" else f"00{uid}", "")


def seen(presence: PresenceFilter, event: TagEvent, now: float) -> list[tuple[str, str]]:
    return [(sighting.what.value, sighting.tag_id) for sighting in presence.observe(event, now)]


def test_a_held_card_is_told_once() -> None:
    presence = PresenceFilter()
    times = [0.0, 3.0, 6.1, 9.0, 12.4]
    assert [seen(presence, tag("AA"), now) for now in times] == [[("read", "AA")], [], [], [], []]
    assert presence.repeats == 4


def test_a_card_shown_again_is_told_again() -> None:
    presence = PresenceFilter()
    assert [len(presence.observe(tag("AA"), now)) for now in (0.0, 1.0, 1.9, 10.0)] == [1, 1, 1, 1]


@pytest.mark.parametrize(("gap", "told"), [(1.9, 1), (2.0, 0), (3.5, 0), (3.6, 1)])
def test_the_window_of_a_repeat(gap: float, told: int) -> None:
    for presence in (PresenceFilter(), PresenceFilter(3.5, 0.0)):
        presence.observe(tag("AA"), 0.0)
        assert len(presence.observe(tag("AA"), gap)) == told


def test_other_cards_do_not_count_as_repeats() -> None:
    presence = PresenceFilter()
    assert [len(presence.observe(tag(uid), now)) for uid, now in (("AA", 0.0), ("BB", 3.0), ("AA", 3.1))] == [1, 1, 0]


def test_as_fast_as_possible() -> None:
    presence = PresenceFilter(repeat_seconds=0.0)
    assert [len(presence.observe(tag("AA"), now)) for now in (0.0, 0.1, 0.4, 0.8, 3.0)] == [1, 0, 0, 0, 1]


def test_a_reader_that_never_repeats() -> None:
    presence = PresenceFilter(repeat_seconds=None)
    assert [len(presence.observe(tag("AA"), now)) for now in (0.0, 0.0, 3.0)] == [1, 1, 1]


def test_track_mode() -> None:
    presence = PresenceFilter()
    assert seen(presence, tag("AA", "I"), 0.0) == [(Sighted.INSERTED, "AA")]
    assert presence.present == ["AA"]
    assert seen(presence, tag("AA", "R"), 9.0) == [(Sighted.REMOVED, "AA")]
    assert presence.present == []
    assert seen(presence, tag("AA", "IR"), 10.0) == [(Sighted.PASSED, "AA")]
    assert presence.present == []


def test_a_removal_without_tag_id_clears_all() -> None:
    presence = PresenceFilter()
    for uid in ("AA", "BB"):
        presence.observe(tag(uid, "I"), 0.0)
    assert seen(presence, TagEvent(interface="03", move="R"), 1.0) == [("removed", "AA"), ("removed", "BB")]
    assert seen(presence, TagEvent(interface="03", move="R"), 2.0) == []


def test_disconnected_forgets_presence_but_not_repeats() -> None:
    presence = PresenceFilter()
    presence.observe(tag("AA", "I"), 0.0)
    presence.observe(tag("BB"), 0.0)
    presence.disconnected()
    assert presence.present == []
    assert presence.observe(tag("BB"), 3.0) == []


def test_memory_is_bounded() -> None:
    presence = PresenceFilter()
    for number in range(3 * SCRDR_TRACKED_TAGS):
        presence.observe(tag(f"{number:08X}"), 0.0)
        presence.observe(tag(f"{number:08X}", "I"), 0.0)
    assert len(presence.present) == SCRDR_TRACKED_TAGS
    assert len(presence._seen) == SCRDR_TRACKED_TAGS
    presence.observe(tag("AA"), 100.0)
    assert len(presence._seen) == 1
