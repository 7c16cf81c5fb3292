"""Badges, end to end, on real sockets: what is decided and what it sets off, what is kept and what nobody sees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from bench.processes import CARD, STRANGER, Plant, plant, wait_for
from plantgate.app import Gateway, configuration_of
from plantgate.model.access import AntiPassback, Card, Group, Holder, Passage, Put, ReplaceRules, Rule, Zone
from plantgate.model.badge import AccessVerdict
from plantgate.model.command import Origin, WriteTag
from plantgate.model.journal import ExportForm
from plantgate.runtime.clock import SystemClock

ADA = Origin("ada", may_write=True)
STAFF_CARD = "04AABBCCDD1122"
MORE_TOML = """
[[tag]]
path = "Lamp"
type = "Int2"
writable = true
initial = 0
history = true

[[tag]]
path = "Recipe/Name"
type = "String"
writable = true
initial = ""

[[badge_write]]
name = "green"
tag = "Lamp"
value = 1
pulse = "400ms"
after = 0

[[badge_write]]
name = "red"
tag = "Lamp"
value = 2
on = "denied"

[[write_permit]]
name = "recipes"
tags = ["Recipe/*"]
groups = ["setters"]
readers = ["entrance"]
within = "30s"
once = true
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Plant]:
    with plant(tmp_path) as running:
        toml = running.data / "plantgate.toml"
        toml.write_text(toml.read_text(encoding="utf-8") + MORE_TOML, encoding="utf-8")
        yield running


# --- what nobody gets to see


def everything_that_is_told(site: Plant) -> str:
    routes = ("badge-events?limit=50", "readers", "tags?limit=5000", "status", "gateway", "ports", "history/stats")
    texts = [httpx.get(f"{site.url}/api/v1/{route}").text for route in routes]
    return "\n".join([*texts, httpx.get(f"{site.url}/metrics").text, httpx.get(f"{site.url}/health/ready").text])


def shown_in(text: str, number: str) -> bool:
    """In hex of any case, or as bytes."""
    return number.lower() in text.lower() or bytes.fromhex(number).decode("latin-1") in text


def files_of(site: Plant) -> Iterator[tuple[Path, str]]:
    for path in site.data.rglob("*"):
        if path.is_file() and path.name != "plantgate.toml":
            yield path, path.read_bytes().decode("latin-1")


@pytest.mark.parametrize("show_cards", ["last4", "full"])
def test_a_card_s_number_is_nowhere(site: Plant, show_cards: str) -> None:
    numbers = (CARD, STRANGER)
    with site.gateway("--set", f"access.show_cards={show_cards}") as gateway:
        site.connected()
        for number in numbers:
            site.present(number)
            wait_for(
                lambda number=number: any(  # type: ignore[misc]
                    event["uid"] == f"…{number[-4:]}" for event in site.get("/api/v1/badge-events")["items"]
                ),
                f"the badge …{number[-4:]} is told",
            )
        told = everything_that_is_told(site)
        last = site.tag("Readers/entrance/LastCard")["value"]
        assert last == (STRANGER if show_cards == "full" else f"…{STRANGER[-4:]}")
        assert [number for number in numbers if shown_in(told, number)] == ([STRANGER] if show_cards == "full" else [])
        if show_cards == "full":  # on that one tag, and nowhere else
            assert told.count(STRANGER) == 1
        while_it_runs = list(files_of(site))
        assert gateway.stop() == 0
        printed = "\n".join(gateway.lines)
    assert any("journal.sqlite" in path.name for path, _ in while_it_runs)
    assert any(path.name == "wrapper.log" and "outcome=done" in text for path, text in while_it_runs)
    for number in numbers:
        found = [str(path) for path, text in [*while_it_runs, *files_of(site)] if shown_in(text, number)]
        assert found == []
        assert not shown_in(printed, number)
    assert shown_in((site.data / "plantgate.toml").read_text(encoding="utf-8"), CARD), "the oracle sees one"


# --- what a badge does


@contextlib.asynccontextmanager
async def running(site: Plant) -> AsyncIterator[Gateway]:
    gateway = Gateway(configuration_of(site.data), site.data, SystemClock())
    await gateway.start()
    try:
        await until(lambda: value(gateway, "Readers/entrance/Connected") is True, "the reader is connected")
        yield gateway
    finally:
        await gateway.stop()


