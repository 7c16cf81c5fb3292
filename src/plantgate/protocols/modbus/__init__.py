"""Modbus TCP without I/O: bytes and time in, events and bytes out.

    pdu.py      the messages themselves (function codes 01 02 03 04 05 06 0F 10 16 and exceptions)
    framing.py  the MBAP header: one connection's bytes cut into frames
    client.py   the asking side: transaction table, deadlines, every answer checked against its question
    server.py   the answering side: questions decoded, wrong ones named by their exception code

Sources, cited by paragraph: [AP] MODBUS Application Protocol Specification V1.1b3 (2012) and
[TCP] MODBUS Messaging on TCP/IP Implementation Guide V1.0b (2006).
"""

from plantgate.protocols.modbus.client import (
    ClientCore,
    ClientEvent,
    ExceptionReply,
    Malformed,
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
    Request,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    decode_request,
    exception_text,
    exchange,
    pack_bits,
    unpack_bits,
)
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
    "Read",
    "Reply",
    "Request",
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
    "unpack_bits",
]
