"""A day at a reader, as a text file.

    # who comes when
    card ada   047DAE02C84080
    card badge 0123456789AB interface=bluetooth rssi=C4

    07:55:00        present ada
    07:56 ~30s      present 047C7B02C44080|04C16802C84080     # one of them, within 30 s of that time
    +10s            hold ada for 3s
    +5m             rude garbage for 20s
    12:00           reboot

A line is a time, perhaps `~` and how far it may be off, an action, and what the action is about:

| action    | about                                                                     |
|-----------|---------------------------------------------------------------------------|
| `present` | a card: a name, or its id with `field=value` pairs; several with a bar: one of them |
| `hold`    | a card; `for 3s`: and remove it again                                       |
| `remove`  | a card, or `all`                                                            |
| `rude`    | a rude device or `healthy`; `for 20s`: and be healthy again                 |
| `drop`    | nothing, or `reset`: end the connection                                     |
| `vanish`, `reboot` | nothing                                                            |

A time is that of a day (`7:55`, `07:55:00`, `07:55:00.5`) or a step from the line before (`+10s`, `+5m`, `+1h`,
`+1m30s`). The first line's time is when the script begins; a day goes forward only. Quotes hold text with blanks
together: `data="Line 1"`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from plantgate.errors import ConfigError, PlantgateError, UsageError
from plantgate.limits import SIMULATOR_SCRIPT_BYTES
from plantgate.runtime.clock import Clock
from plantgate.simulators.reader.card import Card, card_of
from plantgate.simulators.reader.events import Report
from plantgate.simulators.reader.rude import HEALTHY, rude_named

if TYPE_CHECKING:
    from plantgate.simulators.reader.main import ReaderSimulator

_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\Z")
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?\Z")
_DAY = 86_400.0
_LISTED_ERRORS = 50
_ACTIONS = ("present", "hold", "remove", "rude", "drop", "vanish", "reboot")
_SYNTAX = "TIME ACTION ...: 07:55 present 047DAE02C84080"


class ScriptErrors(ConfigError):  # noqa: N818 - a list of errors is not an error more
    """Everything that is wrong with a script; `errors` has each line's."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        if len(self.errors) == 1:
            super().__init__(first.code, first.message, first.hint)
        else:
            super().__init__("SIM-900", "\n".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happens, `at` seconds after the script began. `cards`: one of them is taken."""

    at: float
    action: str
    cards: tuple[Card, ...] = ()
    word: str = ""
    off_by: float = 0.0
    line: int = 0


def read_script(path: Path) -> list[Entry]:
    """Raises ConfigError, with each bad line as `file:line`."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(SIMULATOR_SCRIPT_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("SIM-901", f"{path}: can't be read ({error})", "see docs/reader-simulator.md") from None
    return parse_script(text, str(path))


def parse_script(text: str, source: str = "script") -> list[Entry]:
    """The entries in their order of time. Raises ConfigError."""
    if len(text) > SIMULATOR_SCRIPT_BYTES:
        raise ConfigError("SIM-901", f"{source}: more than {SIMULATOR_SCRIPT_BYTES} characters: no script of a day")
    reading = _Reading()
    errors: list[ConfigError] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        try:
            reading.take(line, number)
        except PlantgateError as error:
            errors.append(ConfigError("SIM-902", f"{source}:{number}: {error.message}", error.hint))
    if len(errors) > _LISTED_ERRORS:
        more = len(errors) - _LISTED_ERRORS
        errors[_LISTED_ERRORS:] = [ConfigError("SIM-902", f"{source}: and {more} more bad lines")]
    if errors:
        raise ScriptErrors(errors)
    if not reading.entries:
        raise ConfigError("SIM-903", f"{source}: nothing happens in this script", _SYNTAX)
    return sorted(reading.entries, key=lambda entry: entry.at)


class _Reading:
    """What is known while a script is read line by line. Its errors say what is wrong, not where."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._names: dict[str, Card] = {}
        self._start: float | None = None
        self._now = 0.0
        self._wall = False

    def take(self, line: str, number: int) -> None:
        words = _words(line)
        if not words:
            return
        if words[0] == "card":
            self._name(words[1:])
            return
        at = self._time(words[0])
        rest = words[1:]
        off_by = 0.0
        if rest and rest[0].startswith("~"):
            off_by = _duration(rest.pop(0)[1:])
        if not rest:
            raise _wrong("what happens then?", _SYNTAX)
        action, about = rest[0], rest[1:]
        if action not in _ACTIONS:
            raise _wrong(f"{action[:40]!r} is no action", f"one of {', '.join(_ACTIONS)}")
        about, lasting = _lasting(action, about)
        cards, word = self._about(action, about)
        self._now = at
        self.entries.append(Entry(at, action, cards, word, off_by, number))
        if lasting is not None:
            if len(cards) > 1:
                raise _wrong("'for' needs one card: which of several was taken is not known", "hold ada for 3s")
            undone = ("remove", cards, "") if action == "hold" else ("rude", (), HEALTHY)
            self.entries.append(Entry(at + lasting, *undone, off_by, number))

    def _time(self, word: str) -> float:
        """Seconds since the script began."""
        if word.startswith("+"):
            return self._now + _duration(word[1:])
        match = _TIME.match(word)
        if match is None:
            raise _wrong(f"{word[:40]!r} is no time", "07:55, 07:55:30, or +10s from the line before")
        seconds = int(match[1]) * 3_600 + int(match[2]) * 60 + float(match[3] or 0)
        if int(match[2]) > 59 or float(match[3] or 0) >= 60 or seconds >= _DAY:
            raise _wrong(f"{word} is no time of a day", "00:00 to 23:59:59")
        if self._start is None:
            # Steps that came before it happen before it.
            self._start = seconds - self._now
        at = seconds - self._start
        if at < self._now:
            raise _wrong(f"{word} is before the line above", "a day goes forward: order the lines by time")
        return at

    def _name(self, words: list[str]) -> None:
        if len(words) < 2:
            raise _wrong("a card has a name and an id", "card ada 047DAE02C84080")
        if words[0] in self._names or words[0] == "all":
            raise _wrong(f"the name {words[0][:40]!r} is taken")
        self._names[words[0]] = _card(words[1:])

    def _about(self, action: str, about: list[str]) -> tuple[tuple[Card, ...], str]:
        if action in ("vanish", "reboot"):
            _nothing(action, about)
        if action == "drop":
            _nothing(action, [word for word in about if word != "reset"])
            return (), "reset" if about else ""
        if action == "rude":
            rude_named(about[0] if len(about) == 1 else "")
            return (), about[0]
        if action in ("present", "hold", "remove"):
            if not about:
                raise _wrong("which card?", f"{action} 047DAE02C84080")
            if about == ["all"] and action == "remove":
                return (), "all"
            return tuple(self._card([one, *about[1:]]) for one in about[0].split("|")), ""
        return (), ""

    def _card(self, words: list[str]) -> Card:
        named = self._names.get(words[0])
        if named is not None:
            _nothing(f"the card {words[0]!r}", words[1:])
            return named
        return _card(words)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True, posix=True)
    except ValueError as error:
        raise _wrong(f"a quote is not closed ({error})") from None


def _card(words: list[str]) -> Card:
    values = {"uid": words[0]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise _wrong(f"{word[:40]!r} is no field of a card", "field=value: interface=bluetooth")
        values[name] = value
    return card_of(values)


def _lasting(action: str, about: list[str]) -> tuple[list[str], float | None]:
    if "for" not in about:
        return about, None
    place = about.index("for")
    if action not in ("hold", "rude") or len(about) != place + 2:
        raise _wrong("'for' comes last, after hold or rude", "hold ada for 3s")
    return about[:place], _duration(about[place + 1])


def _nothing(what: str, words: list[str]) -> None:
    if words:
        raise _wrong(f"{what} takes no {words[0][:40]!r}")


def _duration(text: str) -> float:
    match = _DURATION.match(text)
    if match is None:
        raise _wrong(f"{text[:40]!r} is no duration", "10s, 2.5s, 5m, 1h, 1m30s")
    return int(match[1] or 0) * 3_600 + int(match[2] or 0) * 60 + float(match[3] or 0)


def _wrong(what: str, hint: str = "") -> UsageError:
    return UsageError("SIM-904", what, hint)


def settle(entries: Sequence[Entry], seed: int | None) -> list[Entry]:
    """Chance decided: each entry at its own time with at most one card, in order. The same seed gives the same day."""
    random = Random(seed)  # noqa: S311 - a day that can be had again
    settled = []
    for entry in entries:
        at = max(0.0, entry.at + entry.off_by * (2.0 * random.random() - 1.0)) if entry.off_by else entry.at
        cards = (random.choice(entry.cards),) if len(entry.cards) > 1 else entry.cards
        settled.append(Entry(at, entry.action, cards, entry.word, 0.0, entry.line))
    return sorted(settled, key=lambda entry: entry.at)


async def replay(
    simulator: ReaderSimulator, entries: Sequence[Entry], clock: Clock, report: Report, *, speed: float = 1.0
) -> None:
    """Have it all happen, `speed` times as fast. Reports `script` for each line, and `script ended`."""
    began = clock.mono()
    for entry in entries:
        await clock.sleep_until(began + entry.at / speed)
        uid = entry.cards[0].uid if entry.cards else None
        report({"event": "script", "line": entry.line, "action": entry.action, "uid": uid, "what": entry.word or None})
        try:
            _act(simulator, entry)
        except PlantgateError as error:  # a card that can't be told in this mode: the day goes on
            report({"event": "script", "line": entry.line, "error": error.message, "code": error.code})
    report({"event": "script ended", "entries": len(entries)})


def _act(simulator: ReaderSimulator, entry: Entry) -> None:
    device, server = simulator.device, simulator.server
    actions: dict[str, Callable[[], object]] = {
        "drop": lambda: server.drop(reset=entry.word == "reset"),
        "vanish": server.vanish,
        "reboot": server.reboot,
        "rude": lambda: device.manners.become(rude_named(entry.word)),
        "present": lambda: device.tap(entry.cards[0]),
        "hold": lambda: device.hold(entry.cards[0]),
        "remove": lambda: device.remove(entry.cards[0].uid) if entry.cards else device.remove_all(),
    }
    actions[entry.action]()
