"""The fuzz harness runs, and finds a planted fault."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from plantgate.protocols.scrdr import ScrdrReceiver


def harness() -> ModuleType:
    file = Path(__file__).parents[2] / "fuzz" / "fuzz_scrdr.py"
    spec = importlib.util.spec_from_file_location("fuzz_scrdr", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_thousand_inputs_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    harness().loop(1_000, seed=7)
    assert "clean" in capsys.readouterr().out


def test_a_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = ScrdrReceiver.feed
    monkeypatch.setattr(ScrdrReceiver, "feed", lambda self, data: feed(self, bytes(data).replace(b"\r\n", b"")))
    with pytest.raises(AssertionError):
        harness().loop(1_000, seed=7)
