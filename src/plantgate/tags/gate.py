"""The command gate: the one way back towards a device. Checks rights, writes the audit line, routes to the owner."""

from __future__ import annotations

from plantgate.errors import PlantgateError, Refused
from plantgate.model.command import (
    DONE,
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
from plantgate.model.value import Batch, Scalar
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.tags.coerce import coerce
from plantgate.tags.derived import MADE, DerivedTags
from plantgate.tags.retained import RetainedValues
from plantgate.tags.tree import TagTree

# Both fit one field of an audit line, so that a long path can't push the value out of it.
_PATH_CHARS, _VALUE_CHARS = 120, 80


class Gate:
    """Implements `CommandGate`. Targets are told to it by `app.py`: devices and readers by their names."""

    def __init__(self, tree: TagTree, clock: Clock) -> None:
        self._tree = tree
        self._clock = clock
        self._devices: dict[str, CommandTarget] = {}
        self._readers: dict[str, CommandTarget] = {}
        # Bound once: binding it anew for each line costs as much as writing it.
        self._audit = get_logger("audit").bind()
        self.commands: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
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
        verdict = Verdict(Outcome.FAILED, "CMD-107", "given up before the answer came: it may have been carried out")
        permitted_by = self._permitted_by(command, origin)  # asked first: the write may use the permit up
        try:
            verdict = await self._route(command, origin)
        except Refused as error:
            verdict = Verdict(Outcome.REFUSED, error.code, error.message)
        except PlantgateError as error:
            verdict = Verdict(Outcome.FAILED, error.code, error.message)
        finally:
            self._record(command, origin, verdict, permitted_by)
        return verdict

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

    async def _route(self, command: Command, origin: Origin) -> Verdict:
        if not origin.may_write:
            raise Refused("CMD-101", f"{printable(origin.actor) or 'nobody'} may look but not command", "sign in first")
        if isinstance(command, SignalReader | DriveReader):
            reader = self._readers.get(command.reader)
            if reader is None:
                raise Refused("CMD-102", f"there is no reader named {printable(command.reader)}")
            return await reader.execute(command)
        if isinstance(command, WriteTag):
            return await self._write(command, origin)
        if self.alarms is None:
            raise Refused("CMD-112", "this gateway has no alarms", "define some in the tag files")
        return await self.alarms.execute(command, origin)

    async def _write(self, command: WriteTag, origin: Origin) -> Verdict:
        """Through reference and derived tags to the one that holds the value; each of them must allow it."""
        path, given = command.path, command.value
        passed: set[int] = set()
        while True:
            tag, definition, value = self._allowed(path, given, origin)
            if definition.kind not in MADE:
                break
            if tag in passed or self.derived is None:
                raise Refused("CMD-111", f"{definition.path} leads to no tag that holds a value", "see its source")
            passed.add(tag)
            given, problem = self.derived.source_value(definition, value)
            if problem:
                raise Refused("CMD-110", f"{definition.path}: {problem}")
            path = definition.source
        if definition.kind is TagKind.MEMORY:
            return await self._keep(tag, definition, value)
        return await self._send(tag, definition, value)

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
        return DONE

    async def _send(self, tag: int, definition: TagDefinition, value: Scalar) -> Verdict:
        device = self._devices.get(definition.device)
        if device is None:
            raise Refused("CMD-106", f"{definition.path} belongs to device {definition.device}, which is not running")
        raw, _ = self._tree.raw(tag, value)
        verdict = await device.execute(WriteTag(definition.path, raw))
        if verdict.outcome is Outcome.REFUSED and isinstance(raw, float) and definition.scaling is not None:
            # 33.3 % is no whole number of counts: a register that takes only those gets the nearest.
            verdict = await device.execute(WriteTag(definition.path, round(raw)))
        return verdict


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
