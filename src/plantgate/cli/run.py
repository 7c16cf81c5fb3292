"""`plantgate run`: the gateway in the foreground, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from plantgate.app import Gateway
from plantgate.config.document import Configuration
from plantgate.model.status import Health
from plantgate.runtime import log
from plantgate.runtime.clock import Clock

LOG_FILE = Path("logs") / "wrapper.log"


def serve(
    configuration: Configuration,
    data_dir: Path,
    clock: Clock,
    *,
    console: bool,
    on_running: Callable[[Gateway], None] | None = None,
) -> None:
    """Run a gateway until SIGINT or SIGTERM (Ctrl+C or Ctrl+Break on Windows). Raises our errors from its start.

    The caller holds the data directory's LockFile: its log has one writer too.
    """
    log.configure(data_dir / LOG_FILE, console=console, level=os.environ.get("PLANTGATE_LOG_LEVEL", "INFO").upper())
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(configuration, data_dir, clock, on_running))
    finally:
        log.close()


async def _serve(
    configuration: Configuration, data_dir: Path, clock: Clock, on_running: Callable[[Gateway], None] | None
) -> None:
    gateway = Gateway(configuration, data_dir, clock)
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        try:
            await gateway.start()
            if on_running is not None:
                on_running(gateway)
            await stop.wait()
        finally:
            await gateway.stop()


@contextmanager
def stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at the first SIGINT or SIGTERM; the usual handlers come back afterwards."""
    loop = asyncio.get_running_loop()
    wanted = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGBREAK"):
        wanted.append(signal.SIGBREAK)
    before = {each: signal.getsignal(each) for each in wanted}
    for each in wanted:
        signal.signal(each, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it exists (2.6 times the callbacks a second), asyncio's own elsewhere."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def announce(gateway: Gateway, say: Callable[[str], None]) -> None:
    """One line that opens the page signed in, and one for each part that is not well."""
    from plantgate.security import sign_in

    failed = {part.name for part in gateway.statuses() if part.kind == "listener" and part.health is Health.FAILED}
    server = gateway.configuration.web_server
    # Never a link to a port that somebody else holds: whoever that is would be shown our token.
    http = 0 if "http" in failed else server.port
    https = 0 if "https" in failed else server.ssl_port
    if http or https:
        _say_link(gateway, sign_in.url(gateway.configuration.web.address, http, https), say)
    else:
        say("plantgate is running, without a page: it has no port for it")
    for part in gateway.statuses():
        if part.health is Health.FAILED:
            say(f"  {part.kind} {part.name}: {part.reason or part.state}. {part.next_step}".rstrip(". ") + ".")


def _say_link(gateway: Gateway, url: str, say: Callable[[str], None]) -> None:
    from plantgate.runtime.clock import SystemClock
    from plantgate.security import sign_in

    try:
        token = sign_in.create(gateway.data_dir, "operator", SystemClock())
    except OSError as error:
        # A full or read-only disk is no reason to leave the plant alone.
        say(f"plantgate is running: {url}/   (view only: no sign-in link could be stored, {error.strerror})")
    else:
        say(f"plantgate is running: {url}/#signin={token}   (signs in once; the page without it is view only)")
