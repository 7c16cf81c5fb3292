"""Ten thousand inputs at every change, a million for each part behind `make test-long`; planted faults are found."""

from __future__ import annotations

from typing import Any

import pytest

from fuzz import fuzz_opcua
from plantgate.protocols.opcua import chunks, framing, hot, messages, scanning


def test_ten_thousand_inputs_are_clean() -> None:
    fuzz_opcua.loop(10_000, 20_261_121)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", fuzz_opcua.PARTS)
def test_a_million_inputs_are_clean(part: str) -> None:
    fuzz_opcua.loop(1_000_000, 1, part)


def _no_cap(self: Any, frame: Any, request: int, part: bytes, caps: Any, add: Any = chunks.Assembly.add) -> Any:
    return add(self, frame, request, part, chunks.Caps(10**9, 10**9, 10**9))


def _any_header(self: Any, kind: bytes, flag: int, size: int) -> None:
    if size < 8:
        raise framing.FrameError("UA-101", "", status=0x80000000)


def _goes_back(self: Any, at: int) -> int:
    return int.from_bytes(self.data[at : at + 4], "little", signed=True)


def _skips_blindly(body: bytes, at: int) -> int:
    return at + 4 + int.from_bytes(body[at : at + 4], "little", signed=True)


def _no_check(*_: Any) -> bool:
    return True


@pytest.mark.parametrize(
    ("part", "where", "name", "broken"),
    [
        ("channel", chunks.Assembly, "add", _no_cap),
        ("channel", chunks, "compare_digest", _no_check),
        ("channel", messages, "_skip_bytes", _skips_blindly),
        ("framing", framing.FrameReader, "_judge", _any_header),
        ("general", scanning.Scan, "length", _goes_back),
        ("codec", hot, "_is_nodeid", _no_check),
    ],
    ids=["caps", "signatures", "lengths in headers", "frame sizes", "negative lengths", "what is a NodeId"],
)
def test_a_planted_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, part: str, where: Any, name: str, broken: Any
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a defect becomes
        fuzz_opcua.loop(20_000, 7, part)
