"""`plantgate reader capture` and `replay`: a conversation with a reader as a text file, taken and played again."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import EXIT_PROBLEM, note, say, told
from plantgate.cli.reader_listen import (
    AcceptOption,
    DenyOption,
    PortOption,
    ReconnectOption,
    TimeoutOption,
    WinkOption,
    card_line,
    reply_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plantgate.cli.reader_connection import Send, Target
    from plantgate.cli.reader_listen import Session
    from plantgate.drivers.springcore.link import Link
    from plantgate.protocols.scrdr import HostEvent
    from plantgate.protocols.scrdr.capture import Entry, Kind
    from plantgate.runtime.clock import Clock


def register(app: typer.Typer) -> None:
    """Add `capture` and `replay` to the group `reader`."""
    app.command("capture")(capture)
    app.command("replay")(replay)


def capture(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; replaced if it is there.")],
    addr: Annotated[
        str, typer.Option("--addr", "--ip", metavar="HOST", help="Address or name of the reader.", show_default=False)
    ],
    port: PortOption = 4000,
    wink: WinkOption = False,
    accept: AcceptOption = False,
    deny: DenyOption = False,
    count: Annotated[int | None, typer.Option(help="Leave after so many card messages.", min=1)] = None,
    timeout: TimeoutOption = None,
    reconnect: ReconnectOption = True,
) -> None:
    """Write what a reader and this host say to each other into FILE, until Ctrl+C.

    The file is written as a whole at the end, and whenever the reader ends a connection. At 16 MiB it is full.
    """
    with told():
        from plantgate.cli.reader_connection import Printing, Target
        from plantgate.cli.reader_listen import Output, Session, run
        from plantgate.errors import Unavailable
        from plantgate.runtime.clock import SystemClock

        clock, printing = SystemClock(), Printing()
        target = Target(addr, port)
        session = Session(
            Output(clock, printing), target.where, reply_of(wink=wink, accept=accept, deny=deny), enough=count
        )
        recorder = Recorder(session, file, target, clock)
        recorder.save()  # a file that can't be written is told before the reader is asked
        try:
            run(target, recorder, clock, printing, reconnect=reconnect, timeout=timeout)
        finally:
            recorder.save()
        note(f"{file}: {session.cards} card messages, {session.refused} lines refused{recorder.remark}")
        problem = session.problem()
        if problem:
            raise Unavailable("RDR-401", problem, session.next_step)


class Recorder:
    """Between the connection and a session that shows it: keeps what goes both ways, within CAPTURE_BYTES of text."""

    def __init__(self, session: Session, file: Path, target: Target, clock: Clock) -> None:
        from plantgate.protocols.scrdr.capture import header

        began = datetime.datetime.fromtimestamp(clock.wall() // 1_000_000, datetime.UTC)
        self._session = session
        self.output = session.output
        self._file = file
        self._clock = clock
        self._began = clock.mono_ns()
        self._lines = [header(f"reader {target.where}", f"began {began:%Y-%m-%d %H:%M:%S} UTC")]
        self._size = len(self._lines[0])
        self._full = False

    @property
    def remark(self) -> str:
        return ", the rest did not fit" if self._full else ""

    def state(self, link: Link) -> None:
        self._session.state(link)

    def opened(self) -> None:
        from plantgate.protocols.scrdr.capture import Kind

        self._add(Kind.OPEN)
        self._session.opened()

    def received(self, data: bytes, send: Send) -> bool:
        from plantgate.protocols.scrdr.capture import Kind

        def recorded(line: bytes) -> None:
            send(line)
            self._add(Kind.HOST, line)

        self._add(Kind.READER, data)
        return self._session.received(data, recorded) or self._full

    def ended(self, how: str) -> None:
        from plantgate.protocols.scrdr.capture import Kind

        self._add(Kind(how))
        self._session.ended(how)
        self.save()

    def save(self) -> None:
        """Raises StorageError."""
        from plantgate.errors import StorageError
        from plantgate.runtime.files import write_atomic

        try:
            write_atomic(self._file, "".join(self._lines).encode("ascii"))
        except OSError as error:
            raise StorageError("RDR-402", f"{self._file} can't be written ({error.strerror})") from None

    def _add(self, kind: Kind, data: bytes = b"") -> None:
        from plantgate.limits import CAPTURE_BYTES
        from plantgate.protocols.scrdr.capture import Entry, format_entry

        text = format_entry(Entry((self._clock.mono_ns() - self._began) // 1_000, kind, data))
        if self._full or self._size + len(text) > CAPTURE_BYTES:
            self._full = True
            return
        self._lines.append(text)
        self._size += len(text)


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture.")],
    check: Annotated[
        bool, typer.Option("--check", help="Do not be a reader: decode FILE and print what it says.")
    ] = False,
    expect: Annotated[
        Path | None,
        typer.Option(metavar="EVENTS", help="With --check: exit status 1 unless EVENTS says the same."),
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port to be the reader on; 0 picks one.", min=0, max=65_535)] = 4000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    speed: Annotated[float, typer.Option(help="2: twice as fast; 0: no waiting at all.", min=0, max=1_000_000)] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin anew after the last connection, until Ctrl+C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Be the reader of a capture: each host that connects gets the next connection of FILE.

    With --check decode it instead: one event a line, and with --expect the events are compared to a file of them (made
    by --check --json).
    """
    with told(as_json=as_json):
        entries = _load(file)
        if check:
            differs = _check(entries, expect, as_json=as_json)
        else:
            differs = False
            _serve(entries, host, port, speed, loop=loop, as_json=as_json)
    if differs:
        raise typer.Exit(EXIT_PROBLEM)


