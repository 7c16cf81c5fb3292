"""A Modbus device that behaves as badly as the ones in plants do: a real server on 127.0.0.1."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from plantgate.protocols.modbus import (
    Asked,
    ExceptionCode,
    Function,
    Illegal,
    MaskWriteRegister,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    ServerCore,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    frame,
    pack_bits,
)
from plantgate.protocols.modbus.identification import encode_identification
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.streams import Stream, StreamServer, bind
from plantgate.runtime.tasks import TaskGroup


class RudeDevice:
    """`manner` decides how it answers and may be changed while it runs; `missing` are addresses it refuses.

    Manners: well, silent, stalled, exception, wrong id, wrong unit, wrong length, wrong function, double, late, slow,
    dribble, garbage, reset, half close, flood.

    Behind it are units, as behind a gateway: `dead_units` do not answer, `missed_units` are answered for by the gateway
    with exception 0B, `slow_units` answer after so many seconds. `unknown` functions are refused.
    """

    def __init__(self) -> None:
        self.manner = "well"
        self.code = ExceptionCode.SERVER_DEVICE_FAILURE
        self.missing: set[int] = set()
        self.dead_units: set[int] = set()
        self.missed_units: set[int] = set()
        self.slow_units: dict[int, float] = {}
        self.unknown: set[Function] = set()
        self.identity: dict[int, bytes] = {}
        self.delay = 0.2
        self.registers = list(range(0x10000))
        self.coils = [False] * 2_000
        self.asked: list[Request] = []
        self.units: list[int] = []
        self.connections = 0
        self.open = 0
        self._held: list[bytes] = []
        self._tasks = TaskGroup("rude", SystemClock())
        self._server: StreamServer | None = None
        self.port = 0
        self._manners: dict[str, Callable[[Stream, Asked], None]] = {
            "well": lambda stream, asked: stream.write(self._answer(asked)),
            "silent": lambda stream, asked: None,
            "exception": lambda stream, asked: stream.write(ServerCore.refuse(asked, self.code)),
            "wrong id": lambda stream, asked: stream.write(
                self._answer(asked._replace(transaction=asked.transaction ^ 0x5500))
            ),
            "wrong unit": lambda stream, asked: stream.write(self._answer(asked._replace(unit=asked.unit ^ 1))),
            "wrong length": lambda stream, asked: stream.write(
                frame(asked.transaction, asked.unit, b"\x03\x02\x00\x00")
            ),
            "wrong function": lambda stream, asked: stream.write(frame(asked.transaction, asked.unit, b"\x2b\x0e\x00")),
            "double": lambda stream, asked: stream.write(self._answer(asked) * 2),
            "garbage": lambda stream, asked: stream.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20),
            "reset": self._reset,
            "half close": self._half_close,
            "late": self._late,
            "slow": lambda stream, asked: self._later(stream, asked, self.delay),
            "flood": lambda stream, asked: stream.write(frame(asked.transaction ^ 0x5500, 1, b"\x03\x00") * 1_500),
        }

    async def start(self, port: int = 0) -> None:
        self._tasks = TaskGroup("rude", SystemClock())
        self._server = StreamServer(bind("127.0.0.1", port), self._serve, self._tasks)
        self.port = self._server.port
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def _serve(self, stream: Stream) -> None:
        self.connections += 1
        self.open += 1
        core = ServerCore()
        try:
            while data := await stream.read():
                while self.manner == "stalled":
                    await asyncio.sleep(0.01)
                for event in core.receive(data):
                    assert isinstance(event, Asked | Illegal)
                    if isinstance(event, Asked):
                        self.asked.append(event.request)
                        self.units.append(event.unit)
                        if event.unit in self.slow_units:
                            self._later(stream, event, self.slow_units[event.unit])
                        elif event.unit not in self.dead_units:
                            await self._behave(stream, event)
        finally:
            self.open -= 1

    def _later(self, stream: Stream, asked: Asked, seconds: float) -> None:
        async def answer() -> None:
            await asyncio.sleep(seconds)
            if not stream.closed:
                stream.write(self._answer(asked))

        self._tasks.spawn("later", answer)

    async def _behave(self, stream: Stream, asked: Asked) -> None:
        if self.manner == "dribble":
            for byte in self._answer(asked):
                stream.write(bytes([byte]))
                await asyncio.sleep(0)
        elif not stream.closed:
            self._manners[self.manner](stream, asked)

    def _late(self, stream: Stream, asked: Asked) -> None:
        """Each answer comes when the next question does."""
        for answer in self._held:
            stream.write(answer)
        self._held = [self._answer(asked)]

    def _reset(self, stream: Stream, asked: Asked) -> None:
        assert stream._transport is not None
        connected = stream._transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.write(self._answer(asked)[:7])
        stream.abort()

    def _half_close(self, stream: Stream, asked: Asked) -> None:
        assert stream._transport is not None
        if stream._transport.can_write_eof():
            stream._transport.write_eof()

    def _answer(self, asked: Asked) -> bytes:
        if asked.unit in self.missed_units:
            return ServerCore.refuse(asked, ExceptionCode.GATEWAY_TARGET_FAILED)
        if asked.request.function in self.unknown:
            return ServerCore.refuse(asked, ExceptionCode.ILLEGAL_FUNCTION)
        match asked.request:
            case Read(function=function, start=start, count=count):
                if self.missing & set(range(start, start + count)):
                    return ServerCore.refuse(asked, ExceptionCode.ILLEGAL_DATA_ADDRESS)
                if function <= 2:
                    return ServerCore.answer(asked, pack_bits(self.coils[start : start + count]))
                return ServerCore.answer(asked, struct.pack(f">{count}H", *self.registers[start : start + count]))
            case ReadWriteRegisters(start=start, count=count, write_start=write_start, data=data):
                words = struct.unpack(f">{len(data) // 2}H", data)
                self.registers[write_start : write_start + len(words)] = words
                return ServerCore.answer(asked, struct.pack(f">{count}H", *self.registers[start : start + count]))
            case ReadDeviceIdentification(level=level):
                if not self.identity:
                    return ServerCore.refuse(asked, ExceptionCode.ILLEGAL_FUNCTION)
                return ServerCore.answer(asked, encode_identification(level, self.identity))
            case request:
                if getattr(request, "address", None) in self.missing:
                    return ServerCore.refuse(asked, ExceptionCode.ILLEGAL_DATA_ADDRESS)
                self._take(request)
                return ServerCore.answer(asked)

    def _take(self, request: Request) -> None:
        match request:
            case WriteCoil(address=address, value=value):
                self.coils[address] = value
            case WriteCoils(start=start, values=values):
                self.coils[start : start + len(values)] = values
            case WriteRegister(address=address, value=value):
                self.registers[address] = value
            case WriteRegisters(start=start, data=data):
                words = struct.unpack(f">{len(data) // 2}H", data)
                self.registers[start : start + len(words)] = words
            case MaskWriteRegister(address=address, and_mask=keep, or_mask=add):
                self.registers[address] = (self.registers[address] & keep) | (add & ~keep & 0xFFFF)
