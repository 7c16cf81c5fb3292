"""Modbus TCP devices, and RTU devices behind a serial device server.

options.py      one device's settings            planner.py    points -> the fewest legal requests
address.py      Ignition's address grammar       isolation.py  which points of a block can be read together
address_map.py  names of a plant -> addresses    session.py    one connection: jobs in, outcomes out; units
values.py       registers <-> values             jobs.py       what travels through it, what it is counted by
writing.py      a value -> its write requests    polling.py    schedule, answers -> batches
outcomes.py     an outcome -> quality, reason    commands.py   tag writes -> verdicts
direct.py       one connection for a command     diagnostics.py  Ignition's diagnostic tags
driver.py       the device: connect, poll, write, status
"""

from plantgate.drivers.modbus.address import address_problem, parse_address
from plantgate.drivers.modbus.diagnostics import device_tag_definitions, tag_definitions_of_devices
from plantgate.drivers.modbus.driver import ModbusDevice
from plantgate.drivers.modbus.options import ModbusOptions, device_address_problem, modbus_options

__all__ = [
    "ModbusDevice",
    "ModbusOptions",
    "address_problem",
    "device_address_problem",
    "device_tag_definitions",
    "modbus_options",
    "parse_address",
    "tag_definitions_of_devices",
]
