"""The command gate: the one way back towards a device. Checks rights, writes the audit line, routes to the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from plantgate.errors import Overload, PlantgateError, Refused
from plantgate.limits import WRITE_LIST_ITEMS, WRITE_LIST_SECONDS, WRITE_LISTS_AT_ONCE
from plantgate.model.command import (
    AcknowledgeAlarm,
    Command,
    DriveReader,
    Origin,
    Outcome,
    ShelveAlarm,
    SignalReader,
    UnshelveAlarm,
    Verdict,
    WriteTag,
)
from plantgate.model.quality import Quality
from plantgate.model.seams import AlarmTarget, CommandTarget, WritePermits
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import Batch, Scalar, TagValue
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.tags.coerce import coerce
from plantgate.tags.derived import MADE, DerivedTags
from plantgate.tags.retained import RetainedValues
from plantgate.tags.tree import TagTree
from plantgate.tags.writing import End, Pending, WritePolicy

# Both fit one field of an audit line, so that a long path can't push the value out of it.
_PATH_CHARS, _VALUE_CHARS = 120, 80
_UNKNOWN = Verdict(Outcome.FAILED, "CMD-107", "given up before the answer came: it may have been carried out")
_PLAIN = WritePolicy()


class Gate:
    """Implements `CommandListGate`. Targets are told to it by `app.py`: devices and readers by their names."""

    def __init__(self, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._devices: dict[str, CommandTarget] = {}
        self._readers: dict[str, CommandTarget] = {}
        # Bound once: binding it anew for each line costs as much as writing it.
        self._audit = get_logger("audit").bind()
        self.commands: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        self.policies: Mapping[str, WritePolicy] = {}  # by the names of the tag groups; may be replaced at any time
        self._lists = 0
        self.permits: WritePermits | None = None
        self.derived: DerivedTags | None = None
        self.retained: RetainedValues | None = None
        self.alarms: AlarmTarget | None = None

    def add_device(self, name: str, target: CommandTarget) -> None:
        self._devices[name] = target

    def add_reader(self, name: str, target: CommandTarget) -> None:
        self._readers[name] = target

    async def submit(self, command: Command, origin: Origin) -> Verdict:
        """Carry `command` out if `origin` may; the verdict says what became of it and is safe to show.

        One audit line per command, also for one whose caller gave up or whose target crashed: it may have been sent.
        """
        return await self._carry_out(command, origin, _nothing)

    async def _carry_out(self, command: Command, origin: Origin, taken: Callable[[], None]) -> Verdict:
        """`taken` is called once its target has answered, which may be before the verdict is known."""
        verdict = _UNKNOWN
        permitted_by = self._permitted_by(command, origin)  # asked first: the write may use the permit up
        try:
            verdict = await self._route(command, origin, taken)
        except Refused as error:
            verdict = Verdict(Outcome.REFUSED, error.code, error.message)
        except PlantgateError as error:
            verdict = Verdict(Outcome.FAILED, error.code, error.message)
        finally:
            self._record(command, origin, verdict, permitted_by)
        return verdict

    async def submit_many(
        self, commands: Sequence[Command], origin: Origin, seconds: float | None = None
    ) -> list[Verdict]:
        """See `CommandListGate`. Each is checked, permitted and audited by itself. Raises Overload.

        A device gets its next command when it has answered the one before; what waits for a confirmation waits apart.
        """
        if len(commands) > WRITE_LIST_ITEMS:
            raise Overload("CMD-113", f"{len(commands)} commands at once, at most {WRITE_LIST_ITEMS}", "send fewer")
        if self._lists >= WRITE_LISTS_AT_ONCE:
            raise Overload("CMD-114", f"{self._lists} lists of commands are being carried out", "try again in a moment")
        limit = min(WRITE_LIST_SECONDS, seconds if seconds is not None else WRITE_LIST_SECONDS)
        verdicts: list[Verdict | None] = [None] * len(commands)
        turns: dict[str, asyncio.Lock] = {}

        async def one(index: int, command: Command) -> None:
            owner = self._owner(command)
            turn = _Turn(turns.setdefault(owner, asyncio.Lock()) if owner else asyncio.Lock())
            await turn.begin()
            try:
                verdicts[index] = _UNKNOWN
                verdicts[index] = await self._carry_out(command, origin, turn.end)
            finally:
                turn.end()

        self._lists += 1
        try:
            async with asyncio.timeout(limit):
                ends = await asyncio.gather(*map(one, range(len(commands)), commands), return_exceptions=True)
        except TimeoutError:
            ends = []  # the verdicts that are there say what was done
        finally:
            self._lists -= 1
        for crash in filter(None, ends):  # a defect of a target, told when the others have ended
            raise crash
        return [found or self._not_begun(commands[at], origin, limit) for at, found in enumerate(verdicts)]

    def _not_begun(self, command: Command, origin: Origin, seconds: float) -> Verdict:
        verdict = Verdict(Outcome.FAILED, "CMD-115", f"not sent: its turn did not come within {seconds:g} s")
        self._record(command, origin, verdict, "")
        return verdict

    def _owner(self, command: Command) -> str:
        """Whose commands keep their order; empty for what no device carries out."""
        if isinstance(command, SignalReader | DriveReader):
            return f"reader {command.reader}"
        if not isinstance(command, WriteTag):
            return ""
        tag, passed = self._tree.find(command.path), set[int]()
        while tag is not None and tag not in passed:
            definition = self._tree.definitions()[tag]
            if definition.kind not in MADE:
                return f"device {definition.device}" if definition.device else ""
            passed.add(tag)
            tag = self._tree.find(definition.source)
        return ""

    def _permitted_by(self, command: Command, origin: Origin) -> str:
        if self.permits is None or not isinstance(command, WriteTag):
            return ""
        return self.permits.permitted_by(full_path(command.path), origin)

    def _record(self, command: Command, origin: Origin, verdict: Verdict, permitted_by: str) -> None:
        self.commands[verdict.outcome] += 1
        because = permitted_by and verdict.outcome is not Outcome.REFUSED
        badge = {"permitted_by": printable(permitted_by)} if because else {}
        self._audit.info(
            "command",
            actor=printable(origin.actor),
            address=origin.address or "-",
            command=_describe(command),
            outcome=verdict.outcome.value,
            reason=verdict.message or "-",
            **badge,
        )

    async def _route(self, command: Command, origin: Origin, taken: Callable[[], None]) -> Verdict:
        if not origin.may_write:
            raise Refused("CMD-101", f"{printable(origin.actor) or 'nobody'} may look but not command", "sign in first")
        if isinstance(command, SignalReader | DriveReader):
            reader = self._readers.get(command.reader)
            if reader is None:
                raise Refused("CMD-102", f"there is no reader named {printable(command.reader)}")
            return await reader.execute(command)
        if isinstance(command, WriteTag):
            return await self._write(command, origin, taken)
        if self.alarms is None:
            raise Refused("CMD-112", "this gateway has no alarms", "define some in the tag files")
        return await self.alarms.execute(command, origin)

    async def _write(self, command: WriteTag, origin: Origin, taken: Callable[[], None]) -> Verdict:
        """Through reference and derived tags to the one that holds the value; each of them must allow it."""
        path, given = command.path, command.value
        passed: dict[int, TagDefinition] = {}
        while True:
            tag, definition, value = self._allowed(path, given, origin)
            if definition.kind not in MADE:
                break
            if tag in passed or self.derived is None:
                raise Refused("CMD-111", f"{definition.path} leads to no tag that holds a value", "see its source")
            passed[tag] = definition
            given, problem = self.derived.source_value(definition, value)
            if problem:
                raise Refused("CMD-110", f"{definition.path}: {problem}")
            path = definition.source
        if definition.kind is TagKind.MEMORY:
            return self._seen(await self._keep(tag, definition, value), passed)
        return self._seen(await self._send(tag, definition, value, taken), passed)

    def _seen(self, verdict: Verdict, passed: Mapping[int, TagDefinition]) -> Verdict:
        """With the value as the tag shows it that was asked to be written, through those that lie between."""
        now = verdict.now
        if now is None or self.derived is None or not passed:
            return verdict
        for definition in reversed(list(passed.values())):
            now = self.derived.seen(definition, now)
        return replace(verdict, now=now)

    def _allowed(self, path: str, given: Scalar, origin: Origin) -> tuple[int, TagDefinition, Scalar]:
        """The tag and the value as one of its type. Raises Refused."""
        tag = self._tree.find(path)
        if tag is None:
            raise Refused("CMD-103", f"there is no tag {printable(path)}")
        definition = self._tree.definitions()[tag]
        if not definition.writable:
            raise Refused("CMD-104", f"{definition.path} is not writable", "set writable = true in its definition")
        value, problem = coerce(given, definition.data_type)
        if problem:
            raise Refused("CMD-105", f"{definition.path}: {problem}")
        _, problem = self._tree.raw(tag, value)
        if problem:
            raise Refused("CMD-109", f"{definition.path}: {problem}")
        if self.permits is not None and (needed := self.permits.problem(definition.path, origin)):
            raise Refused("CMD-108", needed)
        return tag, definition, value

    async def _keep(self, tag: int, definition: TagDefinition, value: Scalar) -> Verdict:
        """A memory tag. One that outlives a restart is on disk when the verdict says so."""
        now = self._clock.wall()
        self._tree.publish(Batch([tag], [value], [Quality.GOOD], [now], now))
        if definition.persist and self.retained is not None:
            await self.retained.stored()
        return Verdict(Outcome.DONE, now=TagValue(value, Quality.GOOD, now))

    async def _send(self, tag: int, definition: TagDefinition, value: Scalar, taken: Callable[[], None]) -> Verdict:
        device = self._devices.get(definition.device)
        if device is None:
            raise Refused("CMD-106", f"{definition.path} belongs to device {definition.device}, which is not running")
        policy = self.policies.get(definition.group, _PLAIN)
        raw, _ = self._tree.raw(tag, value)
        command = WriteTag(definition.path, raw, policy.read_back)
        begun = self._tree.pending.begin(tag, value, raw, policy.timeout) if policy.optimistic else None
        try:
            verdict = await device.execute(command)
            if verdict.outcome is Outcome.REFUSED and isinstance(raw, float) and definition.scaling is not None:
                # 33.3 % is no whole number of counts: a register that takes only those gets the nearest.
                command = replace(command, value=round(raw))
                if begun is not None:
                    begun.expected = command.value
                verdict = await device.execute(command)
        except PlantgateError:
            if begun is not None:
                self._tree.pending.withdraw(begun)
            raise
        taken()
        if begun is not None:
            verdict = await self._confirmed(begun, definition, verdict)
        return verdict if verdict.now is None else replace(verdict, now=self._tree.read(tag))

    async def _confirmed(self, begun: Pending, definition: TagDefinition, verdict: Verdict) -> Verdict:
        """The verdict on an optimistic write that its device has answered with `verdict`."""
        pending = self._tree.pending
        if not verdict.done:
            pending.withdraw(begun)
            return replace(verdict, now=self._tree.read(begun.tag))
        if verdict.now is not None and (not verdict.code or not begun.is_old(verdict.now.value)):
            pending.accept(begun)  # what was written, or what the device has made of it: it will not change any more
            return verdict
        end = await begun.end
        now = self._tree.read(begun.tag)
        if end is End.CONFIRMED:
            return Verdict(Outcome.DONE, now=now)
        if end is End.SUPERSEDED:
            return Verdict(Outcome.DONE, "CMD-116", f"{definition.path} was written again before its device showed it")
        taken = f"{definition.device} took the write of {definition.path}"
        if end is End.EXPIRED:
            words = f"{taken} and has not shown the value within {begun.seconds:g} s"
            return Verdict(Outcome.FAILED, "CMD-117", words, now)
        return Verdict(Outcome.FAILED, "CMD-118", f"{taken}, and now its value can't be read: {now.reason}", now)


class _Turn:
    """A place in the row of one device."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._mine = False

    async def begin(self) -> None:
        await self._lock.acquire()
        self._mine = True

    def end(self) -> None:
        if self._mine:
            self._mine = False
            self._lock.release()


def _nothing() -> None:
    """Nobody waits for the device."""


def _describe(command: Command) -> str:
    if isinstance(command, SignalReader):
        return f"reader {printable(command.reader)} {command.action}"
    if isinstance(command, DriveReader):
        return f"reader {printable(command.reader)} {printable(command.tuples, _VALUE_CHARS)}"
    if isinstance(command, AcknowledgeAlarm):
        return f"alarm event {command.event} acknowledge {printable(command.note, _VALUE_CHARS)}".rstrip()
    if isinstance(command, ShelveAlarm | UnshelveAlarm):
        alarm = f"{printable(command.alarm.path, _PATH_CHARS)} {printable(command.alarm.name, _VALUE_CHARS)}"
        how = f"shelve for {command.seconds:g} s" if isinstance(command, ShelveAlarm) else "unshelve"
        return f"alarm {alarm} {how}"
    return f"write {printable(command.path, _PATH_CHARS)} = {printable(command.value, _VALUE_CHARS)}"
