"""A blocking call that nobody can be made to wait for: a dead network disk, a program that hangs.

Its thread is a daemon's: a call that never returns costs a thread until the process ends, and does not delay that end.
For work that must be finished there is `worker.Worker`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def detached(name: str, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Await `function(*args)` on a thread of its own called `name`; what it raises is raised here.

    Cancelling (a deadline) leaves the thread to itself.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if answer.done():
            return  # nobody waits any more
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def call() -> None:
        result: R | None = None
        failure: BaseException | None = None
        try:
            result = function(*args, **kwargs)
        except StopIteration as error:  # a future can't hold one
            failure = RuntimeError(f"StopIteration left {name}: {error}")
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:
            return  # the loop is closed: the process is about to end

    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    try:
        return await answer
    finally:
        if answer.done() and not answer.cancelled():
            thread.join()  # it has said its last word and only has to return
