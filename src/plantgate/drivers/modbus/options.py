"""The settings of one Modbus TCP device: Ignition's names in our spelling, and Ignition's defaults."""

from __future__ import annotations

from dataclasses import dataclass

from plantgate.errors import ConfigError
from plantgate.limits import MODBUS_CONCURRENT_REQUESTS
from plantgate.protocols.modbus.pdu import MAX_READ_BITS, MAX_READ_REGISTERS, MAX_WRITE_REGISTERS


@dataclass(frozen=True, slots=True)
class ModbusOptions:
    """Device type `ModbusTcp` (Ignition 8.3 OpenAPI, device settings). `timeout` is in seconds.

    `unit_id` is used for addresses without a unit prefix. `reconnect_after_timeouts` 0 never reconnects for silence.
    Raises ConfigError for a number outside what the protocol or `limits.py` allow.
    """

    host: str
    port: int = 502
    unit_id: int = 1
    timeout: float = 2.0
    concurrent_requests: int = 1
    span_gaps: bool = True
    max_holding_registers_per_request: int = MAX_READ_REGISTERS
    max_input_registers_per_request: int = MAX_READ_REGISTERS
    max_coils_per_request: int = MAX_READ_BITS
    max_discrete_inputs_per_request: int = MAX_READ_BITS
    max_holding_registers_per_write_request: int = MAX_WRITE_REGISTERS
    zero_based: bool = False
    reverse_word_order: bool = False
    force_multiple_registers: bool = False
    force_multiple_coils: bool = False
    reconnect_after_timeouts: int = 3
    max_retry_count: int = 1

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
