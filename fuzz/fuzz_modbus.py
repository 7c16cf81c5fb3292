"""Fuzzes both roles of the Modbus core.

    python -m fuzz.fuzz_modbus --runs 200000          repeatable, plain Python (also where atheris is missing)
    python -m fuzz.fuzz_modbus --atheris [CORPUS ...]  guided by coverage; libFuzzer's options follow

The invariant: any bytes, in any pieces, give the same documented events and nothing else; nothing is raised; less
than one frame is held; every request has an outcome; no input takes longer than a second.
"""

from __future__ import annotations

import contextlib
import random
import time
from functools import cache

from fuzz import harness
from plantgate.errors import PeerError
from plantgate.protocols.modbus import (
    Broken,
    ClientCore,
    Function,
    MaskWriteRegister,
    Read,
    ReadDeviceIdentification,
    ReadWriteRegisters,
    Request,
    RtuClientCore,
    ServerCore,
    WriteCoil,
    WriteCoils,
    WriteRegister,
    WriteRegisters,
    exchange,
    frame,
    rtu_frame,
)
from plantgate.protocols.modbus.identification import encode_identification, identification
from plantgate.protocols.modbus.server import Asked, Illegal

REQUESTS: tuple[Request, ...] = (
    Read(Function.READ_COILS, 0, 20),
    Read(Function.READ_DISCRETE_INPUTS, 7, 3),
    Read(Function.READ_HOLDING_REGISTERS, 0, 125),
    Read(Function.READ_INPUT_REGISTERS, 65_535, 1),
    WriteCoil(1, True),
    WriteRegister(2, 3),
    WriteCoils(0, (True, False, True)),
    WriteRegisters(9, b"\x00\x01\x02\x03"),
    MaskWriteRegister(4, 0xF2, 0x25),
    ReadWriteRegisters(0, 2, 5, b"\x00\x01"),
    ReadDeviceIdentification(),
)
EXCHANGES = [exchange(request) for request in REQUESTS]
LARGEST_FRAME = 260
SLOW_SECONDS = 1.0


def check(data: bytes) -> None:
    """One input: its first byte says how the rest is cut. Raises whatever is a defect."""
    if not data:
        return
    began = time.perf_counter()
    size, stream = 1 + data[0], data[1:]
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    _client(stream, pieces)
    _rtu_client(stream, pieces)
    _server(stream, pieces)
    assert time.perf_counter() - began < SLOW_SECONDS, "an input took longer than a second"


def _client(stream: bytes, pieces: list[bytes]) -> None:
    whole, split = _asked(), _asked()
    expected = whole.receive(stream, 1.0) if stream else []
    events = []
    for piece in pieces:
        events += split.receive(piece, 1.0)
        assert len(split._deframer._held) < LARGEST_FRAME, "more than one frame is held"
    assert [str(event) for event in events] == [str(event) for event in expected], "the cut changed the events"
    assert not any(isinstance(event, Broken) for event in events[:-1]), "something follows the end"
    assert len(split.tick(99.0)) == len(split._pending) + len(whole.drain()), "a request has no outcome"


def _rtu_client(stream: bytes, pieces: list[bytes]) -> None:
    """One question at a time; a cut may change what is noise, never what is held or whether there is an outcome."""
    for number, what in enumerate(EXCHANGES):
        core: RtuClientCore[int] = RtuClientCore()
        core.request(what, 1, 0.0, 5.0, number)
        outcomes = 0
        for piece in pieces:
            outcomes += sum(hasattr(event, "token") for event in core.receive(piece, 1.0))
            assert len(core._held) <= LARGEST_FRAME, "more than one frame is held"
        assert outcomes + len(core.tick(99.0)) == 1, "a request has no outcome, or two"
    with contextlib.suppress(PeerError):
        identification(stream)


def _asked() -> ClientCore[int]:
    core: ClientCore[int] = ClientCore(16)
    for number, what in enumerate(EXCHANGES):
        core.request(what, 1, 0.0, 5.0, number)
    return core


def _server(stream: bytes, pieces: list[bytes]) -> None:
    split = ServerCore()
    events = [event for piece in pieces for event in split.receive(piece)]
    assert [str(event) for event in events] == [str(event) for event in ServerCore().receive(stream)]
    for event in events:
        if isinstance(event, Asked):
            again = ServerCore().receive(frame(event.transaction, event.unit, event.request.encode()))
            assert again == [event], "what was decoded is not what it encodes to"
        elif isinstance(event, Illegal):
            assert len(ServerCore.refuse(event, event.exception)) <= LARGEST_FRAME


@cache
def _samples() -> list[bytes]:
    """Right questions and right answers: mutations of these get further than noise."""
    samples = []
    for number, what in enumerate(EXCHANGES):
        samples.append(frame(number, 1, what.pdu))
        identity = encode_identification(1, {0: b"Acme", 1: b"X"})
        right = what.prefix + (bytes(what.reply_length - len(what.prefix)) if what.reply_length else identity)
        for answer in (right, bytes((what.function | 0x80, 2))):
            samples += [frame(number, 1, answer), rtu_frame(1, answer)]
    return samples


def generate(choice: random.Random) -> bytes:
    """Good frames in a row, with some bytes changed, put in or taken out."""
    stream = bytearray(b"".join(choice.choices(_samples(), k=choice.randint(1, 4))))
    for _ in range(choice.randint(0, 4)):
        at = choice.randrange(len(stream))
        stream[at : at + choice.randint(0, 2)] = choice.randbytes(choice.randint(0, 2))
        stream = stream or bytearray(1)
    return bytes((choice.randrange(256),)) + bytes(stream)


def loop(runs: int, seed: int) -> None:
    """The plain-Python loop: the same inputs for the same seed."""
    harness.loop(generate, check, runs, seed)


if __name__ == "__main__":
    harness.main(__doc__, loop, check, 100_000)
