"""The Modbus server put together: its map in the driver's grammar, its tags, who may connect."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import plantgate
from plantgate.config.document import Configuration
from plantgate.config.modbus_server import BadQuality, Gaps, ModbusMapping
from plantgate.drivers.modbus.address import Address, Kind, parse_address
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.planner import Point, block_of
from plantgate.drivers.modbus.values import Decoder, Unwritable, as_bool, encode
from plantgate.errors import ConfigError
from plantgate.listeners.binding import Conflict
from plantgate.listeners.modbus_server import Entry, Image, ModbusListener, QualityPlace, ServerSettings, Unfit
from plantgate.listeners.modbus_server.clients import networks
from plantgate.listeners.modbus_server.server import NAME
from plantgate.model.seams import CommandGate
from plantgate.model.tag import TagDefinition
from plantgate.model.value import Scalar
from plantgate.protocols.modbus import Function
from plantgate.runtime.clock import Clock
from plantgate.runtime.tasks import TaskGroup
from plantgate.tags.tree import TagTree

_NOT_WHOLE = {Kind.FLOAT, Kind.DOUBLE, Kind.STRING}
# MODBUS Application Protocol V1.1b3, 6.21: objects 00 to 06.
_IDENTITY = {
    0: "plantgate",
    1: "plantgate",
    2: plantgate.__version__,
    3: "",
    4: "plantgate",
    5: "gateway",
}


def servers(
    configuration: Configuration,
    tree: TagTree,
    gate: CommandGate,
    clock: Clock,
    tasks: TaskGroup,
    explain: Callable[[int], Conflict],
) -> dict[str, ModbusListener]:
    """By its atlas name, told of every change of `tree`; nothing if it is not enabled. Raises ConfigError."""
    server = configuration.modbus_server
    if not server.enabled:
        return {}
    builder = _Builder(configuration, tree)
    image = Image(
        [builder.entry(row) for row in configuration.modbus_map],
        tree,
        keep_last=server.bad_quality == BadQuality.LAST,
        zero_gaps=server.gaps == Gaps.ZERO,
    )
    tree.add_sink(image)
    settings = ServerSettings(
        address=server.address,
        port=server.port,
        unit_id=server.unit_id,
        clients=networks(server.clients),
        writable=server.writable,
        writers=networks(server.writers),
        max_clients=server.max_clients,
        max_clients_per_address=server.max_clients_per_address,
        idle_seconds=server.idle_timeout,
        identity={
            **{number: text.encode() for number, text in _IDENTITY.items()},
            6: configuration.gateway.name.encode(),
        },
    )
    return {NAME: ModbusListener(settings, image, gate, clock, tasks, explain)}


def remap(configuration: Configuration, tree: TagTree, listeners: Iterable[ModbusListener]) -> None:
    """Tags of the map have other definitions. Raises ConfigError."""
    builder = _Builder(configuration, tree)
    for listener in listeners:
        listener.image.use([builder.entry(row) for row in configuration.modbus_map])


class _Builder:
    """Entries of the image from rows of the map."""

    def __init__(self, configuration: Configuration, tree: TagTree) -> None:
        self._configuration = configuration
        self._server = configuration.modbus_server
        self._tree = tree
        # How values lie in registers is said as for a device; nothing is connected with it.
        self._layout = ModbusOptions(
            host=self._server.address,
            unit_id=self._server.unit_id,
            zero_based=self._server.zero_based_addressing,
            reverse_word_order=self._server.reverse_word_order,
            reverse_string_byte_order=self._server.reverse_string_byte_order,
            right_justify_strings=self._server.right_justify_strings,
        )

    def entry(self, row: ModbusMapping) -> Entry:
        """Raises ConfigError for a tag that is not there."""
        tag = self._tree.find(row.tag)
        if tag is None:
            where = self._configuration.source_of(f"modbus_server.map.{row.address}.tag")
            raise ConfigError(
                "APP-111", f"{where}: modbus_server.map.{row.address}.tag: there is no tag {row.tag}", "check its path"
            )
        address, definition = self._place(row.address), self._tree.definitions()[tag]
        return Entry(
            tag=tag,
            path=definition.path,
            table=Function(address.area),
            unit=self._unit(address),
            start=address.start,
            count=address.count,
            encode=_encoder(address, self._layout),
            decode=_decoder(address, definition, self._layout),
            bit=address.bit,
            writable=row.writable,
            quality=self._quality(row.quality) if row.quality else None,
        )

    def _place(self, text: str) -> Address:
        return parse_address(text, zero_based=self._server.zero_based_addressing)

    def _unit(self, address: Address) -> int:
        return self._server.unit_id if address.unit is None else address.unit

    def _quality(self, text: str) -> QualityPlace:
        address = self._place(text)
        return QualityPlace(Function(address.area), self._unit(address), address.start)


def _encoder(address: Address, layout: ModbusOptions) -> Callable[[Scalar], bytes]:
    if address.area.has_bits or address.bit is not None:
        return _bit
    whole = address.kind not in _NOT_WHOLE

    def to_registers(value: Scalar) -> bytes:
        """Raises Unfit. A fraction is rounded where the registers hold none, as a reading driver does."""
        if whole and isinstance(value, float):
            if not math.isfinite(value):
                raise Unfit(f"{value} is no number")
            value = round(value)
        try:
            return encode(address, value, layout)
        except Unwritable as error:
            raise Unfit(str(error)) from None

    return to_registers


def _bit(value: Scalar) -> bytes:
    try:
        return bytes([as_bool(value)])
    except Unwritable as error:
        raise Unfit(str(error)) from None


def _decoder(address: Address, definition: TagDefinition, layout: ModbusOptions) -> Callable[[bytes], Scalar]:
    if address.area.has_bits or address.bit is not None:
        return _on
    decoder = Decoder(block_of((Point(0, 0, address, definition.data_type),)), layout)

    def to_value(data: bytes) -> Scalar:
        """Raises Unfit for registers that hold no value: no BCD, not a number."""
        value = decoder.decode(data)[0]
        if value is None:
            raise Unfit("no value of this kind")
        return value

    return to_value


def _on(data: bytes) -> Scalar:
    return data != b"\0"
