"""Clock, disk, history, rights of files, sign-in links, the certificate of the data directory."""

from __future__ import annotations

import datetime
import json
import os
import shutil
from pathlib import Path

import pytest

from plantgate.ports.doctor import certificates, gateway, machine, rights
from plantgate.ports.doctor.report import Finding, Status
from plantgate.ports.doctor.subject import Printed
from plantgate.ports.probe_certificate import CertificateFacts, covers
from plantgate.runtime.clock import Clock, ManualClock, SystemClock
from plantgate.security import sign_in
from plantgate.security.certificate import server_context
from tests.ports.doctor.conftest import MakeSubject


class JumpingClock:
    """A clock that sleeps in no time, and whose wall clock moves by `jump` while it does."""

    def __init__(self, wall: int, jump: int = 0) -> None:
        self._mono, self._wall, self._jump = 1.0, wall, jump

    def mono(self) -> float:
        return self._mono

    def mono_ns(self) -> int:
        return int(self._mono * 1e9)

    def wall(self) -> int:
        return self._wall

    async def sleep(self, seconds: float) -> None:
        self._mono += seconds
        self._wall += round(seconds * 1e6) + self._jump

    async def sleep_until(self, mono: float) -> None:
        await self.sleep(mono - self._mono)


def _at(year: int, jump: int = 0) -> Clock:
    return JumpingClock(int(datetime.datetime(year, 6, 1, tzinfo=datetime.UTC).timestamp() * 1e6), jump)


async def test_the_clock(subject: MakeSubject) -> None:
    assert (await machine.clock(subject(clock=_at(2026)))).status is Status.OK
    assert (await machine.clock(subject(clock=_at(1970)))).status is Status.PROBLEM
    jumped = await machine.clock(subject(clock=_at(2026, jump=-3_600_000_000)))
    assert jumped.status is Status.WARNING
    assert "-3600.0 s" in jumped.evidence[-1]


async def test_what_the_system_says_of_its_clock(subject: MakeSubject) -> None:
    for said, status in (("yes\n", Status.OK), ("no\n", Status.WARNING), ("what?", Status.OK)):
        found = await machine.clock(subject(clock=_at(2026), run={"timedatectl": Printed(0, said)}))
        assert found.status is status, said


async def test_a_file_from_the_future(subject: MakeSubject) -> None:
    looked = subject(clock=_at(2026))
    assert looked.directory is not None
    lock = looked.directory / "state" / "gateway.lock"
    lock.parent.mkdir()
    lock.touch()
    later = looked.clock.wall() / 1e6 + 3_600
    os.utime(lock, (later, later))
    found = await machine.clock(looked)
    assert found.status is Status.WARNING
    assert "60 minutes from the future" in found.evidence[-1]


