"""A simulated PLC: a small bottling line behind Modbus TCP, in a process of its own.

    line.py    the line as a pure machine of time and commands
    table.py   the map: one row per value, from which registers, documentation and the demo's tags are made
    memory.py  the line as the four tables of a Modbus device
    server.py  the process: pymodbus's server, events, its end

`import plantgate.simulators.plc` is cheap; pymodbus is imported when the server runs.
"""

from plantgate.simulators.plc.table import demo_tags, extra_tags

__all__ = ["demo_tags", "extra_tags"]
