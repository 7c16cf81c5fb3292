"""`plantgate reader listen`: what a badge reader says, decoded, as it comes; and accept, deny or wink in reply.

The options of the vendor's sample host mean the same here. What it lacks is here too: framing, checksums, decoded
fields, reconnection, JSON.
"""

from __future__ import annotations

import contextlib
import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from plantgate.cli.common import note, say, told

if TYPE_CHECKING:
    import logging

    from plantgate.cli.reader_connection import Conversation, Printing, Send, Target
    from plantgate.drivers.springcore.link import Link
    from plantgate.protocols.scrdr import HostEvent, LineError, ScrdrReceiver, TagEvent
    from plantgate.runtime.clock import Clock

DEFAULT_LOG = "plantgate-reader.log"
_SHOWN_CHARS = 200
_SAMPLE_CHARS = 60

AddressOption = Annotated[
    str | None,
    typer.Option("--addr", "--ip", metavar="HOST", help="Address or name of the reader.", show_default=False),
]
PortOption = Annotated[int, typer.Option(help="Port on the reader (register 0285).", min=1, max=65_535)]
WinkOption = Annotated[bool, typer.Option("--wink", help="Send wink (SEQ=0E) in reply to every card message.")]
AcceptOption = Annotated[bool, typer.Option("--accept", help="Send access granted (SEQ=60) in reply to every one.")]
DenyOption = Annotated[bool, typer.Option("--deny", help="Send access denied (SEQ=61) in reply to every one.")]
ReconnectOption = Annotated[
    bool, typer.Option("--reconnect/--no-reconnect", help="Connect again after a failure, waiting 1 to 30 s.")
]
TimeoutOption = Annotated[float | None, typer.Option(help="Leave after so many seconds.", min=0.1, show_default=False)]


class _Listen(TyperCommand):
    """`--logtofile` takes a file name or none, as the vendor's does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        full: list[str] = []
        for position, argument in enumerate(args):
            full.append(argument)
            following = args[position + 1 : position + 2]
            if argument == "--logtofile" and (not following or following[0].startswith("-")):
                full[-1] = f"--logtofile={DEFAULT_LOG}"
        return super().parse_args(ctx, full)


def register(app: typer.Typer) -> None:
    """Add `listen` to the group `reader`."""
    app.command("listen", cls=_Listen, context_settings={"help_option_names": ["-h", "--help"]})(listen)


def listen(
    addr: AddressOption = None,
    port: PortOption = 4000,
    wink: WinkOption = False,
    accept: AcceptOption = False,
    deny: DenyOption = False,
    nolog: Annotated[bool, typer.Option("--nolog", help="Print cards only, not how the connection is.")] = False,
    logtofile: Annotated[
        Path | None,
        typer.Option(
            metavar="[FILE]",
            help=f"Append everything to FILE too ({DEFAULT_LOG} if none is given).",
            show_default=False,
        ),
    ] = None,
    udp: Annotated[bool, typer.Option("--udp", help="The reader is in UDP mode (02C0 = 44).")] = False,
    local_port: Annotated[
        int | None,
        typer.Option(help="UDP: port to hear on, if not that of the reader.", min=1, max=65_535, show_default=False),
    ] = None,
    count: Annotated[int | None, typer.Option(help="Leave after so many card messages.", min=1)] = None,
    once: Annotated[bool, typer.Option("--once", help="Leave after the first card message.")] = False,
    timeout: TimeoutOption = None,
    reconnect: ReconnectOption = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line and card message.")] = False,
) -> None:
    """Show what a badge reader says, until Ctrl+C.

    The reader takes one client at a time: stop the gateway or disable this reader there first. Standard output has
    the card messages, standard error how the connection is. Exit status 1: never connected, nothing understood, or
    fewer card messages than asked for.
    """
    with told(as_json=as_json):
        from plantgate.cli.reader_connection import Printing, Target
        from plantgate.errors import Unavailable, UsageError
        from plantgate.runtime.clock import SystemClock

        if addr is None:
            raise UsageError("RDR-201", "which reader?", "give its address: --addr 192.168.1.50")
        if once and count is not None:
            raise UsageError("RDR-201", "--once and --count are two ways to say it", "keep one")
        clock, printing = SystemClock(), Printing()
        output = Output(clock, printing, as_json=as_json, quiet=nolog, logfile=logtofile)
        target = Target(addr, port, udp=udp, local_port=local_port)
        reply = reply_of(wink=wink, accept=accept, deny=deny)
        session = Session(output, target.where, reply, enough=1 if once else count)
        try:
            run(target, session, clock, printing, reconnect=reconnect, timeout=timeout)
        finally:
            output.close()
        problem = session.problem()
        if problem:
            raise Unavailable("RDR-204", problem, session.next_step)


def run(
    target: Target,
    conversation: Conversation,
    clock: Clock,
    printing: Printing,
    *,
    reconnect: bool,
    timeout: float | None,
) -> None:
    """Talk to the reader until the conversation has enough, time is up, or the person leaves."""
    import asyncio

    from plantgate.cli.reader_connection import follow, run_until_signal

    async def talk() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await follow(target, conversation, clock, reconnect=reconnect)

    run_until_signal(talk, printing)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent after each card message; `line` as it goes over the wire."""

    name: str
    line: bytes


