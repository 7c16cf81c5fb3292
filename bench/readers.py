"""Many readers at one gateway: badges a second, the time to each reply, and what it costs the gateway.

    python -m bench.readers [READERS ...]

The readers are one process of their own (`python -m bench.readers --load`): a real socket each, cards at moments of
their own, every reply matched to its badge. Lost is a badge without a reply, or without a row in the journal.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import httpx
import psutil

from bench.processes import free_ports, plantgate, wait_for
from bench.table import percentile, table
from plantgate.cli.run import loop_factory
from plantgate.protocols.scrdr import TagEvent, encode_event, encode_hello

COUNTS = (50, 100, 200)
RATE = 5.0  # badges a second and reader
SECONDS = 20.0
WARM_UP_SECONDS = 3.0
_ALLOWED = tuple(f"04A1B2{number:08X}" for number in range(1_000))
_REPLY = b"$SCCMD;SEQ="


def main() -> None:
    counts = [int(text) for text in sys.argv[1:]] if __name__ == "__main__" and sys.argv[1:] else COUNTS
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_run(count, Path(folder)))
    table(
        f"Badges of many readers, {RATE:g} a second each for {SECONDS:g} s, half of the cards unknown; times in ms",
        ["", "badges", "lost", "p50", "p99", "max", "CPU %", "us a badge", "idle CPU %", "RSS MB"],
        rows,
    )


def _run(count: int, folder: Path) -> list[object]:
    load = subprocess.Popen(
        [sys.executable, "-m", "bench.readers", "--load", str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdin is not None
    assert load.stdout is not None
    try:
        ports: list[int] = json.loads(load.stdout.readline())
        [http] = free_ports(1)
        _write_data(folder, http, ports)
        with plantgate("run", "--data", str(folder)) as command:
            url = f"http://127.0.0.1:{http}/api/v1/readers"
            wait_for(lambda: _connected(url) == count, f"{count} readers connected; printed: {command.lines[-5:]}", 60)
            gateway = psutil.Process(command.process.pid)
            idle = _busy_share(gateway, 3.0)
            load.stdin.write("go\n")
            load.stdin.flush()
            time.sleep(WARM_UP_SECONDS)
            share = _busy_share(gateway, SECONDS - 2 * WARM_UP_SECONDS)
            memory = gateway.memory_info().rss / 1e6
            result: dict[str, Any] = json.loads(load.stdout.readline())
            stored = wait_for(lambda: _newest(http) >= result["replied"] and _newest(http), "every decision stored", 30)
    finally:
        load.kill()
        load.wait()
        load.stdin.close()
        load.stdout.close()
    sent, lost = result["sent"], max(result["sent"] - result["replied"], result["sent"] - stored)
    cost = share / 100 / (count * RATE) * 1e6
    times = (result["p50_ms"], result["p99_ms"], result["max_ms"])
    return [f"{count} readers", sent, lost, *times, share, round(cost), idle, round(memory, 1)]


def _busy_share(process: psutil.Process, seconds: float) -> float:
    """Per cent of one core over `seconds`."""
    before = process.cpu_times()
    began = time.monotonic()
    time.sleep(seconds)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return round(100 * used / (time.monotonic() - began), 1)


def _connected(url: str) -> int:
    with suppress(httpx.TransportError, ValueError):
        return sum(item["state"] == "connected" for item in httpx.get(url, timeout=10).json()["items"])
    return 0


def _newest(http: int) -> int:
    items = httpx.get(f"http://127.0.0.1:{http}/api/v1/badge-events", params={"limit": "1"}, timeout=10).json()["items"]
    return int(items[0]["id"]) if items else 0


def _write_data(folder: Path, http: int, ports: list[int]) -> None:
    from plantgate.config.edit import edit_gateway_xml
    from plantgate.config.template import GATEWAY_XML_TEXT

    xml = folder / "gateway.xml"
    xml.write_text(GATEWAY_XML_TEXT, encoding="utf-8")
    edit_gateway_xml(xml, {"gateway.port": http, "gateway.sslport": 0})
    readers = [
        f'[[reader]]\nname = "reader {number}"\nhost = "127.0.0.1"\nport = {port}\n'
        for number, port in enumerate(ports, 1)
    ]
    cards = [f'[[card]]\nuid = "{uid}"\nholder = "Holder {number}"\n' for number, uid in enumerate(_ALLOWED, 1)]
    (folder / "plantgate.toml").write_text("\n".join([*readers, *cards]), encoding="utf-8")


# the readers


class _Reader(asyncio.Protocol):
    """One simulated reader with one host: badges out, replies in, matched in their order."""

    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._transport: asyncio.Transport | None = None
        self._waiting: list[float] = []
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(encode_hello())

    def badge(self, line: bytes) -> None:
        assert self._transport is not None
        self._tally.sent += 1
        self._waiting.append(time.perf_counter())
        self._transport.write(line)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        replies = (self._rest + data).split(b"\r\n")
        self._rest = replies.pop()
        for reply in replies:
            assert reply.startswith(_REPLY), reply
            self._tally.latencies.append(now - self._waiting.pop(0))


class _Tally:
    def __init__(self) -> None:
        self.sent = 0
        self.latencies: list[float] = []
        self.readers: list[_Reader] = []

    def reader(self) -> _Reader:
        self.readers.append(_Reader(self))
        return self.readers[-1]


async def _load(count: int) -> None:
    loop, tally = asyncio.get_running_loop(), _Tally()
    servers = [await loop.create_server(tally.reader, "127.0.0.1", 0) for _ in range(count)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    source = random.Random(count)
    end = loop.time() + SECONDS
    await asyncio.gather(*(_present(reader, source, end) for reader in tally.readers))
    await asyncio.sleep(2.0)
    times = [latency * 1e3 for latency in tally.latencies]
    figures = {"p50_ms": percentile(times, 0.5), "p99_ms": percentile(times, 0.99), "max_ms": max(times)}
    print(json.dumps({"sent": tally.sent, "replied": len(times), **figures}), flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


async def _present(reader: _Reader, source: random.Random, end: float) -> None:
    """Cards at random moments, RATE a second on average; every other one is unknown, none comes twice in a minute."""
    loop, allowed = asyncio.get_running_loop(), itertools.cycle(_ALLOWED)
    due = loop.time() + source.random() / RATE
    while due < end:
        await asyncio.sleep(due - loop.time())
        uid = next(allowed) if source.random() < 0.5 else f"08{source.getrandbits(32):08X}"
        reader.badge(encode_event(TagEvent("03", "01", "01", "", uid, "", f"00{uid}", "")))
        due += source.uniform(0.5, 1.5) / RATE


if __name__ == "__main__":
    if "--load" in sys.argv:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_load(int(sys.argv[-1])))
    else:
        main()
