"""What a client writes: whole values or none, who may, through the gate, and what the audit says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plantgate.listeners.modbus_server import answers
from plantgate.model.command import Outcome, Verdict, WriteTag
from plantgate.model.quality import Quality
from plantgate.model.value import DataType
from plantgate.runtime import log
from tests.conftest import Eventually
from tests.listeners.modbus_server.plant import client, device_tag, plant, row, tag


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Callable[[], list[str]]]:
    file = tmp_path / "wrapper.log"
    log.configure(file, console=False)
    yield lambda: [line for line in file.read_text(encoding="utf-8").split("\n") if " I [audit " in line]
    log.close()


async def test_every_write_function() -> None:
    names = ["C1", "C2", "C3", "HR1", "HRF2", "HR4.0", "HR4.3", "HRS5:4"]
    async with plant(names) as it, client(it.port) as other:
        assert await other.ask("05 0000 FF00") == "05 00 00 FF 00"
        assert it.value("C1") is True
        assert await other.ask("0F 0000 0003 01 06") == "0F 00 00 00 03"
        assert [it.value(f"C{number}") for number in (1, 2, 3)] == [False, True, True]
        assert await other.ask("06 0000 FFFE") == "06 00 00 FF FE"
        assert it.value("HR1") == -2
        assert await other.ask("10 0000 0003 06 0007 3FC00000") == "10 00 00 00 03"
        assert (it.value("HR1"), it.value("HRF2")) == (7, 1.5)
        assert await other.ask("10 0004 0002 04 61620000") == "10 00 04 00 02"
        assert it.value("HRS5:4") == "ab"
        assert await other.ask("06 0003 0009") == "06 00 03 00 09"
        assert (it.value("HR4.0"), it.value("HR4.3")) == (True, True)
        assert await other.ask("17 0000 0003 0001 0002 04 40000000") == "17 06 00 07 40 00 00 00"
        assert it.value("HRF2") == 2.0
        assert it.details["writes"] == 11
        assert it.details["writes_refused"] == 0


async def test_masks() -> None:
    async with plant(["HR1", "HR2.0", "HR2.3", "HRF3"]) as it, client(it.port) as other:
        assert await other.ask("16 0000 00F2 0025") == "96 04", "there is nothing yet to mask"
        it.put("HR1", 0x12)
        # The example of the specification, 6.16: 12 becomes 17.
        assert await other.ask("16 0000 00F2 0025") == "16 00 00 00 F2 00 25"
        assert it.value("HR1") == 0x17
        it.put("HR2.0", value=False)
        assert await other.ask("16 0001 FFF7 0008") == "16 00 01 FF F7 00 08"
        assert (it.value("HR2.0"), it.value("HR2.3")) == (False, True), "the other bit is not touched"
        assert it.gate.commands[Outcome.DONE] == 2
        assert await other.ask("16 0002 FFFF 0000") == "96 02", "a part of a value"


@pytest.mark.parametrize(
    ("pdu", "answer"),
    [
        ("06 0001 3FC0", "86 02"),  # half of a float
        ("10 0000 0002 04 00073FC0", "90 02"),  # a number and half of the float
        ("10 0002 0001 02 0000", "90 02"),  # the other half
        ("10 0001 0003 06 3FC000000000", "90 02"),  # and one that is not there
        ("06 0063 0001", "86 02"),
        ("05 0000 FF00", "85 02"),
        ("06 0004 0001", "86 02"),  # its entry is not writable
        ("06 0005 ABCD", "86 03"),  # no BCD
        ("05 0000 0001", "85 03"),
        ("10 0000 0001 03 000700", "90 03"),
        ("17 0000 0001 0001 0001 02 3FC0", "97 02"),
        ("17 0063 0001 0000 0001 02 0001", "97 02"),  # what can't be read is not written either
        ("16 0063 0000 0000", "96 02"),
    ],
)
async def test_what_can_not_be_written_as_a_whole_is_not_written_at_all(pdu: str, answer: str) -> None:
    rows = [row("HR1"), row("HRF2"), row("HR5", writable=False), row("HRBCD6")]
    async with plant(rows) as it, client(it.port) as other:
        assert await other.ask(pdu) == answer
        assert sum(it.gate.commands.values()) == 0
        assert it.value("HR1") is None


async def test_the_place_of_a_quality_can_not_be_written() -> None:
    async with plant([row("HR1", quality="HR9")]) as it, client(it.port) as other:
        assert await other.ask("06 0008 00C0") == "86 02"


@pytest.mark.parametrize("pdu", ["05 0000 FF00", "06 0000 0001", "0F 0000 0001 01 01", "10 0000 0001 02 0001",
                                 "16 0000 0000 0001", "17 0000 0001 0000 0001 02 0001"])  # fmt: skip
@pytest.mark.parametrize("settings", [{"writable": False}, {"writers": ("10.0.0.0/8", "::1")}], ids=str)
async def test_read_only_is_no_such_function(pdu: str, settings: dict[str, Any]) -> None:
    async with plant(["HR1", "C1"], **settings) as it, client(it.port) as other:
        assert await other.ask(pdu) == f"{int(pdu[:2], 16) | 0x80:02X} 01"
        assert sum(it.gate.commands.values()) == 0
        assert it.details["writes_refused"] == 1


async def test_writers_are_named_by_network() -> None:
    async with plant(["HR1"], clients=("127.0.0.0/8",), writers=("127.0.0.1",)) as it, client(it.port) as other:
        assert await other.ask("06 0000 0001") == "06 00 00 00 01"


async def test_the_audit_names_the_client(audit: Callable[[], list[str]]) -> None:
    tags = [tag("HR1"), tag("HR2", writable=False)]
    async with plant([row("HR1"), row("HR2")], tags=tags) as it, client(it.port) as other:
        assert await other.ask("06 0000 0005") == "06 00 00 00 05"
        assert await other.ask("06 0001 0005") == "86 04"
    done, refused = audit()
    assert "actor=modbus:127.0.0.1 address=127.0.0.1" in done
    assert 'command="write [default]T/HR1 = 5" outcome=done' in done
    assert "outcome=refused" in refused
    assert "is not writable" in refused


async def test_a_value_that_the_tag_can_not_hold_is_refused_by_the_gate() -> None:
    async with plant(["HRUS1"], tags=[tag("HRUS1", data_type=DataType.INT2)]) as it, client(it.port) as other:
        assert await other.ask("06 0000 FFFF") == "86 04"
        assert it.value("HRUS1") is None


async def test_of_several_tags_none_is_written_after_one_that_failed() -> None:
    tags = [tag("HR1"), tag("HR2", writable=False), tag("HR3")]
    async with plant(["HR1", "HR2", "HR3"], tags=tags) as it, client(it.port) as other:
        assert await other.ask("10 0000 0003 06 000100020003") == "90 04"
        assert (it.value("HR1"), it.value("HR2"), it.value("HR3")) == (1, None, None)
        assert it.details["writes"] == 1


async def test_a_device_is_asked_and_may_fail() -> None:
    async with plant(["HR1"], tags=[device_tag("HR1")]) as it, client(it.port) as other:
        assert await other.ask("06 0000 0005") == "06 00 00 00 05"
        assert it.device.asked == [WriteTag("[default]T/HR1", 5)]
        it.device.verdict = Verdict(Outcome.FAILED, "MB-301", "no answer")
        assert await other.ask("06 0000 0006") == "86 04"


async def test_a_slow_write_holds_up_its_own_client_only(eventually: Eventually) -> None:
    async with plant(["HR1", "HR2"], tags=[device_tag("HR1"), tag("HR2")]) as it:
        it.put("HR2", 2)
        it.device.free.clear()
        async with client(it.port) as writer, client(it.port) as reader:
            first = writer.request(bytes.fromhex("0300010001"))
            slow = writer.request(bytes.fromhex("0600000005"))
            after = writer.request(bytes.fromhex("0300010001"))
            assert (await writer.frame())[0] == first, "what was asked before does not wait"
            await eventually(lambda: it.device.asked)
            assert await reader.ask("03 0001 0001") == "03 02 00 02"
            it.device.free.set()
            assert [(await writer.frame())[0] for _ in range(2)] == [slow, after]


async def test_a_write_without_end_is_given_up_and_said(
    monkeypatch: pytest.MonkeyPatch, audit: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(answers, "MODBUS_SERVER_WRITE_SECONDS", 0.05)
    async with plant(["HR1"], tags=[device_tag("HR1")]) as it, client(it.port) as other:
        it.device.free.clear()
        assert await other.ask("06 0000 0005") == "86 04"
        assert "outcome=failed" in audit()[0]
        assert "it may have been carried out" in audit()[0]


async def test_a_stop_does_not_wait_for_a_write(eventually: Eventually) -> None:
    async with plant(["HR1"], tags=[device_tag("HR1")]) as it, client(it.port) as other:
        it.device.free.clear()
        other.request(bytes.fromhex("0600000005"))
        await eventually(lambda: it.device.asked)
        async with asyncio.timeout(5):
            await it.listener.stop()
        assert await other.is_closed()
        assert it.gate.commands[Outcome.FAILED] == 1


async def test_a_write_is_read_back_by_others() -> None:
    async with plant(["HRF1"]) as it, client(it.port) as one, client(it.port) as two:
        it.put("HRF1", None, Quality.BAD_STALE)
        assert await one.ask("10 0000 0002 04 3FC00000") == "10 00 00 00 02"
        assert await two.ask("03 0000 0002") == "03 04 3F C0 00 00"
