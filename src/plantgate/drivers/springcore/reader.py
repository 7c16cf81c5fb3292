"""One badge reader: its badges, its commands, how it is. The transport is a `Wire`: `tcp.py` or `udp.py`."""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import Callable, Mapping, Sequence

from plantgate.drivers.springcore import tags as tag
from plantgate.drivers.springcore.condition import Condition
from plantgate.drivers.springcore.figures import Figures
from plantgate.drivers.springcore.intake import Intake
from plantgate.drivers.springcore.link import CONNECTING
from plantgate.drivers.springcore.options import ReaderOptions, Transport
from plantgate.drivers.springcore.shared import Shared
from plantgate.drivers.springcore.tags import ReaderTags
from plantgate.drivers.springcore.tcp import TcpWire
from plantgate.drivers.springcore.udp import UdpWire
from plantgate.drivers.springcore.wire import Wire
from plantgate.errors import Overload, Unavailable, UsageError
from plantgate.model.badge import AccessDecision, AccessVerdict
from plantgate.model.command import DONE, Command, DriveReader, Outcome, ReaderAction, SignalReader, Verdict
from plantgate.model.seams import BadgeSink
from plantgate.model.status import PartStatus
from plantgate.protocols.scrdr import (
    SEQ_ACCEPT,
    SEQ_DENY,
    SEQ_WINK,
    PresenceFilter,
    ReaderCommand,
    encode_command,
)
from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import address_text
from plantgate.runtime.tasks import TaskGroup

_SEQUENCES = {ReaderAction.ACCEPT: SEQ_ACCEPT, ReaderAction.DENY: SEQ_DENY, ReaderAction.WINK: SEQ_WINK}


class SpringCoreReader:
    """Owner of one reader: a CommandTarget and a StatusSource. `start` it once, `stop` it at the end.

    `shared` is the same for all readers of a gateway.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        *,
        clock: Clock,
        tasks: TaskGroup,
        badges: BadgeSink,
        shared: Shared,
        tag_ids: Mapping[str, int],
        options: ReaderOptions | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        options = options or ReaderOptions()
        self.name = name
        self._address: dict[str, str | int] = {"host": host, "port": port, "transport": options.transport.value}
        self._clock = clock
        self._tasks = tasks
        self._shared = shared
        self._tags = ReaderTags(name, tag_ids, shared.put)
        self._checksum = options.checksum
        self._figures = Figures()
        where = address_text((host, port))
        self._condition = Condition(name, where, CONNECTING, clock, tasks, self._tags, self._figures)
        presence = PresenceFilter(options.repeat_seconds, options.repeat_tolerance_seconds)
        self._intake = Intake(
            self._condition, presence, options.credential, clock, tasks, badges, self._tags, self._figures,
            full_cards=options.full_cards,
        )  # fmt: skip
        backoff = Backoff(options.retry_first_seconds, options.retry_ceiling_seconds, random)
        self._wire: Wire
        if options.transport is Transport.UDP:
            self._wire = UdpWire(
                host, port, options.local_port or port, shared.sockets, self._condition, self._intake,
                backoff, clock, tasks, self._figures,
            )  # fmt: skip
        else:
            self._wire = TcpWire(
                host, port, self._condition, self._intake, backoff, shared.pace, clock, tasks,
                self._tags, self._figures,
            )  # fmt: skip
        self._lines = {
            action: encode_command(ReaderCommand(seq=number), options.checksum) for action, number in _SEQUENCES.items()
        }
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect, or to listen."""
        self._tags.set(tag.CONNECTED, False)
        self._shared.start()
        self._task = self._tasks.spawn(f"reader-{self.name}", self._wire.run, restart=True)

    async def stop(self) -> None:
        """Leave the reader in order, so that its single slot is free for the next host."""
        self._condition.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._wire.close()
        self._shared.flush()

    # commands

    async def execute(self, command: Command) -> Verdict:
        """Plays what is asked. The bytes are handed to the system before this returns or awaits anything."""
        if isinstance(command, SignalReader):
            return self._hand_over(self._lines[command.action])
        if isinstance(command, DriveReader):
            return self.send(ReaderCommand(command.seq, command.leds, command.buzz))
        return Verdict(Outcome.REFUSED, "SC-401", f"{self.name} is a badge reader: it takes no tag writes")

    def send(self, command: ReaderCommand) -> Verdict:
        """Send any `$SCCMD`. DONE means handed to the system: the protocol has no acknowledgement."""
        try:
            line = encode_command(command, self._checksum)
        except UsageError as error:
            return Verdict(Outcome.REFUSED, error.code, error.message)
        return self._hand_over(line)

    def _hand_over(self, line: bytes) -> Verdict:
        try:
            self._wire.send(line)
        except (Unavailable, Overload) as error:
            self._condition.error(error.message)
            return Verdict(Outcome.FAILED, error.code, error.message)
        self._figures.commands += 1
        return DONE

    def decided(self, decision: AccessDecision) -> None:
        """Told of each decision about a badge of this reader: for its tags and its tile."""
        self._figures.last_verdict = decision.verdict.value
        if decision.verdict is AccessVerdict.ACCEPTED:
            self._figures.accepted += 1
            self._tags.set(tag.ACCEPTED, self._figures.accepted)
        else:
            self._figures.denied += 1
            self._tags.set(tag.DENIED, self._figures.denied)
        self._tags.set(tag.LAST_VERDICT, self._figures.last_verdict)

    # status

    def status(self) -> Sequence[PartStatus]:
        condition = self._condition
        return [self._figures.tile(self.name, self._address, condition.link, condition.since, self._intake.repeats)]