def value(gateway: Gateway, path: str) -> object:
    tag = gateway.tree.find(path)
    return None if tag is None else gateway.tree.read(tag).value


async def until(condition: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.01)
    assert condition(), what


async def badge(site: Plant, gateway: Gateway, number: str) -> tuple[AccessVerdict, str]:
    """Show a card; gives verdict and why once it is stored."""
    before = (await gateway.access.journal.head()).id
    await asyncio.to_thread(site.present, number)
    await until(lambda: gateway.access.journal.stored and gateway.access.journal._last[0] > before, "it is stored")  # type: ignore[index]
    (entry,) = await gateway.access.journal.newest(1)
    return entry.decision.verdict, entry.decision.why


async def set_up(gateway: Gateway) -> None:
    """A hall that nobody enters twice, and a setter."""
    desk = gateway.access.desk
    card = Card(id=desk.card_id(STAFF_CARD), last4="1122", holder="P7")
    await desk.apply(
        [
            Put(Group(name="setters")),
            Put(Holder(id="P7", name="Grace Hopper", groups=("setters",))),
            Put(card),
            Put(Zone(name="Hall / 3", anti_passback=AntiPassback.HARD)),
            Put(Passage(reader="entrance", enters="Hall / 3")),
            ReplaceRules((Rule(name="Setters", groups=("setters",), zones=("Hall / 3",)),)),
        ],
        ADA,
    )


async def test_one_badge_and_all_that_follows(site: Plant) -> None:
    async with running(site) as gateway:
        await set_up(gateway)
        await until(lambda: value(gateway, "Access/Zones/Hall _ 3/Occupancy") == 0, "the new zone has its tags")
        refused = await gateway.gate.submit(WriteTag("Recipe/Name", "Cola"), ADA)
        assert refused.code == "CMD-108"
        assert "an accepted badge of setters at entrance within 30 s" in refused.message
        lamp: list[object] = []
        gateway.tree.add_sink(_Lamp(gateway, lamp))

        assert await badge(site, gateway, STAFF_CARD) == ("accepted", "rule")
        assert (await gateway.gate.submit(WriteTag("Recipe/Name", "Cola"), ADA)).done
        assert (await gateway.gate.submit(WriteTag("Recipe/Name", "Fanta"), ADA)).code == "CMD-108", "once"
        await until(lambda: lamp == [1, 0], f"the lamp was green for a moment: {lamp}")
        await until(lambda: value(gateway, "Access/Zones/Hall _ 3/Occupancy") == 1, "one is inside")
        assert [presence.holder for presence in gateway.access.desk.presences()] == ["Grace Hopper"]
    # The journal knows who is inside, also after a restart.
    async with running(site) as gateway:
        await until(lambda: value(gateway, "Access/Zones/Hall _ 3/Occupancy") == 1, "one is still inside")
        assert await badge(site, gateway, STAFF_CARD) == ("denied", "anti-passback")
        await until(lambda: value(gateway, "Lamp") == 2, "the lamp is red")
        assert (await gateway.gate.submit(WriteTag("Recipe/Name", "Fanta"), ADA)).code == "CMD-108"
        await gateway.access.desk.forgive("P7", ADA)
        await until(lambda: value(gateway, "Access/Zones/Hall _ 3/Occupancy") == 0, "nobody is inside")
        assert await badge(site, gateway, STAFF_CARD) == ("accepted", "rule")
        checked = await gateway.access.journal.verify()
        assert (checked.ok, checked.entries) == (True, 3)
        text = b"".join([piece async for piece in gateway.access.journal.export(ExportForm.CSV)]).decode()
        assert text.count("Grace Hopper") >= 3
        await until(lambda: value(gateway, "Access/Journal/Stored") == 2, "two since this start")
    log = (site.data / "logs" / "wrapper.log").read_text(encoding="utf-8") if (site.data / "logs").exists() else ""
    assert STAFF_CARD not in log


class _Lamp:
    """A ChangeSink that notes each value of the lamp."""

    def __init__(self, gateway: Gateway, seen: list[object]) -> None:
        self._tag, self._seen = gateway.tree.find("Lamp"), seen

    def changed(self, batch: object) -> None:
        for tag, new in zip(batch.tags, batch.values, strict=True):  # type: ignore[attr-defined]
            if tag == self._tag:
                self._seen.append(new)
