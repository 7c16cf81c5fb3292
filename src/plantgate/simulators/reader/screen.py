"""The reader's front as a picture on a terminal: LEDs, buzzer, the last card and command, the connection, counters.

Colour only repeats what a word says beside it, so that it reads the same without (NO_COLOR, a colour-blind person).
"""

from __future__ import annotations

from collections import deque
from typing import IO, TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from plantgate.runtime.clock import Clock
from plantgate.runtime.log import printable
from plantgate.simulators.reader.events import as_text, picture
from plantgate.simulators.reader.rude import HEALTHY
from plantgate.simulators.reader.setup import in_words
from plantgate.simulators.reader.ui import Lamp

if TYPE_CHECKING:
    from plantgate.simulators.reader.main import ReaderSimulator

_FRAME_SECONDS = 0.1
_EVENTS = 6
_WIDTH = 96
_LINE_CHARS = 400


def can_draw(output: IO[str]) -> bool:
    """Whether `output` is a terminal on which lines can be redrawn."""
    console = Console(file=output)
    return console.is_terminal and not console.is_dumb_terminal


class Screen:
    """What is drawn. `report` takes the simulator's events, `draw` redraws in place until it is cancelled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: deque[str] = deque(maxlen=_EVENTS)

    def report(self, event: dict[str, Any]) -> None:
        self._events.append(printable(as_text(event), _LINE_CHARS))

    async def draw(self, simulator: ReaderSimulator, output: IO[str]) -> None:
        """Redraw ten times a second: what has an end must be seen to end. Leaves the last picture."""
        console = Console(file=output)
        with Live(self.picture(simulator), console=console, auto_refresh=False, transient=False) as live:
            while True:
                await self._clock.sleep(_FRAME_SECONDS)
                live.update(self.picture(simulator), refresh=True)

    def picture(self, simulator: ReaderSimulator) -> Group:
        """Everything at this moment."""
        device = simulator.device
        look = device.front.look(self._clock.mono())
        lamps = Table.grid(expand=True)
        for _ in look.lamps:
            lamps.add_column(justify="center", ratio=1)
        lamps.add_row(*(_lamp(number, lamp) for number, lamp in enumerate(look.lamps, 1)))
        sound = Text(
            f"buzzer: {'BEEP' if look.buzzer else 'silent'}{'' if device.front.volume else ' (muted)'}",
            "bold" if look.buzzer else "",
        )
        playing = Text(f"plays: {look.name or 'nothing'}")
        title = f"badge reader, {in_words(device.registers)}"
        front = Panel(Group(lamps, Text(), playing, sound), title=title, box=box.ROUNDED, width=_WIDTH)
        lines = (Text(line, overflow="ellipsis", no_wrap=True) for line in self._events)
        return Group(front, _facts(simulator), *lines)


def _facts(simulator: ReaderSimulator) -> Table:
    device, command = simulator.device, simulator.device.last_command
    facts = {
        "listens": _where(simulator),
        "host": simulator.server.peer or "none",
        "manners": device.manners.rude or HEALTHY,
        "cards on it": ", ".join(device.held) or "none",
        "last card": device.last_card or "none",
        "last command": "none" if command is None else f"{command['raw']}: {picture(command)}",
        "counters": f"{device.sent} sent, {device.dropped} dropped, {device.commands} commands",
    }
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(name, "dim"), Text(printable(value), overflow="ellipsis", no_wrap=True))
    return table


def _where(simulator: ReaderSimulator) -> str:
    server = simulator.server
    places = [f"TCP {server.port}"] if server.listening else []
    if server.udp:
        places.append(f"UDP {server.port}, sends to {server.udp}")
    if not places:
        places.append(server.silence or "port closed")
    if simulator.control_port is not None:
        places.append(f"control 127.0.0.1:{simulator.control_port}")
    return ", ".join(places)


def _lamp(number: int, lamp: Lamp) -> Text:
    """A shape, a number, and the words: `(*) LED 1` over `green, on`."""
    lit = bool(lamp.colour)
    words = f"{lamp.colour}, {lamp.word}" if lit else lamp.word
    return Text(f"{'(*)' if lit else '( )'} LED {number}\n{words}", f"bold {lamp.colour}" if lit else "dim")
