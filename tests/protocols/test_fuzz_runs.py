"""Ten thousand inputs for each protocol core at every change, half a million behind `make test-long`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fuzz import fuzz_hello, fuzz_modbus, fuzz_scrdr
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
