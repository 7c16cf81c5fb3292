"""Nothing runs unowned: every task has a name, an owner, a restart policy and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from plantgate.runtime.backoff import Backoff
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable

_log = get_logger("runtime.tasks")
# A task that lost its cancellation (a library may swallow one) is cancelled again after so many seconds.
_PATIENCE_SECONDS = 0.5
_FIRST_SECONDS, _CEILING_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Crash:
    """A task that ended with an exception nobody expected: our bug, shown on the overview until it is gone."""

    task: str
    at: int
    text: str


class TaskGroup:
    """Owns tasks. `spawn` starts one, `stop` cancels all and waits.

    A crash is logged, kept in `crashes` and, if asked, restarted.

    This is the only place that catches every exception: everywhere else an exception means something.
    """

    def __init__(self, owner: str, clock: Clock, random: Callable[[], float] | None = None) -> None:
        self.owner = owner
        self._clock = clock
        self._random = random or (lambda: 1.0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.crashes: list[Crash] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(
        self, name: str, start: Callable[[], Coroutine[Any, Any, None]], *, restart: bool = False
    ) -> asyncio.Task[None]:
        """Run `start()` as task `owner/name`.

        With `restart` a crash starts it anew after 0.5 to 30 s; its return ends it. In a group that is stopped or
        stopping the task is cancelled before its first step.
        """
        full = f"{self.owner}/{name}"
        task = asyncio.get_running_loop().create_task(self._watch(full, start, restart), name=full)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._stopping:
            task.cancel()
        return task

    async def _watch(self, name: str, start: Callable[[], Coroutine[Any, Any, None]], restart: bool) -> None:
        backoff = Backoff(_FIRST_SECONDS, _CEILING_SECONDS, self._random)
        while True:
            started = self._clock.mono()
            try:
                await start()
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if self._stopping or task is None or task.cancelling():
                    raise
                self._crashed(name, error)  # nobody cancelled us: something we waited for was cancelled
            except Exception as error:  # noqa: BLE001 - the one place: a bug costs its task, not the process
                self._crashed(name, error)
            else:
                return
            if not restart or self._stopping:
                return
            if self._clock.mono() - started > _CEILING_SECONDS:
                backoff.reset()
            await self._clock.sleep(backoff.next())

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("a task crashed: this is a defect of plantgate, please report it", task=name, exc_info=error)
        text = printable(f"{type(error).__name__}: {error}")
        self.crashes = [*self.crashes[-9:], Crash(name, self._clock.wall(), text)]

    async def stop(self) -> None:
        """Cancel every task and wait until all have ended. Awaited by the owner, never by a task of the group."""
        self._stopping = True
        while self._tasks:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS)