def _load(path: Path) -> list[Entry]:
    from plantgate.limits import CAPTURE_BYTES
    from plantgate.protocols.scrdr.capture import parse_capture

    return parse_capture(_text(path, CAPTURE_BYTES), str(path))


def _text(path: Path, limit: int) -> str:
    from plantgate.errors import ConfigError

    try:
        with path.open("rb") as file:
            return file.read(limit + 1).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError("RDR-403", f"{path} can't be read ({error.strerror})", "check the name") from None


def _check(entries: Sequence[Entry], expect: Path | None, *, as_json: bool) -> bool:
    """Prints the events; True if they are not the expected ones."""
    from plantgate.limits import CAPTURE_BYTES
    from plantgate.protocols.scrdr.capture import decode, row

    events = list(decode(entries))
    lines = [json.dumps({"at": at / 1e6, **row(event)}) for at, event in events]
    if expect is None:
        for line, (at, event) in zip(lines, events, strict=True):
            say(line if as_json else f"{at / 1e6:.6f}  {_words(event)}")
        return False
    wanted = [line for line in _text(expect, 8 * CAPTURE_BYTES).splitlines() if line.strip()]
    for number, (line, want) in enumerate(zip(lines, wanted, strict=False), 1):
        if _plain(line) != _plain(want):
            say(f"event {number} differs:\n- {want}\n+ {line}")
            return True
    if len(lines) != len(wanted):
        say(f"{len(lines)} events where {len(wanted)} were expected")
        return True
    say(f"{len(lines)} events as expected")
    return False


def _plain(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line


def _words(event: HostEvent) -> str:
    from plantgate.protocols.scrdr import ChecksumLocked, Hello, LineError
    from plantgate.runtime.log import printable

    if isinstance(event, Hello):
        return "hello"
    if isinstance(event, ChecksumLocked):
        return f"checksum: {event.reading.value} reading"
    if isinstance(event, LineError):
        return f"refused: {event.reason} [{event.code.value}]: {printable(event.sample)}"
    return card_line(event)


def _serve(entries: Sequence[Entry], host: str, port: int, speed: float, *, loop: bool, as_json: bool) -> None:
    from plantgate.cli.reader_connection import Printing, run_until_signal
    from plantgate.cli.reader_replay import Replay
    from plantgate.runtime.clock import SystemClock

    printing = Printing()

    def report(event: dict[str, Any]) -> None:
        with printing():
            say(json.dumps(event) if as_json else "  ".join(str(value) for value in event.values()))

    player = Replay(entries, SystemClock(), report, speed=speed, loop=loop)
    run_until_signal(lambda: player.run(host, port), printing)
