"""The chain of hashes: what somebody changes in the file shows, what we trim does not."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from plantgate.historian import journal_schema
from plantgate.historian.journal import Journal
from plantgate.model.badge import AccessVerdict
from plantgate.model.journal import ExportForm, JournalFilter
from tests.historian.test_journal import CARD, DECISION, opened_at

T = 1_700_000_000_000_000


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Journal]:
    found = opened_at(tmp_path)
    await found.start()
    yield found
    await found.stop()


async def fill(journal: Journal, count: int) -> None:
    for number in range(count):
        await journal.append(replace(DECISION, at=T + number))


def edit(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "state" / journal_schema.FILE_NAME) as other:
        for statement in statements:
            other.execute(statement)
    other.close()


async def test_a_journal_that_nobody_touched_is_whole(opened: Journal) -> None:
    empty = await opened.verify()
    assert (empty.ok, empty.entries, empty.head.id, empty.head.hash) == (True, 0, 0, "00" * 32)
    await fill(opened, 1_200)  # more than one piece
    found = await opened.verify()
    assert (found.ok, found.entries, found.first_broken, found.text) == (True, 1_200, None, "")
    assert found.head == await opened.head()


async def test_anybody_can_compute_the_hashes(opened: Journal) -> None:
    """What the docstring of journal_schema promises, computed as an auditor would: from an export, with json."""
    awkward = replace(DECISION, holder='Zoë "Z" \\ \t\x01\x7f\u2028 Ω 🚪', door="")
    for decision in (DECISION, awkward, replace(DECISION, latency_us=7)):
        await opened.append(decision)
    lines = [json.loads(line) for line in await exported(opened, ExportForm.JSON_LINES)]
    before = bytes.fromhex(lines[-1]["hash_before_first"])
    for line in lines[:-1]:
        row = [line[name] for name in journal_schema.COLUMNS]
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        before = hashlib.sha256(before + text.encode()).digest()
        assert before.hex() == line["hash"]
    assert lines[-1] == {
        "head": 3,
        "hash": before.hex(),
        "entries": 3,
        "hash_before_first": "00" * 32,
    }


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE decision SET holder = 'Mallory' WHERE id = 7", 7),
        ("UPDATE decision SET verdict = 'accepted' WHERE id = 1", 1),
        ("UPDATE decision SET at = at + 1 WHERE id = 12", 12),
        ("UPDATE decision SET latency_us = 5 WHERE id = 3", 3),
        ("UPDATE decision SET reader = x'ff' WHERE id = 3", 3),
        ("DELETE FROM decision WHERE id = 5", 5),
        ("DELETE FROM decision WHERE id = 1", 1),
        ("DELETE FROM decision WHERE id > 9", 10),
        ("DELETE FROM decision", 1),
        ("UPDATE decision SET hash = zeroblob(32) WHERE id = 12", 12),
    ],
)
async def test_a_change_behind_our_back_is_found(opened: Journal, tmp_path: Path, statement: str, broken: int) -> None:
    await fill(opened, 12)
    edit(tmp_path, statement)
    found = await opened.verify()
    assert (found.ok, found.first_broken) == (False, broken)
    assert str(broken) in found.text


async def test_newest_entries_cut_off_while_nobody_looked_are_found_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = opened_at(tmp_path)
    await first.start()
    await fill(first, 12)
    await first.stop()
    edit(tmp_path, "DELETE FROM decision WHERE id > 10")
    again = opened_at(tmp_path)
    await again.start()
    assert "entries are missing at the end" in caplog.text
    await fill(again, 3)
    found = await again.verify()
    assert (found.ok, found.first_broken, found.text) == (False, 11, "entries 11 to 12 are missing")
    await again.stop()


async def test_a_chain_made_anew_shows_against_the_head_that_was_logged(opened: Journal, tmp_path: Path) -> None:
    """Whoever can write the file can compute hashes, too: only a head that was kept elsewhere tells."""
    await fill(opened, 3)
    known = await opened.head()
    with sqlite3.connect(tmp_path / "state" / journal_schema.FILE_NAME) as other:
        rows = other.execute(f"SELECT {journal_schema.NAMES} FROM decision ORDER BY id").fetchall()
        forged = [(*row[:6], "Mallory", *row[7:]) for row in rows]
        other.execute("DELETE FROM decision")
        other.executemany(journal_schema.INSERT, journal_schema.chained(journal_schema.FIRST_HASH, forged))
    other.close()
    found = await opened.verify()
    assert (found.ok, found.first_broken) == (False, 3)
    assert found.head.hash != known.hash


async def test_what_is_trimmed_leaves_an_anchor(tmp_path: Path) -> None:
    journal = opened_at(tmp_path, most=5)
    await journal.start()
    await fill(journal, 33)
    found = await journal.verify()
    assert found.ok
    assert found.entries < 11
    kept = await journal.newest(100)
    assert [entry.id for entry in kept] == list(range(33, 33 - found.entries, -1))
    edit(tmp_path, f"UPDATE decision SET holder = '' WHERE id = {kept[-1].id}")
    assert (await journal.verify()).first_broken == kept[-1].id
    await journal.stop()


async def test_head_and_hashes_are_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    journal = opened_at(tmp_path)
    await journal.start()
    await fill(journal, 2)
    head = await journal.head()
    await journal.stop()
    assert head.hash in caplog.text


# reading


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (JournalFilter(), [5, 4, 3, 2, 1]),
        (JournalFilter(reader="Gate 2"), [4, 2]),
        (JournalFilter(verdict=AccessVerdict.ACCEPTED), [5]),
        (JournalFilter(verdict=AccessVerdict.DENIED, reader="Gate 1"), [3, 1]),
        (JournalFilter(holder="P2"), [3, 2]),
        (JournalFilter(card="ff" * 16), [4]),
        (JournalFilter(since=T + 2, until=T + 4), [3, 2]),
        (JournalFilter(since=T + 2, until=T + 4, reader="Gate 2"), [2]),
        (JournalFilter(until=T), []),
        (JournalFilter(since=T + 6), []),
    ],
)
async def test_filters(opened: Journal, wanted: JournalFilter, ids: list[int]) -> None:
    for number in range(1, 6):
        await opened.append(
            replace(
                DECISION,
                at=T + number,
                reader="Gate 1" if number % 2 else "Gate 2",
                verdict=AccessVerdict.ACCEPTED if number == 5 else AccessVerdict.DENIED,
                holder_id="P2" if number in {2, 3} else "P1",
                card="ff" * 16 if number == 4 else CARD,
            )
        )
    assert [entry.id for entry in await opened.newest(10, None, wanted)] == ids
    assert [entry.id for entry in await opened.newest(1, 4, wanted)] == [number for number in ids if number < 4][:1]
    assert [entry.id async for group in opened.entries(wanted) for entry in group] == ids[::-1]


async def test_a_clock_that_was_set_back_hides_nothing(opened: Journal) -> None:
    for at in (T + 10, T + 3, T + 11):
        await opened.append(replace(DECISION, at=at))
    assert [entry.id for entry in await opened.newest(10, None, JournalFilter(since=T, until=T + 11))] == [2, 1]
    assert [entry.id for entry in await opened.newest(10, None, JournalFilter(since=T + 10))] == [3, 1]


async def exported(journal: Journal, form: ExportForm, wanted: JournalFilter = JournalFilter()) -> list[str]:  # noqa: B008
    return b"".join([piece async for piece in journal.export(form, wanted)]).decode().rstrip("\n").split("\n")


async def test_an_export_names_what_came_before_it(opened: Journal) -> None:
    await fill(opened, 4)
    everything = [json.loads(line) for line in await exported(opened, ExportForm.JSON_LINES)]
    part = [json.loads(line) for line in await exported(opened, ExportForm.JSON_LINES, JournalFilter(since=T + 2))]
    assert part[:-1] == everything[2:-1]
    assert part[-1] == {**everything[-1], "entries": 2, "hash_before_first": everything[1]["hash"]}
    assert part[0]["time"] == "2023-11-14T22:13:20.000002+00:00"


async def test_an_export_as_csv_reads_back(opened: Journal) -> None:
    await opened.append(replace(DECISION, reason='said "no",\nand why'))
    text = "\n".join(await exported(opened, ExportForm.CSV)) + "\n"
    header, row, last = csv.reader(io.StringIO(text, newline=""))
    found = dict(zip(header, row, strict=True))
    assert (found["id"], found["card"], found["last4"], found["latency_us"]) == ("1", CARD, "B2C3", "")
    assert found["reason"] == 'said "no",\nand why'
    head = await opened.head()
    assert last == ["#", "head=1", f"hash={head.hash}", "entries=1", f"hash_before_first={'00' * 32}"]


async def test_a_spreadsheet_runs_nothing_of_a_csv_export_and_json_is_exact(opened: Journal) -> None:
    evil = '=HYPERLINK("http://evil")'
    await opened.append(replace(DECISION, last4="+1+1", holder=evil, remark="-2", latency_us=None))
    rows = list(csv.reader(io.StringIO("\n".join(await exported(opened, ExportForm.CSV)), newline="")))
    found = dict(zip(rows[0], rows[1], strict=True))
    assert (found["last4"], found["holder"], found["remark"]) == ("'+1+1", f"'{evil}", "'-2")
    first = json.loads((await exported(opened, ExportForm.JSON_LINES))[0])
    assert (first["last4"], first["holder"]) == ("+1+1", evil)


async def test_an_export_of_nothing_still_tells_the_head(opened: Journal) -> None:
    await fill(opened, 2)
    (last,) = await exported(opened, ExportForm.JSON_LINES, JournalFilter(reader="none"))
    assert json.loads(last)["entries"] == 0
    assert json.loads(last)["head"] == 2


async def test_reading_goes_on_while_entries_are_stored_and_trimmed(tmp_path: Path) -> None:
    journal = opened_at(tmp_path, most=1_500)
    await journal.start()
    await fill(journal, 1_000)
    seen: list[int] = []
    async for group in journal.entries():
        seen += [entry.id for entry in group]
        await fill(journal, 20)
    assert seen == list(range(1, 1_001)), "what was stored when it began, and not what came later"
    await journal.stop()
