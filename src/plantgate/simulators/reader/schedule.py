"""Cards shown in turn, for the demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from plantgate.errors import ConfigError
from plantgate.runtime.clock import Clock
from plantgate.simulators.reader.card import Card
from plantgate.simulators.reader.device import ReaderDevice

_JITTER = 0.3  # of the interval, up or down: people do not badge by the clock


def read_cards(source: str) -> list[Card]:
    """`UID,UID,...`, or the name of a file with one UID a line (`#` begins a comment). Raises ConfigError."""
    path = Path(source)
    if not path.is_file():
        return [Card(uid.strip()) for uid in source.split(",") if uid.strip()]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("SIM-301", f"{path}: can't be read ({error})") from error
    return [Card(uid) for line in lines if (uid := line.partition("#")[0].strip())]


async def present_in_turn(
    device: ReaderDevice, cards: Sequence[Card], every: float, clock: Clock, random: Callable[[], float]
) -> None:
    """One card every `every` seconds, 30 % more or less, for ever. A card that nobody listens to is dropped."""
    while cards:
        for card in cards:
            await clock.sleep(every * (1.0 + _JITTER * (2.0 * random() - 1.0)))
            device.tap(card)
