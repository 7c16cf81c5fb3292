"""What the web side costs: requests a second, and the live stream to many pages."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

import psutil
from websockets.asyncio.client import connect

from bench.processes import Plant, plant
from bench.table import percentile, table

CONNECTIONS, SECONDS, PAGES = 32, 5.0, 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, plant(Path(folder)) as site, site.gateway() as gateway:
        site.connected()
        process = psutil.Process(gateway.process.pid)
        paths = ("/StatusPing", "/api/v1/tags?limit=50", "/api/v1/status")
        rows = [[f"GET {path}", *asyncio.run(_load(site, path))] for path in paths]
        title = f"HTTP, {CONNECTIONS} connections kept alive, {SECONDS:g} s each; client and gateway share two cores"
        table(title, ["", "requests/s", "p50 ms", "p99 ms"], rows)
        print()
        table(
            f"Live stream of all tags and badges, {SECONDS:g} s",
            ["pages", "gateway CPU, % of a core", "messages/s a page", "KB/s a page"],
            [asyncio.run(_stream(site, pages, process)) for pages in (0, 1, PAGES)],
        )


async def _load(site: Plant, path: str) -> tuple[float, float, float]:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.http}\r\n\r\n".encode()
    times: list[float] = []
    until = time.perf_counter() + SECONDS

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.http)
        while (began := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return len(times) / SECONDS, 1e3 * percentile(times, 0.5), 1e3 * percentile(times, 0.99)


async def _stream(site: Plant, pages: int, process: psutil.Process) -> list[object]:
    messages = characters = 0

    async def one(ready: asyncio.Barrier) -> None:
        nonlocal messages, characters
        async with connect(f"ws://127.0.0.1:{site.http}/api/v1/stream", max_size=None) as socket:
            await socket.send(json.dumps({"subscribe": {"tags": "all", "badges": True, "status": True}}))
            await ready.wait()
            until = time.perf_counter() + SECONDS
            while (left := until - time.perf_counter()) > 0:
                try:
                    text = await asyncio.wait_for(socket.recv(), left)
                except TimeoutError:
                    return
                messages += 1
                characters += len(text)

    ready = asyncio.Barrier(pages + 1)
    clients = [asyncio.create_task(one(ready)) for _ in range(pages)]
    await ready.wait()
    before, at = process.cpu_times(), time.perf_counter()
    await asyncio.sleep(SECONDS)
    after, now = process.cpu_times(), time.perf_counter()
    await asyncio.gather(*clients)
    used = after.user + after.system - before.user - before.system
    shared = max(1, pages) * SECONDS
    return [pages, 100 * used / (now - at), messages / shared, characters / 1e3 / shared]


if __name__ == "__main__":
    main()
