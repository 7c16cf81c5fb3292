from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from plantgate.limits import SIGN_IN_LINKS
from plantgate.runtime.clock import ManualClock
from plantgate.security import sign_in


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _files(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "state" / "sign-in").iterdir())


def _pass(clock: ManualClock, seconds: float) -> None:
    clock._move(clock.mono() + seconds)


def test_a_link_is_good_once(tmp_path: Path, clock: ManualClock) -> None:
    token = sign_in.create(tmp_path, "ada", clock)
    assert sign_in.redeem(tmp_path, token + "x", clock) is None
    assert sign_in.redeem(tmp_path, token, clock) == "ada"
    assert sign_in.redeem(tmp_path, token, clock) is None
    assert _files(tmp_path) == []


def test_links_of_several_people_do_not_disturb_each_other(tmp_path: Path, clock: ManualClock) -> None:
    tokens = {name: sign_in.create(tmp_path, name, clock) for name in ("ada", "bob", "eve")}
    assert len(set(tokens.values())) == 3
    for name in ("eve", "ada", "bob"):
        assert sign_in.redeem(tmp_path, tokens[name], clock) == name


def test_only_the_hash_is_on_disk_and_for_its_owner_only(tmp_path: Path, clock: ManualClock) -> None:
    token = sign_in.create(tmp_path, "ada", clock)
    (file,) = _files(tmp_path)
    assert file.stem == hashlib.sha256(token.encode()).hexdigest()
    assert token not in file.read_text() + str(file)
    assert len(token) >= 43  # 256 bits
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_ends_after_a_day(tmp_path: Path, clock: ManualClock) -> None:
    early, late = (sign_in.create(tmp_path, name, clock) for name in ("early", "late"))
    _pass(clock, sign_in.LINK_SECONDS - 1)
    assert sign_in.redeem(tmp_path, early, clock) == "early"
    _pass(clock, 1)
    assert sign_in.redeem(tmp_path, late, clock) is None
    assert _files(tmp_path) == []


def test_one_of_many_at_the_same_time_wins(tmp_path: Path, clock: ManualClock) -> None:
    for _ in range(10):
        token = sign_in.create(tmp_path, "ada", clock)
        start = threading.Barrier(8)
        winners: list[str | None] = []

        def redeem(token: str = token, start: threading.Barrier = start, winners: list[str | None] = winners) -> None:
            start.wait()
            winners.append(sign_in.redeem(tmp_path, token, clock))

        threads = [threading.Thread(target=redeem) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(winners, key=str) == [None] * 7 + ["ada"]


def test_the_newest_links_are_kept(tmp_path: Path, clock: ManualClock) -> None:
    tokens = []
    for number in range(SIGN_IN_LINKS + 5):
        _pass(clock, 1)
        tokens.append(sign_in.create(tmp_path, str(number), clock))
        assert len(_files(tmp_path)) <= SIGN_IN_LINKS
    redeemed = [sign_in.redeem(tmp_path, token, clock) for token in tokens]
    assert redeemed == [None] * 5 + [str(number) for number in range(5, SIGN_IN_LINKS + 5)]


def test_links_that_are_over_go_when_one_is_made(tmp_path: Path, clock: ManualClock) -> None:
    for number in range(5):
        sign_in.create(tmp_path, str(number), clock)
    _pass(clock, sign_in.LINK_SECONDS)
    sign_in.create(tmp_path, "new", clock)
    assert len(_files(tmp_path)) == 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"actor": 5, "until": 1}', b"\xff" * 100, b"[]", b'{"actor":"x"}'])
def test_a_damaged_file_is_no_link_and_no_crash(tmp_path: Path, clock: ManualClock, content: bytes) -> None:
    token = sign_in.create(tmp_path, "ada", clock)
    _files(tmp_path)[0].write_bytes(content)
    assert sign_in.redeem(tmp_path, token, clock) is None
    (tmp_path / "state" / "sign-in" / "other.json").write_bytes(content)
    good = sign_in.create(tmp_path, "bob", clock)
    assert sign_in.redeem(tmp_path, good, clock) == "bob"


@pytest.mark.parametrize("token", ["", "../../gateway", "x" * 1_000_000, "\udc80", "\x00"])
def test_no_token_reaches_another_file(tmp_path: Path, clock: ManualClock, token: str) -> None:
    (tmp_path / "gateway.json").write_text('{"actor": "root", "until": 99999999999999999}')
    assert sign_in.redeem(tmp_path, token, clock) is None
    sign_in.create(tmp_path, "ada", clock)
    assert sign_in.redeem(tmp_path, token, clock) is None
    assert len(_files(tmp_path)) == 1
    assert (tmp_path / "gateway.json").exists()
