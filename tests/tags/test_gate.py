from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plantgate.errors import Refused, Unavailable
from plantgate.model.command import (
    DONE,
    Command,
    DriveReader,
    Origin,
    Outcome,
    ReaderAction,
    SignalReader,
    Verdict,
    WriteTag,
)
from plantgate.model.quality import Quality
from plantgate.model.tag import TagDefinition, TagKind
from plantgate.model.value import DataType
from plantgate.runtime import log
from plantgate.runtime.clock import ManualClock
from plantgate.tags.gate import Gate
from plantgate.tags.tree import TagTree

ADA = Origin("ada", "10.0.0.9:4711", may_write=True)
GUEST = Origin("guest", "10.0.0.8:4711")


class Target:
    def __init__(self, answer: Verdict | BaseException = DONE) -> None:
        self.answer = answer
        self.commands: list[Command] = []

    async def execute(self, command: Command) -> Verdict:
        self.commands.append(command)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def tree() -> TagTree:
    device = TagKind.DEVICE
    return TagTree(
        [
            TagDefinition("[default]Strike", DataType.BOOLEAN, device, "PLC1", "C1", writable=True),
            TagDefinition("[default]Level", DataType.FLOAT4, device, "PLC1", "HRF1"),
            TagDefinition("[default]Memory", DataType.INT2, writable=True),
            TagDefinition("[default]Gone", DataType.INT2, device, "PLC9", "HR1", writable=True),
        ],
        ManualClock(),
    )


@pytest.fixture
def gate(tree: TagTree) -> Gate:
    return Gate(tree, ManualClock())


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    file = tmp_path / "wrapper.log"
    log.configure(file, console=False)
    yield lambda: [line for line in file.read_text(encoding="utf-8").split("\n") if " I [audit " in line]
    log.close()


@pytest.mark.parametrize(
    ("command", "origin", "code"),
    [
        (WriteTag("Strike", True), GUEST, "CMD-101"),
        (SignalReader("gate", ReaderAction.WINK), GUEST, "CMD-101"),
        (WriteTag("No/Such", 1), GUEST, "CMD-101"),  # rights first: who may not write learns nothing
        (SignalReader("gate", ReaderAction.ACCEPT), ADA, "CMD-102"),
        (WriteTag("No/Such", 1), ADA, "CMD-103"),
        (WriteTag("Level", 1.0), ADA, "CMD-104"),
        (WriteTag("Strike", "on"), ADA, "CMD-105"),
        (WriteTag("Memory", 10**5_000), ADA, "CMD-105"),
        (WriteTag("Gone", 1), ADA, "CMD-106"),
        (WriteTag("x\n" * 500_000, "\x1b" * 1_000_000), ADA, "CMD-103"),
    ],
)
async def test_every_refusal_has_its_code_and_its_audit_line(
    gate: Gate, tree: TagTree, audit: Callable[[], list[str]], command: Command, origin: Origin, code: str
) -> None:
    plc = Target()
    gate.add_device("PLC1", plc)
    verdict = await gate.submit(command, origin)
    assert (verdict.outcome, verdict.code) == (Outcome.REFUSED, code)
    assert verdict.message.isprintable()
    assert len(verdict.message) < 400
    assert plc.commands == []
    assert tree.changes == 0
    (line,) = audit()
    assert f"actor={origin.actor} address={origin.address} " in line
    assert "outcome=refused" in line
    assert len(line) < 1_500
    assert gate.commands[Outcome.REFUSED] == 1


async def test_a_write_goes_to_the_owner_coerced_and_with_its_full_path(
    gate: Gate, audit: Callable[[], list[str]]
) -> None:
    plc, other = Target(), Target()
    gate.add_device("PLC1", plc)
    gate.add_device("PLC2", other)
    assert (await gate.submit(WriteTag("Strike", 1), ADA)).done
    (sent,) = plc.commands
    assert isinstance(sent, WriteTag)
    assert (sent.path, sent.value) == ("[default]Strike", True)
    assert sent.value is True
    assert other.commands == []
    (line,) = audit()
    assert 'command="write Strike = 1" outcome=done reason=-' in line


