"""Modbus TCP, and RTU over TCP, without I/O: bytes and time in, events and bytes out.

    pdu.py             the messages themselves (01 02 03 04 05 06 0F 10 16 17 2B/0E and exceptions)
    requests.py        questions from their bytes, wrong ones named by their exception code
    identification.py  what a device says it is (2B/0E)
    framing.py         the MBAP header: one connection's bytes cut into frames
    client.py          the asking side: transaction table, deadlines, every answer checked against its question
    rtu.py             the asking side where RTU frames travel over TCP: CRC, frames ended by their length
    server.py          the answering side: questions decoded, or the exception that answers them

Sources, cited by paragraph: [AP] MODBUS Application Protocol Specification V1.1b3 (2012) and
[TCP] MODBUS Messaging on TCP/IP Implementation Guide V1.0b (2006), [SL] MODBUS over Serial Line V1.02 (2006).
"""

from plantgate.protocols.modbus.client import (
    ClientCore,
    ClientEvent,
    ExceptionReply,
    Malformed,
    Quiet,
    Reply,
    TimedOut,
    Unexpected,
)
from plantgate.protocols.modbus.framing import Broken, Frame, frame
from plantgate.protocols.modbus.pdu import (
    ExceptionCode,
    Exchange,
    Function,
    MaskWriteRegister,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    exception_text,
    exchange,
    pack_bits,
    unpack_bits,
)
from plantgate.protocols.modbus.requests import decode_request
from plantgate.protocols.modbus.rtu import RtuClientCore, rtu_frame
from plantgate.protocols.modbus.server import Asked, Illegal, ServerCore, ServerEvent

__all__ = [
    "Asked",
    "Broken",
    "ClientCore",
    "ClientEvent",
    "ExceptionCode",
    "ExceptionReply",
    "Exchange",
    "Frame",
    "Function",
    "Illegal",
    "Malformed",
    "MaskWriteRegister",
    "Quiet",
    "Read",
    "ReadDeviceIdentification",
    "ReadWriteRegisters",
    "Reply",
    "Request",
    "RtuClientCore",
    "ServerCore",
    "ServerEvent",
    "TimedOut",
    "Unexpected",
    "WriteCoil",
    "WriteCoils",
    "WriteRegister",
    "WriteRegisters",
    "decode_request",
    "exception_text",
    "exchange",
    "frame",
    "pack_bits",
    "rtu_frame",
    "unpack_bits",
]
