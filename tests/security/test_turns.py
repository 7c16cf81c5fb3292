from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from plantgate.errors import Overload
from plantgate.security.turns import Turns


class _Crowd:
    """Who stands in line; `order` is who had a turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: list[str] = []
        self.go = asyncio.Event()
        self.inside = 0

    async def come(self, address: str) -> None:
        async with self.turns.of(address):
            self.inside += 1
            assert self.inside == 1
            self.order.append(address)
            await self.go.wait()
            await asyncio.sleep(0)
            self.inside -= 1

    async def told(self, address: str) -> str:
        """The code that it was refused with."""
        try:
            await self.come(address)
        except Overload as error:
            return error.code
        return ""


async def _settled(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_addresses_take_turns() -> None:
    crowd = _Crowd(Turns())
    async with asyncio.TaskGroup() as group:
        for address in ["flood"] * 10 + ["ada", "grace"]:
            group.create_task(crowd.come(address))
        await _settled(lambda: crowd.turns.waiting == 11)
        crowd.go.set()
    assert crowd.order[:4] == ["flood", "flood", "ada", "grace"]
    assert crowd.order[4:] == ["flood"] * 8
    assert crowd.turns.waiting == 0


async def test_more_than_wait_already_are_refused() -> None:
    crowd = _Crowd(Turns(total=3, per_address=2))
    async with asyncio.TaskGroup() as group:
        for address in ["flood"] * 3 + ["ada"]:
            group.create_task(crowd.come(address))
        await _settled(lambda: crowd.turns.waiting == 3)
        assert await crowd.told("flood") == "USR-501"  # it has two
        assert await crowd.told("ada") == "USR-501"  # nobody has many more than she
        crowd.go.set()
    async with crowd.turns.of("grace"):
        pass


async def test_a_full_house_makes_room_for_who_has_not_come_yet() -> None:
    crowd = _Crowd(Turns(total=8, per_address=8))
    flood = [f"192.0.2.{number % 2}" for number in range(9)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(crowd.told(address)) for address in flood]
        await _settled(lambda: crowd.turns.waiting == 8)
        with pytest.raises(Overload):
            await crowd.come(flood[0])
        ada = group.create_task(crowd.come("ada"))
        await _settled(lambda: any(task.done() for task in tasks))
        dropped = [task for task in tasks if task.done()]
        tasks = [task for task in tasks if not task.done()]
        assert crowd.turns.waiting == 8
        crowd.go.set()
        await ada
    assert [task.result() for task in dropped] == ["USR-501"]
    assert crowd.order.index("ada") <= 3
    assert len(crowd.order) == 9


async def test_who_gives_up_loses_its_place_and_holds_up_nobody() -> None:
    crowd = _Crowd(Turns())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(crowd.come(str(number))) for number in range(6)]
        await _settled(lambda: crowd.turns.waiting == 5)
        tasks[2].cancel()
        await _settled(lambda: crowd.turns.waiting == 4)
        crowd.go.set()
        await _settled(tasks[0].done)
        tasks[1].cancel()  # it has its turn, or is about to
        tasks[3].cancel()
    assert "4" in crowd.order
    assert "5" in crowd.order
    async with asyncio.timeout(5), crowd.turns.of("later"):
        pass


async def test_a_turn_that_ends_with_an_error_passes_on() -> None:
    turns = Turns()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with turns.of("ada"):
                raise ZeroDivisionError
