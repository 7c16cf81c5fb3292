"""A door: its strike is a coil that is on for as long as the door may be pushed, and never longer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from plantgate.access.origin import AccessOrigin
from plantgate.model.command import Outcome, Verdict, WriteTag
from plantgate.model.quality import is_good
from plantgate.model.seams import CommandGate
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger

_log = get_logger("access.door")
_RETRY_SECONDS = 1.0
_INTERRUPTED = Verdict(Outcome.FAILED, "ACC-101", "the write was interrupted: the gateway was stopping")


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """`strike` is a writable Boolean tag; `pulse` seconds it stays on."""

    name: str
    strike: str
    pulse: float


class Door:
    """Opens on request, closes by itself. A second request while open extends the time; a failed close is retried."""

    def __init__(self, settings: DoorSettings, gate: CommandGate, clock: Clock) -> None:
        self.settings = settings
        self._gate = gate
        self._clock = clock
        self._open_until: float | None = None
        self._requested = asyncio.Event()
        self._observed = False
        self._opening: asyncio.Future[Verdict] | None = None
        self.stuck = ""

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    async def open(self, actor: str) -> Verdict:
        """Energise the strike. The verdict is the gate's; the strike is released `pulse` seconds later.

        Whoever comes while that write is under way shares it: a queue of people costs one write, not one each.
        """
        # The release is armed before the write: a write whose reply is lost may have opened the door all the same.
        before, until = self._open_until, self._clock.mono() + self.settings.pulse
        self._open_until = until
        self._requested.set()
        if self._opening is not None:
            return await asyncio.shield(self._opening)
        opening = self._opening = asyncio.get_running_loop().create_future()
        verdict = _INTERRUPTED
        try:
            verdict = await self._write(True, actor)
        finally:
            self._opening = None
            opening.set_result(verdict)
        if verdict.outcome is Outcome.REFUSED and self._open_until == until:
            self._open_until = before  # nothing was sent, so there is nothing to release
        return verdict

    def observe(self, value: object, quality: int) -> None:
        """The strike's tag changed. The first good value tells whether an earlier run left the door open."""
        if self._observed or not is_good(quality):
            return
        self._observed = True
        if value and self._open_until is None:
            _log.warning("the strike was left on by an earlier run: releasing it", door=self.settings.name)
            self._open_until = self._clock.mono()
            self._requested.set()

    async def run(self) -> None:
        """Run for ever: release the strike when its time is over, and insist."""
        while True:
            await self._requested.wait()
            while self._open_until is not None and (until := self._open_until) > self._clock.mono():
                await self._clock.sleep_until(until)
            if self._open_until is None:
                self._requested.clear()
                continue
            verdict = await self._write(False, "release")
            if verdict.done:
                self._released()
                continue
            if not self.stuck:
                _log.error("the strike can't be released", door=self.settings.name, reason=verdict.message)
            self.stuck = verdict.message or "the write failed"
            await self._clock.sleep(_RETRY_SECONDS)

    def _released(self) -> None:
        # A request that came while the release was on its way has moved the time: it keeps the door.
        if self._open_until is not None and self._open_until <= self._clock.mono():
            self._open_until = None
            self._requested.clear()
        if self.stuck:
            _log.info("the strike is released", door=self.settings.name)
        self.stuck = ""

    async def close(self) -> None:
        """Release the strike now if it is on: the gateway is stopping."""
        if self._open_until is None:
            return
        self._open_until = None
        verdict = await self._write(False, "shutdown")
        if not verdict.done:
            _log.error("the strike may be left on", door=self.settings.name, reason=verdict.message)

    async def _write(self, on: bool, actor: str) -> Verdict:
        command = WriteTag(self.settings.strike, on)
        return await self._gate.submit(command, AccessOrigin.of(actor))
