"""The bottling line: two tanks, a mixer, filler, capper, labeller, two doors. Pure: time and commands in, state out.

The physics is a first-order approach of each value to its target, with small waves on top so that trends look alive
and are still the same in every run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

STEP = 0.1  # seconds of one step of the model
MAX_STEPS = 600  # a pause longer than a minute is not caught up with: the line simply goes on
DOOR_OPENS_AFTER = 0.4
DOOR_CLOSES_AFTER = 1.0
_FILL_LITRES = 0.5
_TANK_LITRES = 2_000.0
_LOW_LEVEL, _HIGH_LEVEL = 25.0, 85.0
_REJECT_EVERY = 250  # bottles


class MachineState(IntEnum):
    STOPPED = 0
    STARTING = 1
    RUNNING = 2
    BLOCKED = 3


@dataclass(slots=True)
class Tank:
    """A tank that is refilled when low. `level` is percent, `temperature` degrees Celsius."""

    level: float
    temperature: float
    refill: float
    valve_open: bool = False

    def step(self, drawn: float, ambient: float) -> None:
        """One step; `drawn` litres leave it."""
        if self.level <= _LOW_LEVEL:
            self.valve_open = True
        elif self.level >= _HIGH_LEVEL:
            self.valve_open = False
        gained = self.refill * STEP if self.valve_open else 0.0
        self.level = min(100.0, max(0.0, self.level + (gained - drawn) / _TANK_LITRES * 100))
        self.temperature += (ambient - self.temperature) * 0.002


@dataclass(slots=True)
class Machine:
    """One machine of the line. `speed` is bottles a minute; `count` grows by whole bottles."""

    speed: float = 0.0
    made: float = 0.0
    state: MachineState = MachineState.STOPPED

    @property
    def count(self) -> int:
        return int(self.made)

    def step(self, target: float, blocked: bool, sluggish: float) -> None:
        goal = 0.0 if blocked else target
        self.speed += (goal - self.speed) * min(1.0, STEP / sluggish)
        if self.speed < 1.0 and goal == 0.0:
            self.speed = 0.0
        self.made += self.speed / 60 * STEP
        if blocked:
            self.state = MachineState.BLOCKED
        elif goal == 0.0:
            self.state = MachineState.STOPPED
        else:
            self.state = MachineState.RUNNING if self.speed > 0.9 * goal else MachineState.STARTING


@dataclass(slots=True)
class Door:
    """`strike` is the command; the contact follows it as a person's hand would."""

    strike: bool = False
    open: bool = False
    _changed: float = 0.0

    def step(self, now: float) -> None:
        if self.strike == self.open:
            self._changed = now
            return
        if now - self._changed >= (DOOR_OPENS_AFTER if self.strike else DOOR_CLOSES_AFTER) - STEP / 2:
            self.open = self.strike
            self._changed = now


@dataclass(slots=True)
class BottlingLine:
    """All state of the line. Commands are its plain fields (`run`, `speed_setpoint`, `doors[0].strike` ...)."""

    run: bool = True
    emergency_stop: bool = False
    alarm_test: bool = False
    tank_a_fill: bool = False
    speed_setpoint: float = 180.0
    temperature_setpoint: float = 68.0
    recipe: int = 3
    batch: int = 1204
    product: str = "Spring Water 0.5"
    tank_a: Tank = field(default_factory=lambda: Tank(62.0, 18.5, 14.0))
    tank_b: Tank = field(default_factory=lambda: Tank(47.0, 21.0, 12.0))
    filler: Machine = field(default_factory=Machine)
    capper: Machine = field(default_factory=Machine)
    labeller: Machine = field(default_factory=Machine)
    doors: tuple[Door, Door] = field(default_factory=lambda: (Door(), Door()))
    mixer_temperature: float = 64.0
    energy: float = 0.0
    seconds: float = 0.0
    _last: float | None = None

    def advance(self, now: float) -> None:
        """Bring the line to `now` (seconds of any steady clock)."""
        if self._last is None:
            self._last = now
        steps = int((now - self._last) / STEP + 1e-6)
        if steps > MAX_STEPS:
            self._last = now - MAX_STEPS * STEP
            steps = MAX_STEPS
        for _ in range(steps):
            self._last += STEP
            self._step()

    def _step(self) -> None:
        self.seconds += STEP
        if self.tank_a_fill:
            self.tank_a.valve_open, self.tank_a_fill = True, False
        target = self.speed_setpoint * (1 + 0.015 * self.wave(7.0)) if self.running else 0.0
        starved = self.running and (self.tank_a.level < 2.0 or self.tank_b.level < 2.0)
        self.filler.step(target, starved, 4.0)
        self.capper.step(self.filler.speed, False, 1.5)
        self.labeller.step(self.capper.speed, False, 1.5)
        drawn = self.filler.speed / 60 * STEP * _FILL_LITRES
        self.tank_a.step(drawn, 18.0)
        self.tank_b.step(drawn * 0.8, 21.5)
        goal = self.temperature_setpoint if self.running else 20.0
        self.mixer_temperature += (goal - self.mixer_temperature) * STEP / 40
        self.energy += self.power * STEP / 3_600
        for door in self.doors:
            door.step(self.seconds)

    def wave(self, period: float, phase: float = 0.0) -> float:
        """A number between -1 and 1 that never quite repeats."""
        at = self.seconds / period + phase
        return 0.6 * math.sin(2 * math.pi * at) + 0.4 * math.sin(2 * math.pi * at * 2.7 + 1)

    @property
    def running(self) -> bool:
        return self.run and not self.emergency_stop

    @property
    def rejects(self) -> int:
        return self.labeller.count // _REJECT_EVERY

    @property
    def low_level(self) -> bool:
        return self.tank_a.level <= _LOW_LEVEL or self.tank_b.level <= _LOW_LEVEL

    @property
    def alarm(self) -> bool:
        """The common alarm bit."""
        return self.alarm_test or self.emergency_stop or self.filler.state is MachineState.BLOCKED

    @property
    def power(self) -> float:
        """Kilowatts."""
        return 3.2 + self.filler.speed * 0.062 + (8.0 + self.wave(11.0) if self.running else 0.0)

    @property
    def status_word(self) -> int:
        """Bit 0 running, 1 alarm, 2 emergency stop, 3 low level, 4 and 5 doors 1 and 2 open."""
        bits = (
            self.running,
            self.alarm,
            self.emergency_stop,
            self.low_level,
            self.doors[0].open,
            self.doors[1].open,
        )
        return sum(bit << index for index, bit in enumerate(bits))
