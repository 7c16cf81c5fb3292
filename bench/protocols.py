"""How fast the protocol cores are, and that their cost grows with the bytes and not faster."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from bench.table import table
from plantgate.protocols.modbus.client import ClientCore
from plantgate.protocols.modbus.framing import frame
from plantgate.protocols.modbus.pdu import Function, Read, exchange
from plantgate.protocols.scrdr import ScrdrReceiver, TagEvent, encode_event

LINES = 20_000
EXCHANGES = 50_000
ROUNDS = 3


def main() -> None:
    line = encode_event(TagEvent("03", "01", "01", "", "047DAE02C84080", "", "00047DAE02C84080", ""))
    rows: list[list[object]] = []
    for count in (LINES, 2 * LINES, 4 * LINES):
        for name, size in (("64 KiB at a time", 65_536), ("1,460 bytes at a time", 1_460)):
            rows.append([f"$SCRDR lines, {name}", count, *_rate(partial(_feed, line * count, size), count)])
    for length in (16_384, 65_536):
        data = b"$" + b"x" * (length - 1)
        rows.append(["bytes of a line without end, one at a time", length, *_rate(partial(_feed, data, 1), length)])
    rows += [
        ["Modbus requests with replies, 125 registers", count, *_rate(partial(_converse, count), count)]
        for count in (EXCHANGES, 2 * EXCHANGES)
    ]
    table("Protocol cores", ["", "count", "seconds", "a second"], rows)


def _feed(data: bytes, size: int) -> None:
    receiver = ScrdrReceiver()
    for start in range(0, len(data), size):
        receiver.feed(data[start : start + size])


def _converse(count: int) -> None:
    core: ClientCore[None] = ClientCore()
    asked = exchange(Read(Function.READ_HOLDING_REGISTERS, 0, 125))
    pdu = bytes([3, 250]) + bytes(250)
    for turn in range(count):
        transaction, _ = core.request(asked, 1, float(turn), 2.0, None)
        if len(core.receive(frame(transaction, 1, pdu), float(turn))) != 1:
            raise AssertionError("a reply was not understood")


def _rate(work: Callable[[], None], count: int) -> tuple[float, int]:
    """Seconds of processor time, the best of three: the first warms up, and others use this machine as well."""
    seconds = min(_processor_seconds(work) for _ in range(ROUNDS))
    return seconds, round(count / seconds)


def _processor_seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
