"""The simulated PLC's process: pymodbus's TCP server in front of the line, one JSON line per event."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice

import plantgate
from plantgate.limits import CONNECTIONS_PER_LISTENER
from plantgate.runtime.clock import Clock
from plantgate.runtime.streams import address_text, bind
from plantgate.simulators.plc.line import BottlingLine
from plantgate.simulators.plc.memory import PlcMemory, Write, is_extra
from plantgate.simulators.plc.table import EXTRA_FIRST

Event: TypeAlias = Callable[[str, Mapping[str, Any]], None]
_WRITES_COILS = {0x05, 0x0F}
_WRITES_REGISTERS = {0x06, 0x10, 0x16}
_COIL_READS, _INPUT_READS = 0x01, 0x02
_INPUT_REGISTER_READS = 0x04
_ANY_UNIT = 0
_WORD_BITS = 16


class PlcServer:
    """Serves a line on one port, with `rtu` in RTU frames as behind a serial device server.

    `tell(event, fields)` is called for listening, connected, disconnected and write.
    """

    def __init__(self, clock: Clock, tell: Event, extra: int = 0, *, rtu: bool = False) -> None:
        self.line = BottlingLine()
        self.memory = PlcMemory(self.line, clock.mono, extra)
        self._tell = tell
        self._framer = FramerType.RTU if rtu else FramerType.SOCKET
        self._server: ModbusTcpServer | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises PortUnavailable naming the port and what to do."""
        listener = bind(host, port)
        self.port = listener.getsockname()[1]
        self._server = server = _Server(self._device(), self._framer, self._tell)
        # The socket is bound by us: its error says which port and why, and port 0 is known at once.
        server.call_create = partial(
            asyncio.get_running_loop().create_server, server.handle_new_connection, sock=listener
        )
        await server.serve_forever(background=True)
        self._tell("listening", {"host": host, "port": self.port})

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    def _device(self) -> SimDevice:
        memory = self.memory
        holding = [SimData(0, values=memory.holding, datatype=DataType.REGISTERS)]
        if memory.extra:
            holding.append(SimData(EXTRA_FIRST - 1, values=[0] * memory.extra, datatype=DataType.REGISTERS))
        tables = (
            [SimData(0, values=memory.coils, datatype=DataType.BITS)],
            [SimData(0, values=memory.inputs, datatype=DataType.BITS)],
            holding,
            [SimData(0, values=memory.input_registers, datatype=DataType.REGISTERS)],
        )
        return SimDevice(_ANY_UNIT, simdata=tables, action=self._access)

    async def _access(
        self,
        function: int,
        first: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """pymodbus asks before each access: reads get fresh registers, writes command the line or are refused."""
        memory = self.memory
        if values is not None:
            try:
                writes = self._write(function, address, values)
            except LookupError:
                return ExcCodes.ILLEGAL_ADDRESS
            except ValueError:
                return ExcCodes.ILLEGAL_VALUE
            for write in writes:
                self._tell("write", {"address": write.row.address, "value": write.value, "tag": write.row.name})
            return None
        memory.refresh()
        if function in {_COIL_READS, _INPUT_READS, *_WRITES_COILS}:
            bits = memory.inputs if function == _INPUT_READS else memory.coils
            registers[: -(-len(bits) // _WORD_BITS)] = _words_of(bits)
        elif function == _INPUT_REGISTER_READS:
            registers[: len(memory.input_registers)] = memory.input_registers
        elif is_extra(address):
            registers[address - first : address - first + count] = memory.extra_words(address - EXTRA_FIRST + 1, count)
        else:
            registers[: len(memory.holding)] = memory.holding
        return None

    def _write(self, function: int, address: int, values: list[int] | list[bool]) -> list[Write]:
        if function in _WRITES_COILS:
            return self.memory.write_coils(address, [bool(value) for value in values])
        if function in _WRITES_REGISTERS and not is_extra(address):
            return self.memory.write_registers(address, [int(value) for value in values])
        return []


def _words_of(bits: list[bool]) -> list[int]:
    number = sum(bit << index for index, bit in enumerate(bits))
    return [number >> shift & 0xFFFF for shift in range(0, len(bits), _WORD_BITS)]


def _identity() -> ModbusDeviceIdentification:
    """What the simulator says it is (function 2B/0E)."""
    return ModbusDeviceIdentification(  # type: ignore[no-untyped-call]
        info_name={
            "VendorName": "plantgate",
            "ProductCode": "plc-simulator",
            "MajorMinorRevision": plantgate.__version__,
            "ProductName": "simulated bottling line",
        }
    )


class _Server(ModbusTcpServer):
    """pymodbus's server that tells who connects, and has a bound on how many may."""

    def __init__(self, device: SimDevice, framer: FramerType, tell: Event) -> None:
        super().__init__(device, framer=framer, identity=_identity())
        self.tell = tell
        self.connections = 0

    def callback_new_connection(self) -> ServerRequestHandler:
        return _Connection(self)


class _Connection(ServerRequestHandler):
    def __init__(self, owner: _Server) -> None:
        super().__init__(owner, None, None, None)  # type: ignore[no-untyped-call]
        self.owner = owner
        self.peer = ""

    def callback_connected(self) -> None:
        super().callback_connected()
        self.peer = address_text(self.transport.get_extra_info("peername"))
        self.owner.connections += 1
        if self.owner.connections > CONNECTIONS_PER_LISTENER:
            self.transport.close()
            return
        self.owner.tell("connected", {"peer": self.peer})

    def callback_disconnected(self, exc: Exception | None) -> None:
        super().callback_disconnected(exc)
        self.owner.connections -= 1
        self.owner.tell("disconnected", {"peer": self.peer})


def printer(as_json: bool, write: Callable[[str], object]) -> Event:
    """Events as lines: JSON for machines, a sentence for people."""

    def tell(event: str, fields: Mapping[str, Any]) -> None:
        if as_json:
            write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
        else:
            write(" ".join([event, *(f"{key}={value}" for key, value in fields.items())]) + "\n")

    return tell


async def simulate(
    host: str, port: int, *, extra: int, as_json: bool, exit_with_parent: bool, clock: Clock, rtu: bool = False
) -> None:
    """Serve until SIGTERM, SIGINT or, if asked, the end of standard input. Raises PortUnavailable."""

    def write(line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever read our events is gone: the PLC goes on
            sys.stdout.write(line)
            sys.stdout.flush()

    tell = printer(as_json, write)
    stop = asyncio.Event()
    plc = PlcServer(clock, tell, extra, rtu=rtu)
    with _ending(stop, exit_with_parent):
        try:
            await plc.start(host, port)
            await stop.wait()
        finally:
            await plc.stop()
    tell("stopped", {"port": plc.port})


@contextlib.contextmanager
def _ending(stop: asyncio.Event, with_parent: bool) -> Any:
    """Sets `stop` on SIGINT, SIGTERM and at the end of standard input; portable."""
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    if with_parent:
        # A daemon thread on the bare descriptor: it holds no lock that the interpreter's end would wait for.
        threading.Thread(target=_wait_for_end_of_input, args=(end,), name="parent", daemon=True).start()
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait_for_end_of_input(end: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4_096):
            pass
    end()
