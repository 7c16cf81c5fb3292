"""A badge in, a decision out: reply on the reader, strike on the door, event in the journal."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from plantgate.access.backlog import SharedBacklog
from plantgate.access.cardkey import last4
from plantgate.access.door import Door
from plantgate.access.effects import BadgeWrites
from plantgate.access.origin import AccessOrigin
from plantgate.access.permits import Permits
from plantgate.errors import PlantgateError
from plantgate.limits import ACCESS_ANSWERS, ACCESS_JOURNAL_BACKLOG
from plantgate.model.access import Ruling
from plantgate.model.badge import AccessDecision, AccessVerdict, BadgeRead, JournalEntry, Move
from plantgate.model.command import ReaderAction, SignalReader
from plantgate.model.seams import CommandGate, DecisionJournal, DecisionSink
from plantgate.model.status import Health, PartStatus
from plantgate.model.value import Batch
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.tasks import TaskGroup

_log = get_logger("access")
# At a stop: what the answers under way, and then the disk, may still take. The owner allows 0.8 s for all of it.
_LAST_ANSWERS_SECONDS = 0.2
_LAST_STORE_SECONDS = 0.5
# Decisions that the journal may put into one commit: a queue in front of the entrance, or a forged reader's flood.
_STORED_AT_ONCE = 64
# After one was stored, those of the next moment are collected: 200 busy readers are 50 commits a second and not 700.
_COLLECT_SECONDS = 0.02

_INTERRUPTED = "the gateway stopped or failed before it was done"


@dataclass(slots=True)
class Counters:
    """Since start; `unjournaled` are decisions that could not be stored, `shed` badges over the bound."""

    unjournaled: int = 0
    shed: int = 0
    journal_error: str = ""


class Judge(Protocol):
    """What decides, from memory: the desk."""

    def rule(self, reader: str, credential: str, at: int) -> Ruling: ...

    def entered(self, decision: AccessDecision) -> None:
        """Told at once, so that the next badge of the same holder is decided with it."""
        ...

    def not_entered(self, decision: AccessDecision) -> None:
        """The reply or the door failed after all."""
        ...


class AccessControl:
    """Implements `BadgeSink` and `ChangeSink`.

    A decision asks memory only. The reply leaves before the disk is asked: the journal is fsynced afterwards, in order,
    and only then are the sinks (page, tags) told. `doors` maps a reader's name to the door beside it, `strikes` a
    strike's tag id to its door.
    """

    def __init__(
        self,
        judge: Judge,
        doors: Mapping[str, Door],
        strikes: Mapping[int, Door],
        gate: CommandGate,
        journal: DecisionJournal,
        sinks: Sequence[DecisionSink],
        clock: Clock,
        tasks: TaskGroup,
        *,
        writes: BadgeWrites | None = None,
        permits: Permits | None = None,
    ) -> None:
        self._judge = judge
        self._writes = writes
        self._permits = permits
        self._doors = doors
        self._strikes = strikes
        self._every_door = {id(door): door for door in (*doors.values(), *strikes.values())}.values()
        self._gate = gate
        self._journal = journal
        self._sinks = sinks
        self._clock = clock
        self._tasks = tasks
        self._backlog: SharedBacklog[AccessDecision] = SharedBacklog(ACCESS_JOURNAL_BACKLOG)
        self._stored = asyncio.Event()
        self._stored.set()
        self._answers: set[asyncio.Task[None]] = set()
        self._answering: Counter[str] = Counter()
        self._stopping = False
        self._started_at = clock.wall()
        self.decisions: dict[tuple[str, AccessVerdict], int] = {}
        self.counters = Counters()

    def start(self) -> None:
        self._tasks.spawn("journal", self._journal_decisions, restart=True)
        for door in self._every_door:
            self._tasks.spawn(f"door-{door.settings.name}", door.run, restart=True)
        if self._writes is not None:
            self._writes.start()

    async def stop(self) -> None:
        """Finish the answers under way, then release every strike and pulse that is on and store what was decided.

        Drivers must still be running; badges that they report from now on are shed. No strike is left on by an answer
        that comes late, and no decision is lost because its task is cancelled.
        """
        self._stopping = True
        for _ in range(2):
            if self._answers:
                await asyncio.wait(self._answers, timeout=_LAST_ANSWERS_SECONDS)
            for task in self._answers:
                task.cancel()
        closing = [door.close() for door in self._every_door]
        if self._writes is not None:
            closing.append(self._writes.close())
        await asyncio.gather(self._last_stored(), *closing)
        await self._tasks.stop()
        while len(self._backlog):
            await self._store_group()
        self._stored.set()

    async def _last_stored(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_STORE_SECONDS):
                await self._stored.wait()

    # BadgeSink

    def badge(self, read: BadgeRead) -> None:
        if read.move is Move.REMOVED or not (read.uid or read.credential):
            return
        reader = read.reader
        if self._stopping or not self._has_room(reader):
            self.counters.shed += 1
            return
        self._answering[reader] += 1
        task = self._tasks.spawn("answer", lambda: self._answer(read))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        task.add_done_callback(lambda _: self._answered(reader))

    def _has_room(self, reader: str) -> bool:
        """As in `SharedBacklog`: whoever else comes finds room, however fast this reader is."""
        return self._answering[reader] < ACCESS_ANSWERS - len(self._answers)

    def _answered(self, reader: str) -> None:
        self._answering[reader] -= 1

    async def _answer(self, read: BadgeRead) -> None:
        """Reply first: a person stands there. Then door and effects. Journaled in any case, as far as it came."""
        ruling, decision = self._decide(read)
        accepted = ruling.verdict is AccessVerdict.ACCEPTED
        try:
            decision = await self._reply(decision, read, ReaderAction.ACCEPT if accepted else ReaderAction.DENY)
            if self._writes is not None:
                self._writes.badge(read.reader, ruling)  # in tasks of its own: the strike below goes first
            door = self._doors.get(read.reader)
            if accepted and door is not None:
                replied = decision
                decision = _with_door(replied, door, _INTERRUPTED)
                opened = await door.open(read.reader)
                decision = _with_door(replied, door, "" if opened.done else opened.message)
        finally:
            if decision.reply_error:
                self._judge.not_entered(decision)
            self._keep(decision)

    def _decide(self, read: BadgeRead) -> tuple[Ruling, AccessDecision]:
        """Nothing is awaited from here to the presence: of two badges that come together the second meets the first."""
        ruling = self._judge.rule(read.reader, read.credential, read.received_at)
        decision = _decision(read, ruling)
        self._judge.entered(decision)
        if self._permits is not None:
            self._permits.badge(read.reader, ruling)
        key = (read.reader, ruling.verdict)
        self.decisions[key] = self.decisions.get(key, 0) + 1
        return ruling, decision

    async def _reply(self, decision: AccessDecision, read: BadgeRead, action: ReaderAction) -> AccessDecision:
        reply = await self._gate.submit(SignalReader(read.reader, action), AccessOrigin.of(read.reader))
        if not reply.done:
            return replace(decision, reply_error=reply.message or "the reply failed")
        return replace(decision, latency_us=(self._clock.mono_ns() - read.received_mono) // 1_000, reply_error="")

    # ChangeSink

    def changed(self, batch: Batch) -> None:
        if self._writes is not None:
            self._writes.changed(batch)
        if not self._strikes:
            return
        for position, tag in enumerate(batch.tags):
            if (door := self._strikes.get(tag)) is not None:
                door.observe(batch.values[position], batch.qualities[position])

    # the journal

    async def _journal_decisions(self) -> None:
        while True:
            await self._backlog.wait()
            began = self._clock.mono()
            if await self._store_group() < _STORED_AT_ONCE:
                await self._clock.sleep_until(began + _COLLECT_SECONDS)

    def _keep(self, decision: AccessDecision) -> None:
        if self._backlog.put(decision.reader, decision):
            self._stored.clear()
            return
        self.counters.unjournaled += 1
        waiting = f"{len(self._backlog)} decisions wait for it"
        self._journal_fails(f"the disk is slow: {waiting}, and reader {decision.reader} has its share of them", "")

    async def _store_group(self) -> int:
        """How many: the journal has one fsync for all of them, and a cancelled append costs no more than the group."""
        taken = self._backlog.take(_STORED_AT_ONCE)
        missing, crash = len(taken), None
        try:
            appends = (self._journal.append(decision) for decision in taken)
            for outcome in await asyncio.gather(*appends, return_exceptions=True):
                if isinstance(outcome, PlantgateError):
                    self._journal_fails(outcome.message, outcome.hint)
                elif isinstance(outcome, BaseException):
                    crash = outcome
                else:
                    missing -= 1
                    self._tell(outcome)
        finally:
            self.counters.unjournaled += missing
        if crash is not None:
            raise crash
        if not len(self._backlog):
            self._stored.set()
        return len(taken)

    def _tell(self, entry: JournalEntry) -> None:
        self.counters.journal_error = ""
        for sink in self._sinks:
            sink.decided(entry)

    def _journal_fails(self, reason: str, hint: str) -> None:
        if not self.counters.journal_error:
            _log.error("the badge journal can't be written", reason=reason, next=hint or "-")
        self.counters.journal_error = reason

    def status(self) -> list[PartStatus]:
        """A tile per door, one for each tag that a badge could not write, and one for the journal while it fails."""
        tiles = [
            PartStatus(
                "door",
                door.settings.name,
                Health.FAILED if door.stuck else Health.OK,
                "stuck open" if door.stuck else ("open" if door.is_open else "closed"),
                self._started_at,
                reason=f"the strike can't be released: {door.stuck}" if door.stuck else "",
                next_step="check the PLC that drives the strike; plantgate retries each second" if door.stuck else "",
            )
            for door in self._strikes.values()
        ]
        if self._writes is not None:
            tiles += self._writes.status()
        if self.counters.journal_error or self.counters.unjournaled:
            tiles.append(
                PartStatus(
                    "store",
                    "badge decisions",  # the journal has a tile of its own by its name
                    Health.FAILED if self.counters.journal_error else Health.OK,
                    "not written" if self.counters.journal_error else "recovered",
                    self._started_at,
                    reason=self.counters.journal_error,
                    next_step="free disk space or check the rights of the data directory"
                    if self.counters.journal_error
                    else "",
                    details={"lost": self.counters.unjournaled},
                )
            )
        return tiles


def _decision(read: BadgeRead, ruling: Ruling) -> AccessDecision:
    """As it stands before anything was sent. The card's number goes no further than this.

    A card without a credential is nobody's and must not become somebody's: it has no hash either.
    """
    return AccessDecision(
        reader=read.reader,
        card=ruling.card if read.credential else "",
        last4=ruling.last4 or printable(last4(read.credential or read.uid)),
        at=read.received_at,
        verdict=ruling.verdict,
        why=ruling.why,
        reason=ruling.reason,
        holder_id=ruling.holder_id,
        holder=ruling.holder,
        rule=ruling.rule,
        enters=ruling.enters,
        leaves=ruling.leaves,
        remark=ruling.remark,
        reply_error=_INTERRUPTED,
    )


def _with_door(replied: AccessDecision, door: Door, problem: str) -> AccessDecision:
    error = "; ".join(filter(None, [replied.reply_error, problem and f"door: {problem}"]))
    return replace(replied, door=door.settings.name, reply_error=error)