def reply_of(*, wink: bool, accept: bool, deny: bool) -> Reply | None:
    """The reply that the options ask for. Raises UsageError for two of them."""
    from plantgate.errors import UsageError
    from plantgate.protocols.scrdr import SEQ_ACCEPT, SEQ_DENY, SEQ_WINK, ReaderCommand, encode_command, sequence_name

    wanted = [seq for seq, on in ((SEQ_WINK, wink), (SEQ_ACCEPT, accept), (SEQ_DENY, deny)) if on]
    if len(wanted) > 1:
        raise UsageError("RDR-202", "one reply to a card: --wink, --accept or --deny", "keep one of them")
    if not wanted:
        return None
    return Reply(sequence_name(wanted[0]) or "", encode_command(ReaderCommand(seq=wanted[0])))


class Output:
    """Card messages on standard output, how it goes on standard error, both in the log file if there is one."""

    def __init__(
        self,
        clock: Clock,
        printing: Printing,
        *,
        as_json: bool = False,
        quiet: bool = False,
        logfile: Path | None = None,
    ) -> None:
        self._clock = clock
        self._printing = printing
        self.as_json = as_json
        self._quiet = quiet
        self._file = None if logfile is None else _open_log(logfile)

    def answer(self, text: str, row: dict[str, Any]) -> None:
        """A card message, or a line that was refused."""
        stamp = self._clock.wall()
        if self.as_json:
            # ASCII only: a reader can put no control character of a terminal into it.
            self._print(json.dumps({"time": stamp // 1_000, **row}))
        else:
            self._print(f"{_local(stamp):%H:%M:%S}  {text}")
        self._record(stamp, text)

    def log(self, text: str) -> None:
        """How the connection is, and what was sent."""
        stamp = self._clock.wall()
        if not self._quiet:
            with self._printing():
                note(f"{_local(stamp):%H:%M:%S}  {text}")
        self._record(stamp, text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _print(self, line: str) -> None:
        with self._printing():
            say(line)

    def _record(self, stamp: int, text: str) -> None:
        if self._file is not None:
            self._file.write(f"{_local(stamp).isoformat(timespec='milliseconds')}  {text}")


class _LogFile:
    """A rotated text file; the first write that fails is told, and the last one tried."""

    def __init__(self, path: Path) -> None:
        import logging
        import logging.handlers

        from plantgate.limits import LOG_FILE_BYTES

        self._make = logging.makeLogRecord
        self._handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=LOG_FILE_BYTES, backupCount=1, encoding="utf-8"
        )
        self._handler.handleError = self._failed  # type: ignore[method-assign]
        self._path = path
        self._broken = False

    def write(self, line: str) -> None:
        if not self._broken:
            self._handler.emit(self._make({"msg": line}))

    def close(self) -> None:
        self._handler.close()

    def _failed(self, record: logging.LogRecord) -> None:
        self._broken = True
        note(f"warning: {self._path} can't be written any more")


def _open_log(path: Path) -> _LogFile:
    from plantgate.errors import StorageError

    try:
        return _LogFile(path)
    except OSError as error:
        raise StorageError(
            "RDR-203", f"{path} can't be written ({error.strerror})", "give another --logtofile"
        ) from None


def _local(stamp: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(stamp / 1e6).astimezone()


class Session:
    """Decodes what comes, shows it, replies. `enough` card messages end it."""

    def __init__(self, output: Output, where: str, reply: Reply | None = None, *, enough: int | None = None) -> None:
        self.output = output
        self._where = where
        self._reply = reply
        self._enough = enough
        self._receiver: ScrdrReceiver | None = None
        self._connected = False
        self._said_hint = False
        self.cards = 0
        self.refused = 0
        self._understood = False
        self._link: Link | None = None

    def problem(self) -> str:
        """Why this was not a success; empty if it was."""
        if not self._connected:
            return f"never connected: {self._link.reason}" if self._link and self._link.reason else "never connected"
        if self._enough is not None and self.cards < self._enough:
            return f"{self.cards} of {self._enough} card messages came"
        if self.refused and not self._understood:
            return f"nothing that the reader sent was a $SCRDR message ({self.refused} lines were refused)"
        return ""

    @property
    def next_step(self) -> str:
        return self._link.next_step if self._link is not None else ""

    def state(self, link: Link) -> None:
        from plantgate.drivers.springcore.link import LinkState

        self._link = link
        self._connected = self._connected or link.up
        detail = f": {link.reason}" if link.reason else f" to {self._where}"
        if link.state is LinkState.CONNECTING:
            detail += ", Ctrl+C leaves"
        self.output.log(f"{link.state.value}{detail}")
        if link.next_step:
            self.output.log(f"  next: {link.next_step}")

    def opened(self) -> None:
        from plantgate.protocols.scrdr import ScrdrReceiver

        self._receiver = ScrdrReceiver()

    def received(self, data: bytes, send: Send) -> bool:
        assert self._receiver is not None
        if any(self._event(event, send) for event in self._receiver.feed(data)):
            return True
        if not self._understood and self._receiver.pending and not data.lstrip().startswith(b"$"):
            self._hint("it begins with no $")  # another language may never end a line
        return False

    def ended(self, how: str) -> None:
        assert self._receiver is not None
        if how != "left" or not self._understood:
            for event in self._receiver.finish():
                self._event(event, None)

    def _event(self, event: HostEvent, send: Send | None) -> bool:
        from plantgate.protocols.scrdr import ChecksumLocked, Hello, LineError

        if isinstance(event, LineError):
            self._refuse(event)
            return False
        self._understood = True
        if isinstance(event, Hello):
            self.output.log("hello of the reader")
            return False
        if isinstance(event, ChecksumLocked):
            which = "between $ and *" if event.reading.value == "exclusive" else "$ and * included"
            self.output.log(f"checksum: {event.reading.value} reading ({which})")
            return False
        self._card(event, send)
        return self._enough is not None and self.cards >= self._enough

    def _card(self, event: TagEvent, send: Send | None) -> None:
        from plantgate.protocols.scrdr.capture import row

        self.cards += 1
        self.output.answer(card_line(event), row(event))
        if self._reply is not None and send is not None:
            self._answer(self._reply, send)

    def _answer(self, reply: Reply, send: Send) -> None:
        from plantgate.errors import Overload, Unavailable

        try:
            send(reply.line)
        except (Unavailable, Overload, OSError) as error:
            self.output.log(f"NOT sent: {reply.line.decode('ascii').rstrip()} ({error})")
        else:
            self.output.log(f"sent {reply.line.decode('ascii').rstrip()} ({reply.name})")

    def _refuse(self, event: LineError) -> None:
        from plantgate.protocols.scrdr.capture import row
        from plantgate.runtime.log import printable

        self.refused += 1
        sample = printable(event.sample, _SAMPLE_CHARS)
        self.output.answer(f"refused: {event.reason} [{event.code.value}]: {sample}", row(event))
        if not self._understood:
            self._hint(event.reason)

    def _hint(self, detail: str) -> None:
        """Once, while nothing was understood."""
        from plantgate.drivers.springcore.link import CONNECTED, other_language

        if not self._said_hint:
            self._said_hint = True
            link = other_language(CONNECTED, detail)
            self.output.log(f"{link.reason}\n  next: {link.next_step}")


def card_line(event: TagEvent) -> str:
    """A card message on one line, every field with its name: nothing in it can be taken for another line."""
    from plantgate.protocols.scrdr import interface_name, protocol_name
    from plantgate.protocols.scrdr.capture import data_kind, move_word
    from plantgate.runtime.log import printable

    parts = [
        f"card {printable(event.tag_id, _SHOWN_CHARS) or '(no id)'}",
        move_word(event),
        f"{interface_name(event.interface)} {protocol_name(event.interface, event.protocol)}".strip(),
        f"template {event.template}" if event.template else "",
        f"rssi {event.rssi}" if event.rssi else "",
        f"data {event.tag_data} ({data_kind(event.tag_data)})" if event.tag_data else "",
        f"details {event.tag_details}" if event.tag_details else "",
        "(ambiguous: more than eight fields)" if event.ambiguous else "",
        "(bytes outside ASCII)" if event.non_ascii else "",
    ]
    return "  ".join(printable(part, _SHOWN_CHARS) for part in parts if part)