@pytest.mark.parametrize(("percent", "status"), [(79, Status.OK), (81, Status.WARNING), (96, Status.PROBLEM)])
def test_a_disk_that_fills(subject: MakeSubject, monkeypatch: pytest.MonkeyPatch, percent: int, status: Status) -> None:
    usage = type(shutil.disk_usage("."))(100 << 30, percent << 30, (100 - percent) << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = machine.disk(subject())
    assert found.status is status
    assert f"{percent} %" in found.evidence[0]


def test_history_is_measured(subject: MakeSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = subject()
    assert machine.history(looked).status is Status.NOT_CHECKED
    assert looked.directory is not None
    state = looked.directory / "state"
    state.mkdir()
    (state / "history.sqlite").write_bytes(b"x" * 1_048_576)
    (state / "history.sqlite-wal").write_bytes(b"x" * 1_048_576)
    assert "history 2.0 MiB" in machine.history(looked).evidence[0]
    with (state / "history.sqlite").open("r+b") as file:
        file.truncate(2 << 30)  # a hole: no disk is used
    usage = type(shutil.disk_usage("."))(100 << 30, 99 << 30, 1 << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert machine.history(looked).status is Status.WARNING


@pytest.mark.skipif(os.name == "nt", reason="rights of files are lists on Windows")
def test_rights_of_files(subject: MakeSubject) -> None:
    looked = subject()
    assert looked.directory is not None
    own, state = looked.directory / "pki" / "own", looked.directory / "state"
    own.mkdir(parents=True)
    state.mkdir()
    for folder in (looked.directory, own.parent, own, state):
        folder.chmod(0o755)
    (looked.directory / "plantgate.toml").chmod(0o644)
    key, history = own / "https.key.pem", state / "history.sqlite"
    for file, mode in ((key, 0o600), (history, 0o600)):
        file.touch()
        file.chmod(mode)
    assert rights.files(looked).status is Status.OK
    history.chmod(0o644)
    assert rights.files(looked).status is Status.WARNING
    state.chmod(0o700)
    assert rights.files(looked).status is Status.OK, "the folder keeps others out"
    key.chmod(0o640)
    found = rights.files(looked)
    assert found.status is Status.PROBLEM
    assert found.next_step == f"chmod go= {key}"
    key.chmod(0o600)
    (own / "https.crt.pem").touch()
    (own / "https.crt.pem").chmod(0o666)
    assert "others may change" in rights.files(looked).evidence[0]


@pytest.mark.skipif(os.name == "nt", reason="rights of files are lists on Windows")
def test_database_passwords_make_a_file_secret(subject: MakeSubject) -> None:
    looked = subject(toml='[[database]]\nname = "main"\nurl = "postgresql://ada:secret@db.example/plant"\n')
    assert looked.directory is not None
    looked.directory.chmod(0o755)
    (looked.directory / "plantgate.toml").chmod(0o644)
    found = rights.files(looked)
    assert found.status is Status.PROBLEM
    assert "plantgate.toml" in found.evidence[0]
    assert "secret@" not in str(found)


def test_sign_in_links(subject: MakeSubject) -> None:
    clock = ManualClock()
    looked = subject(clock=clock)
    assert looked.directory is not None
    assert gateway.sign_in_links(looked).status is Status.OK
    sign_in.create(looked.directory, "operator", clock)
    assert gateway.sign_in_links(looked).status is Status.OK
    sign_in.create(looked.directory, "operator", clock)
    assert gateway.sign_in_links(looked).status is Status.WARNING
    (looked.directory / "state" / "sign-in" / "old.json").write_text(json.dumps({"actor": "x", "until": 1}))
    assert "1 old or unreadable" in gateway.sign_in_links(looked).evidence[0]


async def test_our_own_certificate(subject: MakeSubject) -> None:
    looked = subject(clock=(clock := ManualClock()))
    assert looked.directory is not None
    assert (await certificates.dates(looked)).status is Status.NOT_CHECKED
    assert certificates.key_file(looked).status is Status.NOT_CHECKED
    server_context(looked.directory, clock)
    assert (await certificates.dates(looked)).status is Status.OK
    names = await certificates.names(looked)
    assert names.status is Status.OK
    assert "self-signed" in names.evidence[1]
    assert certificates.key_file(looked).status is Status.OK
    await clock.advance(800 * 86_400)
    assert (await certificates.dates(looked)).status is Status.WARNING
    await clock.advance(30 * 86_400)
    over = await certificates.dates(looked)
    assert over.status is Status.PROBLEM
    assert "ended" in over.evidence[0]


async def test_a_certificate_for_another_name(subject: MakeSubject) -> None:
    looked = subject("gateway.publicAddress.address=plant.example")
    assert looked.directory is not None
    server_context(looked.directory, SystemClock())
    found = await certificates.names(looked)
    assert found.status is Status.WARNING
    assert "missing: plant.example" in found.evidence


@pytest.mark.skipif(os.name == "nt", reason="rights of files are lists on Windows")
async def test_a_key_that_others_read_or_that_does_not_fit(subject: MakeSubject) -> None:
    looked = subject()
    assert looked.directory is not None
    server_context(looked.directory, SystemClock())
    certificate, key = certificates.own_files(looked.directory)
    key.chmod(0o644)
    assert certificates.key_file(looked).status is Status.PROBLEM
    key.write_text("no key", encoding="ascii")
    assert "can't be used together" in certificates.key_file(looked).evidence[0]
    certificate.write_text("no certificate", encoding="ascii")
    for look in (certificates.dates, certificates.names):
        found = await look(looked)
        assert found.status is Status.PROBLEM
        assert "can't be read" in found.evidence[0]


@pytest.mark.parametrize(
    ("days", "status"), [(-1, Status.PROBLEM), (3, Status.PROBLEM), (20, Status.WARNING), (100, Status.OK)]
)
def test_days_left(days: int, status: Status) -> None:
    facts = CertificateFacts("CN=a", "CN=b", days_left=days)
    assert certificates.judge_dates(facts, "renew").status is status
    later = CertificateFacts("CN=a", "CN=b", not_before="2027-01-02T00:00:00+00:00", days_left=100, days_until=5)
    found = certificates.judge_dates(later, "renew")
    assert found.status is Status.PROBLEM
    assert found.evidence == ("the certificate is valid only in 5 days (from 2027-01-02 on)",)


def test_names_with_a_star_cover_one_label() -> None:
    assert covers(("*.plant.example", "GW"), "a.plant.example")
    assert covers(("GW",), "gw")
    assert not covers(("*.plant.example",), "a.b.plant.example")
    assert not covers(("*.example",), "example")


async def test_whether_it_runs(subject: MakeSubject, tmp_path: Path) -> None:
    looked = subject("gateway.port=1", "gateway.sslport=0")
    stopped: Finding = await gateway.running(looked)
    assert stopped.status is Status.WARNING
    assert stopped.next_step.endswith(f"plantgate run --data {tmp_path / 'data'}")
    assert looked.directory is not None
    (looked.directory / "state").mkdir()
    (looked.directory / "state" / "gateway.lock").write_text(f"{os.getpid()}\n", encoding="ascii")
    assert (await gateway.running(looked)).status is Status.PROBLEM
    assert (await gateway.running(subject("gateway.port=0", "gateway.sslport=0"))).status is Status.NOT_CHECKED
