"""Modbus devices in a process of their own, for measurements: quick ones, or rude ones.

    python -m bench.modbus_devices quick 10          ten ports that answer any read at once
    python -m bench.modbus_devices rude silent ...   one rude device for each manner named; `well` is a good one

It prints its ports on one line and ends when standard input does.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import cast

from plantgate.cli.run import loop_factory

_WORDS = struct.pack(">65536H", *range(65_536)) * 2


class _Quick(asyncio.Protocol):
    """Answers functions 01 to 04 from memory that stands still; every other byte of work would be the server's."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.held = b""

    def data_received(self, data: bytes) -> None:
        held = self.held + data
        out = []
        while len(held) >= 12:
            start, count = held[8] << 8 | held[9], held[10] << 8 | held[11]
            size = 2 * count if held[7] > 2 else (count + 7) // 8
            head = held[:4] + struct.pack(">H", 3 + size) + held[6:8] + bytes((size,))
            out.append(head + _WORDS[2 * start : 2 * start + size])
            held = held[12:]
        self.held = held
        if out:
            self.transport.write(b"".join(out))


async def _quick(count: int) -> list[int]:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(_Quick, "127.0.0.1", 0) for _ in range(count)]
    return [server.sockets[0].getsockname()[1] for server in servers]


async def _rude(manners: list[str]) -> list[int]:
    from tests.drivers.modbus.rude import RudeDevice

    ports = []
    for manner in manners:
        device = RudeDevice()
        device.manner, device.delay = manner, 10.0
        await device.start()
        ports.append(device.port)
    return ports


async def _serve(kind: str, words: list[str]) -> None:
    ports = await (_quick(int(words[0])) if kind == "quick" else _rude(words))
    print(*ports, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def devices(*words: str) -> Iterator[list[int]]:
    """The ports of a process of them, which ends with the block."""
    process = Popen([sys.executable, "-m", "bench.modbus_devices", *words], stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield [int(port) for port in process.stdout.readline().split()]
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(sys.argv[1], sys.argv[2:]))
