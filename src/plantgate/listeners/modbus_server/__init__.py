"""The Modbus TCP server: chosen tags as coils, inputs and registers for PLCs and HMIs.

    cells.py       what lies where: entries of the map as cells of the four tables
    image.py       the tables themselves, brought up to date from the tags when somebody asks
    writing.py     a write request -> values of tags, all of it or none
    answers.py     one request -> its answer: units, exceptions, identification, writes through the gate
    clients.py     who may connect and who may write
    session.py     one client: deadlines, pipelining, slow readers
    server.py      the listener: its port, its life, its tile

Sources, cited by paragraph: [AP] MODBUS Application Protocol Specification V1.1b3 (2012) and
[TCP] MODBUS Messaging on TCP/IP Implementation Guide V1.0b (2006).
"""

from plantgate.listeners.modbus_server.cells import Entry, QualityPlace, Unfit
from plantgate.listeners.modbus_server.image import Image
from plantgate.listeners.modbus_server.server import ModbusListener, ServerSettings

__all__ = ["Entry", "Image", "ModbusListener", "QualityPlace", "ServerSettings", "Unfit"]
