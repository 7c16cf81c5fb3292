"""The real listener in front of a tag tree and gate, made from a few rows of a map; and a client that can be rude."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench.processes import free_ports
from plantgate.composing.modbus_server import servers
from plantgate.config.document import Configuration
from plantgate.config.modbus_server import ModbusMapping, ModbusServer
from plantgate.listeners.binding import Conflict
from plantgate.listeners.modbus_server import ModbusListener
from plantgate.model.command import DONE, Command, Verdict
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import Batch, DataType, Scalar
from plantgate.protocols.modbus import frame
from plantgate.runtime.clock import SystemClock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

_TYPES = {"F": DataType.FLOAT4, "D": DataType.FLOAT8, "S": DataType.STRING}
_HEADER = struct.Struct(">HHHB")


def path_of(address: str) -> str:
    """The path of the tag at an address: the address, without what a path can't have."""
    return "T/" + "".join(char if char.isalnum() or char == "_" else "-" for char in address)


def type_of(address: str) -> DataType:
    unit, dot, rest = address.partition(".")
    plain, bit = (rest, "") if unit.isdigit() else (unit, dot)
    if bit or "." in plain or plain.startswith(("C", "DI")):
        return DataType.BOOLEAN
    return _TYPES.get(plain[2], DataType.INT8)


def tag(place: str, /, **more: Any) -> TagDefinition:
    more.setdefault("writable", True)
    return TagDefinition(full_path(path_of(place)), more.pop("data_type", type_of(place)), **more)


def row(address: str, *, writable: bool | None = None, quality: str = "") -> ModbusMapping:
    plain = address.partition(".")[2] if address[0].isdigit() else address
    may = not plain.startswith(("DI", "IR")) if writable is None else writable
    return ModbusMapping(address=address, tag=path_of(address), writable=may, quality=quality)


def no_conflict(port: int) -> Conflict:
    return Conflict(None, f"port {port}")


class Device:
    """A `CommandTarget`: answers once `free` is set."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.free = asyncio.Event()
        self.free.set()
        self.verdict: Verdict = DONE

    async def execute(self, command: Command) -> Verdict:
        self.asked.append(command)
        await self.free.wait()
        return self.verdict


@dataclass
class Plant:
    """What a client meets, and what stands behind it."""

    listener: ModbusListener
    tree: TagTree
    gate: Gate
    device: Device

    @property
    def port(self) -> int:
        return self.listener.port

    def put(self, address: str, value: Scalar, quality: int = Quality.GOOD) -> None:
        """A value arrives at the tag of an address."""
        found = self.tree.find(path_of(address))
        assert found is not None
        self.tree.publish(Batch([found], [value], [quality], [1], 1, "" if quality < Quality.UNCERTAIN else "test"))

    def value(self, address: str) -> Scalar:
        found = self.tree.find(path_of(address))
        assert found is not None
        return self.tree.read(found).value

    @property
    def details(self) -> dict[str, Any]:
        return dict(self.listener.status()[0].details)


@contextlib.asynccontextmanager
async def plant(
    rows: Sequence[ModbusMapping | str], *, tags: Sequence[TagDefinition] | None = None, **settings: Any
) -> AsyncIterator[Plant]:
    """A server of `rows` (addresses alone: writable where they can be); `tags` replace those made from addresses."""
    mapping = tuple(row(each) if isinstance(each, str) else each for each in rows)
    port = free_ports(1)[0]
    server = ModbusServer(**{"enabled": True, "port": port, "writable": True, **settings})
    clock = SystemClock()
    tree = TagTree([tag(each.address) for each in mapping] if tags is None else tags, clock)
    gate, device = Gate(tree, clock), Device()
    gate.add_device("PLC1", device)
    tasks = TaskGroup("test", clock)
    configuration = Configuration(modbus_server=server, modbus_map=mapping)
    listener = servers(configuration, tree, gate, clock, tasks, no_conflict)["modbus"]
    await listener.start()
    try:
        yield Plant(listener, tree, gate, device)
    finally:
        await listener.stop()
        await tasks.stop()


def device_tag(address: str) -> TagDefinition:
    return tag(address, kind=TagKind.DEVICE, device="PLC1", address=address)


class Client:
    """Bytes in, bytes out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._transaction = 0

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def request(self, pdu: bytes, unit: int = 1) -> int:
        self._transaction = (self._transaction + 1) % 0x10000
        self.send(frame(self._transaction, unit, pdu))
        return self._transaction

    async def frame(self) -> tuple[int, int, bytes]:
        """Transaction, unit and PDU of the next answer. IncompleteReadError if there is none."""
        async with asyncio.timeout(10):
            transaction, _, length, unit = _HEADER.unpack(await self.reader.readexactly(_HEADER.size))
            return transaction, unit, await self.reader.readexactly(length - 1)

    async def ask(self, pdu: str, unit: int = 1) -> str:
        """Hex in, hex out."""
        transaction = self.request(bytes.fromhex(pdu), unit)
        answer = await self.frame()
        assert answer[:2] == (transaction, unit)
        return answer[2].hex(" ").upper()

    async def is_closed(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)  # noqa: TID251 - as any client would
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
