"""Signing in with a password while others change the accounts, or try to guess."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from plantgate.errors import Overload, Refused, StorageError
from plantgate.limits import LOCKOUT_SECONDS, LOCKOUT_TRIES, PASSWORDS_WAITING_PER_ADDRESS
from plantgate.model.account import Role
from plantgate.model.command import Origin
from plantgate.runtime.clock import ManualClock
from plantgate.security import passwords
from plantgate.security.accounts import Accounts
from plantgate.security.accounts_file import FILE, AccountsFile

pytestmark = pytest.mark.usefixtures("quick_hashes")
PASSWORD = "correct horse battery"
WRONG = "wrong horse battery"
BY = Origin("root", "192.0.2.9")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture
async def accounts(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Accounts]:
    opened = Accounts(tmp_path, clock)
    await opened.open()
    await opened.add("Ada", Role.OPERATOR, PASSWORD, BY)
    yield opened
    await opened.close()


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each stored hash that a password was compared with."""
    seen: list[str] = []
    real = passwords.matches

    def matches(stored: str, secret: bytes) -> bool:
        seen.append(stored)
        return real(stored, secret)

    monkeypatch.setattr(passwords, "matches", matches)
    return seen


async def _guess(accounts: Accounts, times: int, name: str = "ada", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        assert await accounts.verify(name, WRONG, address) is None


def _beside(tmp_path: Path, clock: ManualClock, change: Callable[[AccountsFile], object]) -> None:
    """What the command line does, in another process."""
    with AccountsFile(tmp_path, clock) as file:
        change(file)


async def test_the_right_password_of_any_spelling_of_the_name(accounts: Accounts) -> None:
    for name in ("Ada", "ada", "ADA"):
        found = await accounts.verify(name, PASSWORD, "192.0.2.1")
        assert found is not None
        assert (found.name, found.role) == ("Ada", Role.OPERATOR)
    assert await accounts.verify("ada", WRONG, "192.0.2.1") is None
    assert await accounts.verify("ada", "", "192.0.2.1") is None


@pytest.mark.parametrize("name", ["nobody", "", "x" * 1_000_000, "\ud800", "ada\x00"])
async def test_an_unknown_name_costs_one_hash_of_the_same_costs(
    accounts: Accounts, hashes: list[str], name: str
) -> None:
    assert await accounts.verify(name, PASSWORD, "192.0.2.1") is None
    assert await accounts.verify("ada", WRONG, "192.0.2.1") is None
    unknown, known = hashes
    assert unknown.rpartition("p=")[0] == known.rpartition("p=")[0]


@pytest.mark.parametrize("password", ["x" * 1_000_000, "\ud800" * 12, "\x00" * 12])
async def test_what_can_be_no_password_is_wrong_and_costs_the_same(
    accounts: Accounts, hashes: list[str], password: str
) -> None:
    assert await accounts.verify("ada", password, "192.0.2.1") is None
    assert len(hashes) == 1


async def test_five_wrong_ones_lock_also_the_right_one_out(accounts: Accounts, clock: ManualClock) -> None:
    await _guess(accounts, LOCKOUT_TRIES)
    with pytest.raises(Refused, match=r"USR-301.*\n.*unlock"):
        await accounts.verify("ada", PASSWORD, "192.0.2.1")
    assert await accounts.verify("ada", PASSWORD, "192.0.2.2") is not None
    await clock.advance(LOCKOUT_SECONDS)
    assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is not None


async def test_unknown_names_are_locked_just_the_same(accounts: Accounts) -> None:
    await _guess(accounts, LOCKOUT_TRIES, "nobody")
    with pytest.raises(Refused, match="USR-301"):
        await accounts.verify("nobody", WRONG, "192.0.2.1")


async def test_guesses_at_the_same_time_do_not_get_around_the_lock(accounts: Accounts, hashes: list[str]) -> None:
    guesses = (accounts.verify("ada", f"guess number {number}", "192.0.2.1") for number in range(50))
    answers = await asyncio.gather(*guesses, return_exceptions=True)
    assert len(hashes) == LOCKOUT_TRIES
    assert answers[:LOCKOUT_TRIES] == [None] * LOCKOUT_TRIES
    assert all(isinstance(answer, Refused) for answer in answers[LOCKOUT_TRIES:])


async def test_a_guess_counts_even_if_the_guesser_hangs_up(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, begun = threading.Event(), threading.Event()
    real = passwords.matches

    def slow(stored: str, secret: bytes) -> bool:
        begun.set()
        hold.wait(30)
        return real(stored, secret)

    monkeypatch.setattr(passwords, "matches", slow)
    for _ in range(LOCKOUT_TRIES):
        begun.clear()
        hold.clear()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(accounts.verify("ada", WRONG, "192.0.2.1"))
            await asyncio.to_thread(begun.wait, 30)
            task.cancel()
        hold.set()
    with pytest.raises(Refused, match="USR-301"):
        await accounts.verify("ada", PASSWORD, "192.0.2.1")
    await accounts.follow()
    assert [(lock.name, lock.address) for lock in accounts.lockouts()] == [("Ada", "192.0.2.1")]


async def test_a_hundred_sessions_that_come_back_together_cost_one_hash(accounts: Accounts, hashes: list[str]) -> None:
    found = await asyncio.gather(*(accounts.verify("ada", PASSWORD, "192.0.2.1") for _ in range(100)))
    assert all(account is not None for account in found)
    assert len(hashes) == 1


async def test_what_was_right_is_checked_anew_after_a_while_and_after_a_change(
    accounts: Accounts, hashes: list[str], clock: ManualClock, tmp_path: Path
) -> None:
    await accounts.verify("ada", PASSWORD)
    await clock.advance(599)
    await accounts.verify("ada", PASSWORD)
    assert len(hashes) == 1
    await clock.advance(2)
    await accounts.verify("ada", PASSWORD)
    assert len(hashes) == 2
    _beside(tmp_path, clock, lambda file: file.set_password("ada", "another horse battery", BY))
    await accounts.follow()
    assert await accounts.verify("ada", PASSWORD) is None
    assert await accounts.verify("ada", "another horse battery") is not None


async def test_a_flood_is_shed_and_others_get_their_turn(accounts: Accounts) -> None:
    flood = [
        asyncio.ensure_future(accounts.verify(f"name {number}", WRONG, "192.0.2.66"))  # noqa: TID251 - gathered below
        for number in range(PASSWORDS_WAITING_PER_ADDRESS + 50)
    ]
    await asyncio.sleep(0)  # the flood is first
    assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is not None
    assert sum(not guess.done() for guess in flood) > 50
    answers = await asyncio.gather(*flood, return_exceptions=True)
    shed = [answer for answer in answers if isinstance(answer, Overload)]
    assert len(shed) == 49
    assert [answer for answer in answers if answer not in shed] == [None] * (PASSWORDS_WAITING_PER_ADDRESS + 1)


async def test_what_the_command_line_changes_is_seen_and_its_sessions_end(
    accounts: Accounts, clock: ManualClock, tmp_path: Path
) -> None:
    ended: list[frozenset[str]] = []
    accounts.watch(ended.append)
    before = accounts.find("ada")
    _beside(tmp_path, clock, lambda file: file.add("grace", Role.ADMINISTRATOR, PASSWORD, BY))
    assert not accounts.has_administrator
    assert await accounts.verify("grace", PASSWORD) is not None
    assert accounts.has_administrator
    assert ended == []
    _beside(tmp_path, clock, lambda file: file.set_role("ada", Role.ENGINEER, BY))
    task = asyncio.ensure_future(accounts.run())  # noqa: TID251 - cancelled below
    try:
        while not clock.sleepers:
            await asyncio.sleep(0)
        await clock.advance(2)
        while not ended:
            await asyncio.sleep(0.001)
    finally:
        task.cancel()
    after = accounts.find("ada")
    assert ended == [frozenset({"Ada"})]
    assert before is not None
    assert after is not None
    assert (after.role, after.epoch != before.epoch) == (Role.ENGINEER, True)


async def test_a_disabled_account_can_not_sign_in_and_does_not_say_so(accounts: Accounts) -> None:
    assert await accounts.verify("ada", PASSWORD) is not None
    await accounts.set_enabled("ada", BY, enabled=False)
    assert await accounts.verify("ada", PASSWORD) is None
    await accounts.set_enabled("ada", BY, enabled=True)
    assert await accounts.verify("ada", PASSWORD) is not None
    await accounts.remove("ada", BY)
    assert await accounts.verify("ada", PASSWORD) is None
    assert accounts.all() == []


async def test_an_administrator_unlocks(accounts: Accounts, clock: ManualClock, tmp_path: Path) -> None:
    await _guess(accounts, LOCKOUT_TRIES)
    await accounts.follow()
    assert [(lock.name, lock.address) for lock in accounts.lockouts()] == [("Ada", "192.0.2.1")]
    _beside(tmp_path, clock, lambda file: file.unlock("ada", BY))
    await accounts.follow()
    assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is not None
    assert accounts.lockouts() == []
    await _guess(accounts, LOCKOUT_TRIES)
    await accounts.unlock("ada", BY)
    assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is not None


async def test_a_lock_outlives_a_restart(accounts: Accounts, clock: ManualClock, tmp_path: Path) -> None:
    await _guess(accounts, LOCKOUT_TRIES)
    await accounts.follow()
    await clock.advance(100)
    again = Accounts(tmp_path, clock)
    await again.open()
    with pytest.raises(Refused, match="13 more minutes"):
        await again.verify("ada", PASSWORD, "192.0.2.1")
    await again.close()


async def test_the_last_sign_in_is_stored(accounts: Accounts, clock: ManualClock, tmp_path: Path) -> None:
    await clock.advance(10)
    await accounts.verify("ada", PASSWORD, "192.0.2.1")
    await accounts.follow()
    found = accounts.find("ada")
    assert found is not None
    assert (found.last_sign_in, found.last_address) == (clock.wall(), "192.0.2.1")
    with AccountsFile(tmp_path, clock) as file:
        assert file.read().records["ada"].account == found


async def test_a_hash_of_other_costs_is_made_anew_at_the_next_sign_in(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_CURRENT", (128, 2, 1))
    before = accounts.find("ada")
    assert await accounts.verify("ada", PASSWORD) is not None
    record = accounts._snapshot.records["ada"]
    assert passwords.current(record.password_hash)
    assert record.account == before
    assert await accounts.verify("ada", PASSWORD) is not None


async def test_the_audit_log_names_who_and_never_a_password(
    accounts: Accounts, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await accounts.verify("ada", PASSWORD, "192.0.2.1")
    await _guess(accounts, LOCKOUT_TRIES)
    await accounts.verify("my secret horse", WRONG, "192.0.2.1")
    _beside(
        tmp_path, clock, lambda file: file.set_password("ada", "another horse battery", Origin("root (command line)"))
    )
    await accounts.follow()
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "horse" not in text
    assert text.count("sign-in refused") == LOCKOUT_TRIES + 1
    assert text.count("locked out") == 1
    assert "account changed" in text
    assert 'actor="root (command line)" address=- what="password of ada changed"' in text
    assert "an unknown name of 15 characters" in text
    assert "horse" not in repr(accounts._proofs)
    assert "argon2" not in repr(accounts._snapshot)


async def test_a_change_from_before_the_start_is_in_the_audit_log_of_the_gateway(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _beside(tmp_path, clock, lambda file: file.add("ada", Role.VIEWER, PASSWORD, BY))
    for _ in range(2):
        accounts = Accounts(tmp_path, clock)
        await accounts.open()
        await accounts.follow()
        await accounts.close()
    assert sum("ada added" in record.getMessage() for record in caplog.records) == 1


async def test_what_was_read_holds_while_the_disk_is_ill(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    def ill(self: AccountsFile) -> bool:
        raise StorageError("HI-111", "the disk reports an error")

    with monkeypatch.context() as patched:
        patched.setattr(AccountsFile, "changed", ill)
        assert await accounts.verify("ada", PASSWORD, "192.0.2.1") is not None
        await accounts.follow()
    await accounts.follow()
    assert accounts.problem == ""
    found = accounts.find("ada")
    assert found is not None
    assert found.last_sign_in == clock.wall()


async def test_without_a_readable_file_nobody_signs_in(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"damaged" * 1_000)
    accounts = Accounts(tmp_path, clock)
    with pytest.raises(StorageError, match="USR-207"):
        await accounts.open()
    assert await accounts.verify("ada", PASSWORD) is None
    await accounts.close()
    assert "damaged" in accounts.problem
