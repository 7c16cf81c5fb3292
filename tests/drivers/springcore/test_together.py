"""R38, R39: two hundred readers at once, a reader that flaps; by the virtual clock, with connections of our making."""

from __future__ import annotations

import asyncio
import random

import pytest
from structlog.testing import capture_logs

from plantgate.drivers.springcore import ReaderOptions, Shared, tcp
from plantgate.drivers.springcore.budget import Budget, ConnectPace, LogBudget
from plantgate.errors import Unavailable
from plantgate.limits import READER_CONNECTS_PER_SECOND
from plantgate.model.status import Health
from plantgate.protocols.scrdr import encode_hello
from plantgate.runtime.clock import ManualClock
from plantgate.runtime.tasks import TaskGroup
from tests.drivers.springcore.world import LINE, UID, Plant, make, state, status

READERS = 200


class Connection:
    """What `connect` gives: a hello, then silence until the network loses it."""

    def __init__(self, first: bytes) -> None:
        self.error: Exception | None = None
        self._data = [first] if first else []
        self._news = asyncio.Event()
        self._ended = False

    async def read(self) -> bytes:
        while not self._data and not self._ended:
            self._news.clear()
            await self._news.wait()
        return self._data.pop(0) if self._data else b""

    def say(self, data: bytes) -> None:
        self._data.append(data)
        self._news.set()

    def lose(self) -> None:
        self._ended = True
        self._news.set()

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...

    async def wait_closed(self) -> None: ...


class Network:
    """In the place of `runtime.streams.connect`: notes when each attempt begins."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.up = True
        self.hello = encode_hello()
        self.attempts: list[float] = []
        self.open: list[Connection] = []

    async def connect(self, host: str, port: int, **_: object) -> Connection:
        self.attempts.append(self._clock.mono())
        if not self.up:
            raise Unavailable("NET-112", f"{host}:{port} refused the connection")
        self.open.append(Connection(self.hello))
        return self.open[-1]

    def lose_all(self) -> None:
        lost, self.open = self.open, []
        for each in lost:
            each.lose()

    def most_in_a_second(self) -> int:
        times = sorted(self.attempts)
        return max(sum(1 for time in times[place:] if time < first + 1.0) for place, first in enumerate(times))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def network(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Network:
    network = Network(clock)
    monkeypatch.setattr(tcp, "connect", network.connect)
    return network


async def test_two_hundred_readers_vanish_and_return_together(clock: ManualClock, network: Network) -> None:
    plant, tasks, source = Plant(), TaskGroup("test", clock), random.Random(7)
    shared = Shared(clock, tasks, plant)
    readers = [
        make(4_000, plant, tasks, clock, ReaderOptions(), f"10.0.0.{number}", shared, source.random)
        for number in range(READERS)
    ]
    for reader in readers:
        reader.start()
    await clock.advance(READERS / READER_CONNECTS_PER_SECOND + 1)
    assert {state(reader) for reader in readers} == {"connected"}
    assert network.most_in_a_second() <= READER_CONNECTS_PER_SECOND
    network.attempts.clear()

    network.up = False
    network.lose_all()
    await clock.advance(120)
    assert {state(reader) for reader in readers} == {"refused"}
    assert network.most_in_a_second() <= READER_CONNECTS_PER_SECOND
    # Without jitter they would come in step: in each ten seconds some do, in none more than their share.
    late = [time for time in network.attempts if time > clock.mono() - 60]
    assert len({int(time / 2) for time in late}) > 25

    network.up = True
    await clock.advance(60)
    assert {state(reader) for reader in readers} == {"connected"}
    assert network.most_in_a_second() <= READER_CONNECTS_PER_SECOND
    assert all(status(reader).details["reconnects"] == 1 for reader in readers)
    await asyncio.gather(*(reader.stop() for reader in readers))
    await tasks.stop()
    assert tasks.crashes == []


async def test_a_flapping_reader_writes_no_more_than_a_line_a_minute(clock: ManualClock, network: Network) -> None:
    plant, tasks = Plant(), TaskGroup("test", clock)
    reader = make(4_000, plant, tasks, clock, ReaderOptions(), shared=Shared(clock, tasks, plant))
    with capture_logs() as lines:
        reader.start()
        await clock.advance(1)
        flaps = 0
        for _ in range(300):
            flaps += len(network.open)
            network.lose_all()
            await clock.advance(2)
        assert flaps > 200
        assert len(lines) <= 10
        assert sum(line["left_out"] for line in lines) > flaps
        details = status(reader).details
        assert details["reconnects"] == len(network.attempts) - 1
        assert details["errors"] == flaps
        assert len(tasks) <= 4
        # Whatever was left out: what it ended up as is told.
        await clock.advance(300)
        assert lines[-1]["event"] == "reader gate at 127.0.0.1:4000: connected"
        told = len(lines)
        await clock.advance(3_600)
        assert len(lines) == told
    await reader.stop()
    await tasks.stop()


async def test_a_reader_that_greeted_before_and_is_silent_now_is_held_by_somebody(
    clock: ManualClock, network: Network
) -> None:
    """R40: a second host that waits in the device's backlog looks connected and is not."""
    plant, tasks = Plant(), TaskGroup("test", clock)
    reader = make(4_000, plant, tasks, clock, ReaderOptions(), shared=Shared(clock, tasks, plant))
    network.hello = b""
    reader.start()
    await clock.advance(60)
    assert (state(reader), status(reader).reason) == ("connected", "")  # not every firmware says hello

    network.hello = encode_hello()
    network.lose_all()
    await clock.advance(60)
    assert (state(reader), status(reader).reason) == ("connected", "")

    network.hello = b""
    network.lose_all()
    await clock.advance(7)
    assert state(reader) == "connected"
    assert "held by another host" in status(reader).reason
    assert status(reader).health is Health.FAILED
    network.open[-1].say(LINE)
    await clock.advance(0)
    assert (status(reader).reason, plant.uids) == ("", [UID])
    await reader.stop()
    await tasks.stop()


async def test_budgets(clock: ManualClock) -> None:
    budget = Budget(clock, 2, 0.5)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    assert budget.wait() == 0.5
    await clock.advance(0.5)
    assert [budget.take(), budget.take()] == [True, False]

    lines = LogBudget(clock, burst=2)
    assert [lines.allow() for _ in range(4)] == [0, 0, None, None]
    assert lines.wait() == 60.0
    await clock.advance(60.0)
    assert [lines.allow(), lines.allow()] == [2, None]


async def test_the_pace_is_exact_in_every_second(clock: ManualClock) -> None:
    pace, begun = ConnectPace(clock, most=3), list[float]()

    async def begin() -> None:
        await pace.turn()
        begun.append(clock.mono())

    tasks = TaskGroup("test", clock)
    start = clock.mono()
    for number in range(8):
        tasks.spawn(f"{number}", begin)
    await clock.advance(5)
    assert [time - start for time in begun] == [0, 0, 0, 1, 1, 1, 2, 2]
