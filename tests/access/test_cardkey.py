from __future__ import annotations

import os
from pathlib import Path

import pytest

from plantgate.access import cardkey
from plantgate.access.cardkey import CARD_ID, CardKey, last4, normalised
from plantgate.errors import StorageError

KEY = CardKey(bytes(range(32)))


@pytest.mark.parametrize(
    ("told", "kept", "shown"),
    [
        ("04a1b2c3", "04A1B2C3", "B2C3"),
        ("04:A1:b2:C3", "04A1B2C3", "B2C3"),
        ("04 A1-B2.C3", "04A1B2C3", "B2C3"),
        ("047DAE02C84080", "047DAE02C84080", "4080"),
        ("04A1B", "04A1B", "1B"),  # half a byte is missing: it is taken as it is
        ("Besucher-7", "Besucher-7", "er-7"),
        ("04", "04", "4"),  # never more than half of it is shown
        ("", "", ""),
    ],
)
def test_a_card_as_it_is_told(told: str, kept: str, shown: str) -> None:
    assert (normalised(told), last4(told)) == (kept, shown)


def test_a_hash_is_the_same_for_every_way_to_write_the_card() -> None:
    found = {KEY.card_id(told) for told in ("04a1b2c3", "04:A1:B2:C3", "04A1B2C3")}
    assert len(found) == 1
    assert CARD_ID.match(found.pop())
    assert KEY.card_id("04A1B2C4") != KEY.card_id("04A1B2C3")


def test_another_key_gives_another_hash() -> None:
    assert CardKey(bytes(32)).card_id("04A1B2C3") != KEY.card_id("04A1B2C3")
    assert CardKey(bytes(32)).fingerprint() != KEY.fingerprint()
    assert CardKey(bytes(32)).mark("ab") != KEY.mark("ab")


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    assert cardkey.load(tmp_path) is None
    made = cardkey.create(tmp_path)
    path = cardkey.path_of(tmp_path)
    assert len(bytes.fromhex(path.read_text())) == 32
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    loaded = cardkey.load(tmp_path)
    assert loaded is not None
    assert loaded.card_id("04A1B2C3") == made.card_id("04A1B2C3")


def test_the_key_shows_itself_nowhere(tmp_path: Path) -> None:
    made = cardkey.create(tmp_path)
    text = cardkey.path_of(tmp_path).read_text().strip()
    assert text not in f"{made!r} {made} {vars(type(made))}"


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"not hex" * 10, b"00" * 33, b"\xff" * 64])
def test_a_damaged_key_is_named(tmp_path: Path, content: bytes) -> None:
    cardkey.create(tmp_path)
    cardkey.path_of(tmp_path).write_bytes(content)
    with pytest.raises(StorageError, match=r"access\.key.*ACC-111") as caught:
        cardkey.load(tmp_path)
    assert "backup" in caught.value.hint


def test_a_key_that_can_t_be_read_or_written_is_named(tmp_path: Path) -> None:
    cardkey.path_of(tmp_path).mkdir(parents=True)
    with pytest.raises(StorageError, match="ACC-110"):
        cardkey.load(tmp_path)
    with pytest.raises(StorageError, match="ACC-112"):
        cardkey.create(tmp_path)
