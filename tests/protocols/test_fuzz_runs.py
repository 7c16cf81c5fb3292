"""Ten thousand inputs for each protocol core at every change, half a million behind `make test-long`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fuzz import fuzz_hello, fuzz_modbus, fuzz_scrdr
from plantgate.protocols.hello import Conversation, FirstFlight, mssql
from plantgate.protocols.hello.uabinary import Cursor
from plantgate.protocols.modbus import ClientCore

LOOPS = pytest.mark.parametrize(
    "loop", [fuzz_scrdr.loop, fuzz_modbus.loop, fuzz_hello.loop], ids=["scrdr", "modbus", "hello"]
)


@LOOPS
def test_ten_thousand_inputs_are_clean(loop: Callable[[int, int], None]) -> None:
    loop(10_000, 20_261_120)


@LOOPS
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_half_a_million_inputs_are_clean(loop: Callable[[int, int], None]) -> None:
    loop(500_000, 1)


def test_a_planted_fault_in_the_modbus_core_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = ClientCore.receive
    monkeypatch.setattr(ClientCore, "receive", lambda self, data, now: receive(self, bytes(data)[:7], now))
    with pytest.raises(AssertionError):
        fuzz_modbus.loop(1_000, 7)


def _takes_what_is_not_there(cursor: Any, count: int) -> bytes:
    data: bytes = cursor._data[cursor._place : cursor._place + count]
    cursor._place += count
    return data


def _hands_over_half(conversation: Any) -> int | None:
    held = len(conversation._held)
    return min(held, conversation._ask.exactly or held) or None


def _trusts_in_an_end(body: bytes) -> dict[int, bytes]:
    place = 0
    while body[place] != 0xFF:
        place += 5
    return {0: bytes(6)}


def _forgets_what_it_held(flight: FirstFlight, data: bytes, receive: Any = FirstFlight.receive) -> None:
    flight._records.clear()
    receive(flight, data)


@pytest.mark.parametrize(
    ("part", "name", "broken", "error"),
    [
        (Cursor, "take", _takes_what_is_not_there, (IndexError, AssertionError)),
        (Conversation, "_wanted", _hands_over_half, Exception),
        (FirstFlight, "receive", _forgets_what_it_held, AssertionError),
        (mssql, "_options", _trusts_in_an_end, IndexError),
    ],
    ids=["OPC UA reads past the end", "a step gets half", "TLS forgets a cut record", "TDS trusts its options"],
)
def test_a_planted_fault_in_a_recogniser_is_found(
    monkeypatch: pytest.MonkeyPatch, part: Any, name: str, broken: Any, error: Any
) -> None:
    monkeypatch.setattr(part, name, broken)
    with pytest.raises(error):
        fuzz_hello.loop(5_000, 7)