async def test_a_reader_is_signalled(gate: Gate, audit: Callable[[], list[str]]) -> None:
    reader = Target()
    gate.add_reader("gate", reader)
    command = SignalReader("gate", ReaderAction.DENY)
    assert (await gate.submit(command, ADA)).done
    assert reader.commands == [command]
    assert 'command="reader gate deny" outcome=done' in audit()[0]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (DriveReader("gate", seq=0x0E), "reader gate SEQ=0E"),
        (DriveReader("gate", leds=b"\x92\x00\x92\x00", buzz=100), "reader gate LEDS=92009200 BUZZ=100ms"),
        (DriveReader("gate", leds=b"\xff" * 100_000), "reader gate LEDS=FFFFFFFFFFFFFFFF"),
        (DriveReader("gate"), "reader gate nothing"),
        (DriveReader("gate", seq=10**5_000, buzz=10**5_000), "reader gate SEQ=? BUZZ=?"),
    ],
)
async def test_a_reader_is_driven(gate: Gate, audit: Callable[[], list[str]], command: DriveReader, shown: str) -> None:
    """Whether the values can be meant is the reader's to say."""
    reader = Target()
    gate.add_reader("gate", reader)
    assert (await gate.submit(command, ADA)).done
    assert reader.commands == [command]
    assert f'command="{shown}" outcome=done' in audit()[0]
    assert (await gate.submit(command, GUEST)).code == "CMD-101"
    assert (await gate.submit(DriveReader("nobody", seq=1), ADA)).code == "CMD-102"


async def test_a_memory_tag_is_written_at_once(gate: Gate, tree: TagTree) -> None:
    assert (await gate.submit(WriteTag("Memory", 5.0), ADA)).done
    value = tree.read(2)
    assert (value.value, value.quality) == (5, Quality.GOOD)
    assert type(value.value) is int


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(Refused("MB-301", "read only"), Outcome.REFUSED), (Unavailable("MB-101", "no answer"), Outcome.FAILED)],
)
async def test_what_the_owner_raises_becomes_a_verdict(
    gate: Gate, audit: Callable[[], list[str]], error: Refused | Unavailable, outcome: Outcome
) -> None:
    gate.add_device("PLC1", Target(error))
    verdict = await gate.submit(WriteTag("Strike", True), ADA)
    assert (verdict.outcome, verdict.code, verdict.message) == (outcome, error.code, error.message)
    assert f"outcome={outcome}" in audit()[0]


async def test_a_command_whose_caller_gave_up_is_in_the_audit(gate: Gate, audit: Callable[[], list[str]]) -> None:
    sent = asyncio.Event()

    class Slow:
        async def execute(self, command: Command) -> Verdict:
            sent.set()
            await asyncio.Event().wait()
            return DONE

    gate.add_device("PLC1", Slow())
    task = asyncio.get_running_loop().create_task(gate.submit(WriteTag("Strike", True), ADA))
    await sent.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    (line,) = audit()
    assert "outcome=failed" in line
    assert "may have been carried out" in line


async def test_a_defect_of_the_owner_is_in_the_audit_and_is_raised(gate: Gate, audit: Callable[[], list[str]]) -> None:
    gate.add_device("PLC1", Target(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await gate.submit(WriteTag("Strike", True), ADA)
    assert "outcome=failed" in audit()[0]
    assert gate.commands[Outcome.FAILED] == 1


async def test_a_path_can_not_forge_its_outcome(gate: Gate, audit: Callable[[], list[str]]) -> None:
    await gate.submit(WriteTag('x" outcome=done reason=-\nINFO   | plantgate |', 1), ADA)
    (line,) = audit()
    bare = re.sub(r'"[^"]*"', '""', line)
    assert bare.endswith(': command actor=ada address=10.0.0.9:4711 command="" outcome=refused reason=""')


class Permits:
    """`WritePermits`: Memory needs a badge of Grace's, which is good once."""

    def __init__(self) -> None:
        self.shown = False

    def problem(self, path: str, origin: Origin) -> str | None:
        if path != "[default]Memory":
            return None
        if not self.shown:
            return f"{path} needs an accepted badge of setters"
        self.shown = False
        return None

    def permitted_by(self, path: str, origin: Origin) -> str:
        return "Grace \x1b[2J" if self.shown and path == "[default]Memory" else ""


async def test_a_tag_that_needs_a_badge(gate: Gate, tree: TagTree, audit: Callable[[], list[str]]) -> None:
    gate.add_device("PLC1", Target())
    permits = gate.permits = Permits()
    refused = await gate.submit(WriteTag("Memory", 5), ADA)
    assert refused == Verdict(Outcome.REFUSED, "CMD-108", "[default]Memory needs an accepted badge of setters")
    assert tree.read(2).value is None
    assert (await gate.submit(WriteTag("Strike", True), ADA)).done, "the others need none"
    permits.shown = True
    assert (await gate.submit(WriteTag("Memory", "no number"), ADA)).code == "CMD-105"
    assert permits.shown, "a write that can't be meant uses nothing up"
    assert (await gate.submit(WriteTag("Memory", 5), ADA)).done
    assert tree.read(2).value == 5
    assert (await gate.submit(WriteTag("Memory", 6), ADA)).code == "CMD-108"
    lines = audit()
    assert [line.partition("permitted_by=")[2] for line in lines] == ["", "", "", '"Grace \\x1b[2J"', ""]
