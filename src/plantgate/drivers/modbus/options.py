"""The settings of one Modbus device: Ignition's names in our spelling, and Ignition's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from plantgate.config.document import Device, DriverName
from plantgate.drivers.modbus.address import Address, Area, Order
from plantgate.drivers.modbus.address_map import AddressMap, load_map
from plantgate.errors import ConfigError
from plantgate.limits import MODBUS_CONCURRENT_REQUESTS
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType
from plantgate.protocols.modbus.pdu import MAX_READ_BITS, MAX_READ_REGISTERS, MAX_WRITE_REGISTERS

# Ignition's driver: with reconnectAfterConsecutiveTimeouts it hangs up after the third.
_TIMEOUTS = 3


class Framing(StrEnum):
    """What travels over the connection: Ignition's device types ModbusTcp and ModbusRtuOverTcp."""

    TCP = "tcp"
    RTU_OVER_TCP = "rtu over tcp"


@dataclass(frozen=True, slots=True)
class ModbusOptions:
    """Device types `ModbusTcp` and `ModbusRtuOverTcp` (Ignition 8.3 OpenAPI, device settings). `timeout` is in seconds.

    `unit_id` is used for addresses without a unit prefix. `reconnect_after_timeouts` 0 never reconnects for silence.
    `local_address` is the address of this host to connect from. `read_write_multiple_registers_allowed` is ours:
    registers are written and read back in one request (function 17).
    Raises ConfigError for a number outside what the protocol or `limits.py` allow.
    """

    host: str
    port: int = 502
    framing: Framing = Framing.TCP
    local_address: str = ""
    unit_id: int = 1
    timeout: float = 2.0
    concurrent_requests: int = 1
    span_gaps: bool = True
    max_holding_registers_per_request: int = MAX_READ_REGISTERS
    max_input_registers_per_request: int = MAX_READ_REGISTERS
    max_coils_per_request: int = MAX_READ_BITS
    max_discrete_inputs_per_request: int = MAX_READ_BITS
    max_holding_registers_per_write_request: int = MAX_WRITE_REGISTERS
    read_multiple_registers_allowed: bool = True
    read_multiple_coils_allowed: bool = True
    read_multiple_discrete_inputs_allowed: bool = True
    write_multiple_registers_allowed: bool = True
    write_multiple_coils_allowed: bool = True
    read_write_multiple_registers_allowed: bool = False
    force_multiple_registers: bool = False
    zero_based: bool = False
    reverse_word_order: bool = False
    reverse_string_byte_order: bool = False
    right_justify_strings: bool = False
    read_raw_strings: bool = False
    reconnect_after_timeouts: int = _TIMEOUTS
    max_retry_count: int = 1
    address_map: AddressMap = field(default_factory=AddressMap)

    def __post_init__(self) -> None:
        bounds: tuple[tuple[str, float, float, float], ...] = (
            ("port", self.port, 1, 65_535),
            ("unit_id", self.unit_id, 0, 255),
            ("timeout", self.timeout, 0.01, 3_600),
            ("concurrent_requests", self.concurrent_requests, 1, MODBUS_CONCURRENT_REQUESTS),
            ("max_holding_registers_per_request", self.max_holding_registers_per_request, 1, MAX_READ_REGISTERS),
            ("max_input_registers_per_request", self.max_input_registers_per_request, 1, MAX_READ_REGISTERS),
            ("max_coils_per_request", self.max_coils_per_request, 1, MAX_READ_BITS),
            ("max_discrete_inputs_per_request", self.max_discrete_inputs_per_request, 1, MAX_READ_BITS),
            (
                "max_holding_registers_per_write_request",
                self.max_holding_registers_per_write_request,
                1,
                MAX_WRITE_REGISTERS,
            ),
            ("reconnect_after_timeouts", self.reconnect_after_timeouts, 0, 1_000),
            ("max_retry_count", self.max_retry_count, 0, 10),
        )
        if not self.host:
            raise ConfigError("MB-210", "host: a Modbus device needs a host name or address")
        for name, value, least, most in bounds:
            if not least <= value <= most:
                raise ConfigError("MB-211", f"{name}: {value:g} is not between {least:g} and {most:g}")
        if self.framing is Framing.RTU_OVER_TCP and self.concurrent_requests > 1:
            raise ConfigError(
                "MB-213",
                f"concurrent_requests: {self.concurrent_requests} is not possible with RTU over TCP",
                "RTU frames carry no transaction id: one request at a time",
            )
        if self.force_multiple_registers and not self.write_multiple_registers_allowed:
            raise ConfigError(
                "MB-214",
                "force_multiple_register_writes needs write_multiple_registers_allowed",
                "one says always, the other never: set one of them",
            )

    def most(self, area: Area) -> int:
        """How many registers or bits of `area` one request may read."""
        match area:
            case Area.COILS:
                return self.max_coils_per_request if self.read_multiple_coils_allowed else 1
            case Area.DISCRETE_INPUTS:
                return self.max_discrete_inputs_per_request if self.read_multiple_discrete_inputs_allowed else 1
            case Area.HOLDING_REGISTERS:
                return self.max_holding_registers_per_request if self.read_multiple_registers_allowed else 1
            case _:
                return self.max_input_registers_per_request if self.read_multiple_registers_allowed else 1

    def address(self, text: str) -> Address:
        """The address in `text`, or that a name of the device's address map stands for. Raises ConfigError."""
        return self.address_map.address(text, zero_based=self.zero_based)

    @property
    def order(self) -> Order:
        """The order of numbers whose address names none."""
        return Order(words=self.reverse_word_order)

    @property
    def string_order(self) -> Order:
        return Order(bytes=self.reverse_string_byte_order)

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


