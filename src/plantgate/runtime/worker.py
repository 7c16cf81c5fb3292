"""One owned thread for work that blocks: disks, synchronous drivers. Never the shared default executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from plantgate.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")


class Worker:
    """Runs one function at a time, in order, on a thread named after its owner. The owner closes it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._closed = False
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Await `function(*args)`; what it raises is raised here. Cancelling does not stop a call that runs.

        Raises UsageError after `close`.
        """
        if self._closed:
            raise UsageError("RUN-102", f"the worker {self._name} is closed", "close it after those who use it")

        def call() -> R:
            try:
                return function(*args, **kwargs)
            except StopIteration as error:  # a future can't hold one: whoever awaits it would wait for ever
                raise RuntimeError("StopIteration left a function that a worker ran") from error

        return await asyncio.wrap_future(self._pool.submit(call))

    async def close(self) -> None:
        """Finish what runs and what waits, then end the thread. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.wrap_future(self._pool.submit(lambda: None))
        except asyncio.CancelledError:
            self._pool.shutdown(wait=False)
            raise
        self._pool.shutdown(wait=True)
