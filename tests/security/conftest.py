from __future__ import annotations

import pytest

from plantgate.security import passwords


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """New passwords cost a fraction of a millisecond."""
    monkeypatch.setattr(passwords, "_CURRENT", (64, 1, 1))
