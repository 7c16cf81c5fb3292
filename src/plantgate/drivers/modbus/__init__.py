"""Modbus TCP devices.

options.py    one device's settings          planner.py    points -> the fewest legal requests
address.py    Ignition's address grammar     isolation.py  which points of a block can be read together
values.py     registers <-> values           session.py    one connection: jobs in, outcomes out
writing.py    a value -> its write request   polling.py    schedule, answers -> batches
outcomes.py   an outcome -> quality, reason  driver.py     the device: connect, poll, write, status
"""

from plantgate.drivers.modbus.address import address_problem, parse_address
from plantgate.drivers.modbus.driver import ModbusDevice
from plantgate.drivers.modbus.options import ModbusOptions

__all__ = ["ModbusDevice", "ModbusOptions", "address_problem", "parse_address"]
