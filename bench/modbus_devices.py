"""Modbus devices in a process of their own, for measurements: quick ones, or rude ones.

    python -m bench.modbus_devices quick 10          ten ports that answer any read at once
    python -m bench.modbus_devices changing 50       the same, with every register different each second
    python -m bench.modbus_devices rude silent ...   one rude device for each manner named; `well` is a good one

It prints its ports on one line, for every line it reads how many requests came so far, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import cast

import psutil

from plantgate.cli.run import loop_factory

_WORDS = struct.pack(">65536H", *range(65_536)) * 2


class _Quick(asyncio.Protocol):
    """Answers functions 01 to 04 from memory that stands still; every other byte of work would be the server's."""

    shift = 0  # added to every register
    asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.held = b""

    def data_received(self, data: bytes) -> None:
        held = self.held + data
        out = []
        while len(held) >= 12:
            start, count = held[8] << 8 | held[9], held[10] << 8 | held[11]
            _Quick.asked += 1
            start += self.shift
            size = 2 * count if held[7] > 2 else (count + 7) // 8
            head = held[:4] + struct.pack(">H", 3 + size) + held[6:8] + bytes((size,))
            out.append(head + _WORDS[2 * start : 2 * start + size])
            held = held[12:]
        self.held = held
        if out:
            self.transport.write(b"".join(out))


def _change() -> None:
    _Quick.shift = (_Quick.shift + 1) % 0x8000
    asyncio.get_running_loop().call_later(1.0, _change)


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
    if kind == "changing":
        _change()
    ports = await (_rude(words) if kind == "rude" else _quick(int(words[0])))
    print(*ports, flush=True)
    while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        print(_Quick.asked, flush=True)


@dataclass(frozen=True)
class Devices:
    """A process of devices: where they listen, what they were asked, what they cost."""

    ports: list[int]
    process: Popen[str]

    def asked(self) -> int:
        """How many requests came to the quick ones."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def cpu_seconds(self) -> float:
        return cpu_seconds(psutil.Process(self.process.pid))


def cpu_seconds(process: psutil.Process) -> float:
    """The processor time that `process` has used."""
    used = process.cpu_times()
    return used.user + used.system


@contextmanager
def devices(*words: str) -> Iterator[Devices]:
    """A process of them, which ends with the block."""
    process = Popen([sys.executable, "-m", "bench.modbus_devices", *words], stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ports = [int(port) for port in process.stdout.readline().split()]
        yield Devices(ports, process)
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


@contextmanager
def deaf(count: int) -> Iterator[list[int]]:
    """Ports that leave every attempt to connect unanswered: their queues are full, and nobody accepts."""
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(3):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            ports.append(listener.getsockname()[1])
        yield ports


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(sys.argv[1], sys.argv[2:]))