def modbus_options(device: Device) -> ModbusOptions:
    """The driver's options from a `[[device]]`. Raises ConfigError, also for an address map that can't be used."""
    return ModbusOptions(
        host=device.host,
        port=device.port,
        framing=Framing.RTU_OVER_TCP if device.driver is DriverName.MODBUS_RTU_OVER_TCP else Framing.TCP,
        local_address=device.local_address,
        unit_id=device.unit_id,
        timeout=device.timeout,
        concurrent_requests=device.concurrent_requests,
        span_gaps=device.span_gaps,
        max_holding_registers_per_request=device.max_holding_registers_per_request,
        max_input_registers_per_request=device.max_input_registers_per_request,
        max_coils_per_request=device.max_coils_per_request,
        max_discrete_inputs_per_request=device.max_discrete_inputs_per_request,
        max_holding_registers_per_write_request=device.max_holding_registers_per_write_request,
        read_multiple_registers_allowed=device.read_multiple_registers_allowed,
        read_multiple_coils_allowed=device.read_multiple_coils_allowed,
        read_multiple_discrete_inputs_allowed=device.read_multiple_discrete_inputs_allowed,
        write_multiple_registers_allowed=device.write_multiple_registers_allowed,
        write_multiple_coils_allowed=device.write_multiple_coils_allowed,
        read_write_multiple_registers_allowed=device.read_write_multiple_registers_allowed,
        force_multiple_registers=device.force_multiple_register_writes,
        zero_based=device.zero_based_addressing,
        reverse_word_order=device.reverse_word_order,
        reverse_string_byte_order=device.reverse_string_byte_order,
        right_justify_strings=device.right_justify_strings,
        read_raw_strings=device.read_raw_strings,
        reconnect_after_timeouts=_TIMEOUTS if device.reconnect_after_consecutive_timeouts else 0,
        max_retry_count=device.max_retry_count,
        address_map=load_map(device.address_map) if device.address_map else AddressMap(),
    )


def device_address_problem(tag: TagDefinition, device: Device) -> str | None:
    """What is wrong with the address or the type of a tag of `device`, in words, or None: for `config.load`."""
    if tag.data_type.is_array or tag.data_type in {DataType.DATASET, DataType.DOCUMENT}:
        return f"{tag.data_type} is not what Modbus registers hold; use a number, Boolean or String"
    try:
        known = load_map(device.address_map) if device.address_map else AddressMap()
        known.address(tag.address, zero_based=device.zero_based_addressing)
    except ConfigError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return None
