"""Subjects on data directories that are really there, and systems that are what a test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from plantgate.config.load import load
from plantgate.ports.doctor.subject import Printed, Subject, System
from plantgate.ports.owners import Listening
from plantgate.runtime.clock import Clock, SystemClock

MakeSubject: TypeAlias = Callable[..., Subject]


def programs(answers: Mapping[str, Printed]) -> Callable[[Sequence[str]], Printed | None]:
    """A machine that has these programs and no others."""
    return lambda command: answers.get(command[0])


@pytest.fixture
def subject(tmp_path: Path) -> MakeSubject:
    """`subject("--set" texts..., toml="...", ...)`: a data directory below tmp_path, looked at."""
    data = tmp_path / "data"
    data.mkdir()

    def make(
        *sets: str,
        toml: str = "",
        run: Mapping[str, Printed] | None = None,
        platform: str = "linux",
        sockets: Sequence[Listening] | None = None,
        root: Path = Path("/"),
        user_id: int | None = 1000,
        clock: Clock | None = None,
    ) -> Subject:
        (data / "plantgate.toml").write_text(toml, encoding="utf-8")
        listening = (lambda: sockets) if sockets is not None else tuple
        system = System(platform, root, programs(run or {}), listening, user_id)
        return Subject(load(data, sets, {}), clock or SystemClock(), data, system=system)

    return make
