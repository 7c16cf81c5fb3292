"""The simulated PLC's map: one row per value. Registers, the demo's tags and `plc simulate --map` are made from it.

Addresses are Ignition's, counted from 1; what is in input registers and discrete inputs can only be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plantgate.model.tag import TagDefinition, TagKind, full_path
from plantgate.model.value import DataType
from plantgate.simulators.plc.line import BottlingLine

EXTRA_FIRST = 1_001  # `--extra-registers N` are HRUS1001 and following
_TYPES = {
    "C": DataType.BOOLEAN,
    "DI": DataType.BOOLEAN,
    "IRF": DataType.FLOAT4,
    "HRF": DataType.FLOAT4,
    "IRUI": DataType.INT8,
    "HRUS": DataType.INT4,
    "IRUS": DataType.INT4,
    "HRS": DataType.STRING,
}


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is the tag's path below `Line 1/`; `number` counts from 1; `low` and `high` bound writes too.

    `get` reads the line, `set` (writable rows only) commands it.
    """

    name: str
    designator: str
    number: int
    get: Callable[[BottlingLine], bool | int | float | str]
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    history: bool = False
    set: Callable[[BottlingLine, bool | int | float | str], None] | None = None
    length: int = 0

    @property
    def address(self) -> str:
        return f"{self.designator}{self.number}" + (f":{self.length}" if self.length else "")

    @property
    def data_type(self) -> DataType:
        return _TYPES[self.designator]

    def tag(self, device: str, folder: str) -> TagDefinition:
        return TagDefinition(
            path=full_path(f"{folder}/{self.name}"),
            data_type=self.data_type,
            kind=TagKind.DEVICE,
            device=device,
            address=self.address,
            unit=self.unit,
            description=self.meaning,
            history=self.history,
            writable=self.set is not None,
            low=self.low,
            high=self.high,
        )


def _command(path: str, convert: Callable[[bool | int | float | str], object]) -> Callable[..., None]:
    """A setter for the field at `path` of the line: `doors.0.strike`."""
    *parents, last = path.split(".")

    def command(line: BottlingLine, value: bool | int | float | str) -> None:
        target: object = line
        for part in parents:
            target = target[int(part)] if isinstance(target, tuple) else getattr(target, part)
        setattr(target, last, convert(value))

    return command


