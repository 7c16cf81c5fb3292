"""Devices put together: their tags, their drivers, and what their pages show."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec

from plantgate.config.document import Configuration, Device, Reader
from plantgate.drivers.modbus import ModbusDevice, modbus_options, tag_definitions_of_devices
from plantgate.drivers.springcore import SpringCoreReader, reader_tag_definitions
from plantgate.model.device import DeviceRow, DeviceState, PlannedRequest
from plantgate.model.quality import is_good
from plantgate.model.seams import TagReader
from plantgate.model.status import Health, PartStatus
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import Scalar
from plantgate.runtime.clock import Clock
from plantgate.tags.engine import TagEngine

Point: TypeAlias = tuple[int, TagDefinition, float]
_SHOWN_APART = frozenset({"name", "driver", "host", "port", "unit_id", "enabled"})


def diagnostic_tags(configuration: Configuration) -> list[TagDefinition]:
    """The tags that devices publish about themselves."""
    rates = {group.name: group.rates for group in configuration.tag_groups}
    return tag_definitions_of_devices(configuration.devices, configuration.tags, rates)


def points_of(devices: Collection[str], tags: TagEngine) -> Mapping[str, Sequence[Point]]:
    """The tags of each device as its driver is to poll them, with the rates that are in force now. One pass."""
    definitions, rates = tags.tree.definitions(), tags.groups.rates
    found: dict[str, list[Point]] = {name: [] for name in devices}
    for tag in tags.tree.ids():
        definition = definitions[tag]
        if definition.kind is TagKind.DEVICE and definition.device in found:
            found[definition.device].append((tag, definition.on_device, rates[definition.group]))
    return found


def build_devices(configuration: Configuration, tags: TagEngine, clock: Clock) -> list[ModbusDevice]:
    """Those that are enabled. They are told when a tag group changes its rate. Raises ConfigError for an address."""
    wanted = {device.name: device for device in configuration.devices if device.enabled}
    built = [
        ModbusDevice(name, modbus_options(wanted[name]), points, clock, tags.tree, random.random, tags.tree.find)
        for name, points in points_of(wanted, tags).items()
    ]
    for device in built:
        tags.groups.add_poller(device)
    return built


class DeviceBoard:
    """Implements `DeviceInspector`."""

    def __init__(
        self,
        configuration: Callable[[], Configuration],
        devices: Sequence[ModbusDevice],
        readers: Sequence[SpringCoreReader],
        tags: TagReader,
        clock: Clock,
    ) -> None:
        self._configuration = configuration
        self._devices = {device.name: device for device in devices}
        self._readers = {reader.name: reader for reader in readers}
        self._tags = tags
        self._started = clock.wall()

    def devices(self) -> Sequence[DeviceRow]:
        configuration = self._configuration()
        return [
            *(self._device(entry) for entry in configuration.devices),
            *(self._reader(entry) for entry in configuration.readers),
        ]

    def device(self, name: str) -> DeviceRow | None:
        configuration = self._configuration()
        for device in configuration.devices:
            if device.name == name:
                return self._device(device)
        for reader in configuration.readers:
            if reader.name == name:
                return self._reader(reader)
        return None

    def plan(self, name: str) -> Sequence[PlannedRequest] | None:
        if name in self._devices:
            return self._devices[name].plan()
        return None if self.device(name) is None else ()

    def _device(self, entry: Device) -> DeviceRow:
        running = self._devices.get(entry.name)
        part = self._disabled("device", entry.name) if running is None else running.status()[0]
        return DeviceRow(
            driver="modbus_tcp" if entry.driver == "modbus" else entry.driver.value,
            host=entry.host,
            port=entry.port,
            unit_id=entry.unit_id,
            enabled=entry.enabled,
            part=part,
            state=self._resting(entry.name) if running is None else running.inspect(),
            options=_options(entry),
        )

    def _reader(self, entry: Reader) -> DeviceRow:
        running = self._readers.get(entry.name)
        part = self._disabled("reader", entry.name) if running is None else running.status()[0]
        return DeviceRow(
            driver="springcore",
            host=entry.host,
            port=entry.port,
            unit_id=None,
            enabled=entry.enabled,
            part=part,
            state=self._of_reader(entry.name),
            options=_options(entry),
        )

    def _resting(self, device: str) -> DeviceState:
        """Of one that is disabled: nothing of it has a value."""
        count = sum(tag.device == device for tag in self._configuration().tags)
        return DeviceState(tags=count, bad_count=count)

    def _of_reader(self, name: str) -> DeviceState:
        found = [self._tags.find(definition.path) for definition in reader_tag_definitions(name)]
        tags = [tag for tag in found if tag is not None]
        return DeviceState(tags=len(tags), bad_count=sum(not is_good(self._tags.read(tag).quality) for tag in tags))

    def _disabled(self, kind: str, name: str) -> PartStatus:
        key = f"[[{kind}]] {name}"
        return PartStatus(kind, name, Health.DISABLED, "disabled", self._started, "", f"enabled = true in {key}")


def _options(entry: Device | Reader) -> Mapping[str, Scalar]:
    """The keys of its entry in the file, with their values; durations are seconds."""
    found = msgspec.to_builtins(entry)
    return {
        key: value
        for key, value in found.items()
        if key not in _SHOWN_APART and isinstance(value, bool | int | float | str | None)
    }
