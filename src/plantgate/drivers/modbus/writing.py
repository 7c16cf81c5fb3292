"""A value for a tag, as the one request that writes it; refused in words before anything is sent."""

from __future__ import annotations

from plantgate.drivers.modbus.address import Address, Area, Kind
from plantgate.drivers.modbus.options import ModbusOptions
from plantgate.drivers.modbus.values import Unwritable, as_bool, encode
from plantgate.model.value import Scalar
from plantgate.protocols.modbus.pdu import (
    MaskWriteRegister,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
)

_ALL_BITS = 0xFFFF


def write_request(address: Address, value: Scalar, options: ModbusOptions) -> Request:
    """The request that writes `value`. Raises Unwritable with the reason.

    A bit of a register is written with function 16 (mask write): reading, changing and writing the register
    would undo what the PLC changes in between.
    """
    if not address.area.writable:
        raise Unwritable(f"{address.area.words} can only be read")
    if address.area is Area.COILS:
        state = as_bool(value)
        return WriteCoils(address.start, (state,)) if options.force_multiple_coils else WriteCoil(address.start, state)
    if address.bit is not None:
        mask = 1 << address.bit
        return MaskWriteRegister(address.start, _ALL_BITS & ~mask, mask if as_bool(value) else 0)
    data = encode(address, value, reverse_words=options.reverse_word_order and address.kind is not Kind.STRING)
    most = options.max_holding_registers_per_write_request
    if len(data) // 2 > most:
        raise Unwritable(f"{len(data) // 2} registers do not fit in one write of this device, {most} do")
    if address.count == 1 and not options.force_multiple_registers:
        return WriteRegister(address.start, int.from_bytes(data, "big"))
    return WriteRegisters(address.start, data)