ROWS: tuple[Row, ...] = (
    # The coils are commands.
    Row("Door 1/Strike", "C", 1, lambda p: p.doors[0].strike, "Unlocks door 1 while on", history=True,
        set=_command("doors.0.strike", bool)),
    Row("Door 2/Strike", "C", 2, lambda p: p.doors[1].strike, "Unlocks door 2 while on", history=True,
        set=_command("doors.1.strike", bool)),
    Row("Run", "C", 3, lambda p: p.run, "Starts and stops the line", history=True, set=_command("run", bool)),
    Row("Emergency Stop", "C", 4, lambda p: p.emergency_stop, "Emergency stop pressed (simulated)", history=True,
        set=_command("emergency_stop", bool)),
    Row("Alarm Test", "C", 5, lambda p: p.alarm_test, "Raises the common alarm", set=_command("alarm_test", bool)),
    Row("Tank A/Fill Now", "C", 6, lambda p: p.tank_a_fill, "Opens tank A's inlet valve until it is full",
        set=_command("tank_a_fill", bool)),
    # The discrete inputs are contacts.
    Row("Door 1/Open", "DI", 1, lambda p: p.doors[0].open, "Contact of door 1", history=True),
    Row("Door 2/Open", "DI", 2, lambda p: p.doors[1].open, "Contact of door 2", history=True),
    Row("Alarm", "DI", 3, lambda p: p.alarm, "Common alarm of the line", history=True),
    Row("Low Level", "DI", 4, lambda p: p.low_level, "A tank is below 25 %", history=True),
    Row("Tank A/Inlet Valve", "DI", 5, lambda p: p.tank_a.valve_open, "Tank A is being filled", history=True),
    Row("Tank B/Inlet Valve", "DI", 6, lambda p: p.tank_b.valve_open, "Tank B is being filled", history=True),
    Row("Conveyor/Motor", "DI", 7, lambda p: p.filler.speed > 0, "The conveyor's motor turns", history=True),
    Row("Mixer/Motor", "DI", 8, lambda p: p.running, "The mixer's motor turns", history=True),
    # The input registers are measurements.
    Row("Tank A/Level", "IRF", 1, lambda p: p.tank_a.level + 0.15 * p.wave(5.0), "Level of tank A", "%", 0, 100, True),
    Row("Tank A/Temperature", "IRF", 3, lambda p: p.tank_a.temperature + 0.1 * p.wave(19.0), "Water of tank A", "°C",
        0, 60, True),
    Row("Tank B/Level", "IRF", 5, lambda p: p.tank_b.level + 0.15 * p.wave(6.0, 0.3), "Level of tank B", "%", 0, 100,
        True),
    Row("Tank B/Temperature", "IRF", 7, lambda p: p.tank_b.temperature + 0.1 * p.wave(23.0), "Syrup of tank B", "°C",
        0, 60, True),
    Row("Mixer/Temperature", "IRF", 9, lambda p: p.mixer_temperature + 0.3 * p.wave(13.0), "Product in the mixer",
        "°C", 0, 100, True),
    Row("Mixer/Pressure", "IRF", 11, lambda p: 1.0 + (2.4 + 0.08 * p.wave(3.0)) * p.running, "Mixer vessel", "bar",
        0, 6, True),
    Row("Filler/Speed", "IRF", 13, lambda p: p.filler.speed, "Bottles filled", "bpm", 0, 300, True),
    Row("Filler/Flow", "IRF", 15, lambda p: p.filler.speed * 0.5 * (1 + 0.01 * p.wave(2.0)), "Flow to the filler",
        "l/min", 0, 160, True),
    Row("Filler/Fill Volume", "IRF", 17, lambda p: 500 + 1.2 * p.wave(1.7), "Last bottle filled", "ml", 480, 520, True),
    Row("Capper/Speed", "IRF", 19, lambda p: p.capper.speed, "Bottles capped", "bpm", 0, 300, True),
    Row("Capper/Torque", "IRF", 21, lambda p: (1.8 + 0.12 * p.wave(2.3)) * (p.capper.speed > 1), "Cap closing torque",
        "Nm", 0, 4, True),
    Row("Labeller/Speed", "IRF", 23, lambda p: p.labeller.speed, "Bottles labelled", "bpm", 0, 300, True),
    Row("Conveyor/Speed", "IRF", 25, lambda p: p.filler.speed * 0.12, "Belt speed", "m/min", 0, 40, True),
    Row("Utilities/Air Pressure", "IRF", 27, lambda p: 6.4 + 0.2 * p.wave(17.0), "Compressed air", "bar", 0, 10, True),
    Row("Utilities/Power", "IRF", 29, lambda p: p.power, "Active power of the line", "kW", 0, 50, True),
    Row("Utilities/Energy", "IRF", 31, lambda p: p.energy, "Energy since start", "kWh", 0, None, True),
    Row("Filler/Bottles", "IRUI", 33, lambda p: p.filler.count, "Bottles filled since start", history=True),
    Row("Capper/Bottles", "IRUI", 35, lambda p: p.capper.count, "Bottles capped since start", history=True),
    Row("Labeller/Bottles", "IRUI", 37, lambda p: p.labeller.count, "Bottles labelled since start", history=True),
    Row("Labeller/Rejects", "IRUI", 39, lambda p: p.rejects, "Bottles rejected since start", history=True),
    Row("Filler/State", "IRUS", 41, lambda p: p.filler.state, "0 stopped, 1 starting, 2 running, 3 blocked", "", 0, 3,
        True),
    Row("Capper/State", "IRUS", 42, lambda p: p.capper.state, "0 stopped, 1 starting, 2 running, 3 blocked", "", 0, 3,
        True),
    Row("Labeller/State", "IRUS", 43, lambda p: p.labeller.state, "0 stopped, 1 starting, 2 running, 3 blocked", "",
        0, 3, True),
    Row("Status Word", "IRUS", 44, lambda p: p.status_word,
        "Bits: 0 running, 1 alarm, 2 emergency stop, 3 low level, 4 door 1, 5 door 2"),
    # The holding registers are setpoints.
    Row("Filler/Speed Setpoint", "HRF", 1, lambda p: p.speed_setpoint, "Wanted filling speed", "bpm", 0, 300, True,
        _command("speed_setpoint", float)),
    Row("Mixer/Temperature Setpoint", "HRF", 3, lambda p: p.temperature_setpoint, "Wanted product temperature", "°C",
        20, 95, True, _command("temperature_setpoint", float)),
    Row("Recipe", "HRUS", 5, lambda p: p.recipe, "Number of the recipe", "", 1, 20, True, _command("recipe", int)),
    Row("Batch", "HRUS", 6, lambda p: p.batch, "Number of the batch", "", 0, 65_535, True, _command("batch", int)),
    Row("Product", "HRS", 7, lambda p: p.product, "What is being filled", history=True,
        set=_command("product", str), length=20),
)  # fmt: skip


def demo_tags(device: str = "PLC1", folder: str = "Line 1") -> list[TagDefinition]:
    """The whole map as tag definitions: `[default]Line 1/Filler/Speed` and so on."""
    return [row.tag(device, folder) for row in ROWS]


def extra_tags(count: int, device: str = "PLC1", folder: str = "Load") -> list[TagDefinition]:
    """Tags for `--extra-registers`: `[default]Load/R00001` is HRUS1001."""
    return [
        TagDefinition(
            path=full_path(f"{folder}/R{index + 1:05d}"),
            data_type=DataType.INT4,
            kind=TagKind.DEVICE,
            device=device,
            address=f"HRUS{EXTRA_FIRST + index}",
            description="A register that changes, for load tests",
            low=0,
            high=65_535,
        )
        for index in range(count)
    ]
