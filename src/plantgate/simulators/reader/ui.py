"""LEDs and buzzer of a simulated reader: what they show at a given time.

Source: `springcore.md` 1.6. 01 to 0D and 0F are as the vendor has them for SpringPark. Of all others only the name is
published: colours, times and sounds are presentation. LED mode bytes are opaque but for 00 and 92 (1.7, Q13).
"""

from __future__ import annotations

from dataclasses import dataclass

from plantgate.protocols.scrdr import led_mode_name, sequence_name

LEDS = 4


@dataclass(frozen=True, slots=True)
class Lamp:
    """One LED: its colour and, always, a word for what it does."""

    colour: str = ""
    word: str = "off"


OFF = Lamp()


@dataclass(frozen=True, slots=True)
class Show:
    """What a sequence does: lamps, beeps as (after s, for s), and how long it lasts (None: until something else)."""

    lamps: tuple[Lamp, ...] = (OFF,) * LEDS
    beeps: tuple[tuple[float, float], ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a person sees and hears now. `name` says what is being played."""

    lamps: tuple[Lamp, ...]
    buzzer: bool
    name: str


def _all(colour: str, word: str) -> tuple[Lamp, ...]:
    return (Lamp(colour, word),) * LEDS


def _lamps(*lamps: Lamp) -> tuple[Lamp, ...]:
    return lamps + (OFF,) * (LEDS - len(lamps))


_BUSY = Lamp("yellow", "blinking, 5 times a second")
_FAST = Lamp("yellow", "blinking, 10 times a second")
_ALARM = _all("red", "flashing x3, 10 times a second")
_FIRST_LAST = (_BUSY, OFF, OFF)

_SHOWS: dict[int, Show] = {
    0x01: Show(_ALARM),
    0x03: Show(_ALARM),
    0x04: Show(_ALARM, ((0.0, 1.0),), 2.0),
    0x05: Show(),
    0x06: Show(_all("white", "on")),
    0x07: Show(),
    0x08: Show(_lamps(_BUSY)),
    0x09: Show((*_FIRST_LAST, _BUSY)),
    0x0A: Show((*_FIRST_LAST, _FAST)),
    0x0B: Show((*_FIRST_LAST, Lamp("green", "flashing x2, 10 times a second")), ((0.0, 0.5),), 2.5),
    0x0C: Show(
        (*_FIRST_LAST, Lamp("yellow", "flashing x4, 10 times a second")), ((0.0, 0.02), (0.22, 0.02), (0.44, 0.02)), 1.0
    ),
    0x0D: Show(_all("white", "self test, in turn"), ((0.0, 0.5),)),
    0x0E: Show(_all("blue", "flashing, 5 times a second"), ((0.0, 0.1), (0.5, 0.1), (1.0, 0.1)), 3.0),
    0x0F: Show(),
    0x10: Show(_lamps(Lamp("blue", "dim"))),
    0x11: Show(_lamps(Lamp("blue", "on"))),
    0x13: Show(_lamps(Lamp("blue", "breathing"))),
    0x20: Show(),
    0x21: Show(_lamps(Lamp("blue", "on"))),
    0x22: Show(_lamps(Lamp("yellow", "on")), (), 0.5),
    0x23: Show(_lamps(OFF, Lamp("green", "on")), ((0.0, 0.1),), 1.0),
    0x24: Show(_lamps(OFF, OFF, Lamp("red", "on")), ((0.0, 0.1), (0.2, 0.1)), 1.0),
    0x25: Show(_lamps(Lamp("yellow", "flashing, twice a second")), ((0.0, 0.1),), 3.0),
    0x60: Show(_all("green", "on"), ((0.0, 0.15),), 2.0),
    0x61: Show(_all("red", "on"), ((0.0, 0.8),), 2.0),
}
_IDLE, _ACTIVE = 0x10, 0x11
_MODE_COLOUR = "white"


class Front:
    """What the reader's front shows. `now` is in seconds of a clock that never jumps.

    A show with an end gives way to what was there before; one without an end stays until something else comes.
    """

    def __init__(self) -> None:
        self.volume = 1
        self._lasting = Show()
        self._lasting_name = ""
        self._passing: Show | None = None
        self._passing_name = ""
        self._until = 0.0
        self._beeps: list[tuple[float, float]] = []

    def started(self, now: float, *, active: bool) -> None:
        """The firmware shows that it is alive, with or without a host."""
        self.play(_ACTIVE if active else _IDLE, now)

    def play(self, seq: int, now: float) -> None:
        """Play a sequence. One that is not known, or that is for another kind of device, changes nothing."""
        name = sequence_name(seq)
        show = _SHOWS.get(seq)
        if show is None:
            return
        self._beeps = [(now + after, now + after + seconds) for after, seconds in show.beeps]
        if show.seconds is None:
            self._lasting, self._lasting_name, self._passing = show, name or "", None
        else:
            self._passing, self._passing_name, self._until = show, name or "", now + show.seconds

    def light(self, modes: bytes) -> None:
        """A mode byte per LED, until something else comes."""
        lamps = tuple(OFF if mode == 0 else Lamp(_MODE_COLOUR, led_mode_name(mode)) for mode in modes)
        self._lasting, self._lasting_name, self._passing = Show(lamps), "set by the host", None

    def beep(self, milliseconds: int, now: float) -> None:
        self._beeps = [(now, now + milliseconds / 1_000)]

    def look(self, now: float) -> Look:
        """What is to be seen and heard."""
        if self._passing is not None and now >= self._until:
            self._passing = None
        sounding = any(start <= now < end for start, end in self._beeps)
        show, name = (
            (self._lasting, self._lasting_name) if self._passing is None else (self._passing, self._passing_name)
        )
        return Look(show.lamps, sounding and self.volume > 0, name)
