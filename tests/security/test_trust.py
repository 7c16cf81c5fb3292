"""Trust of a running gateway: judged off the loop, followed live, changes told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from plantgate.errors import StorageError
from plantgate.model.command import Origin
from plantgate.runtime.clock import ManualClock
from plantgate.security.trust import Trust
from plantgate.security.trust_folders import Folder, TrustFolders
from plantgate.security.trust_judge import Peer
from tests.security.pki import NOW, URI, make, make_authority

BY = Origin("ada", "192.0.2.9")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


@pytest_asyncio.fixture
async def trust(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Trust]:
    opened = Trust(tmp_path, clock)
    await opened.open()
    yield opened
    await opened.close()


def _rejected(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "pki/rejected/opcua").iterdir())


async def test_who_knocks_is_kept_and_can_be_accepted(
    trust: Trust, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = make()
    for _ in range(2):
        verdict = await trust.judge(made.der, application_uri=URI, address="192.0.2.1")
        assert (verdict.status, verdict.code) == ("BadCertificateUntrusted", "CRT-205")
    assert len(_rejected(tmp_path)) == 1
    told = [record.getMessage() for record in caplog.records if "unknown certificate" in record.getMessage()]
    assert len(told) == 1
    assert "address=192.0.2.1" in told[0]
    assert "plantgate trust accept" in told[0]
    await trust.accept(made.fingerprint[:12], BY)
    assert (await trust.judge(made.der, application_uri=URI)).trusted
    await trust.reject(made.fingerprint[:12], BY)
    assert not (await trust.judge(made.der, application_uri=URI)).trusted
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "certificate accepted actor=ada address=192.0.2.9" in text
    assert "certificate rejected actor=ada" in text
    assert "a certificate is no longer trusted" in text


async def test_only_what_accepting_could_cure_is_kept(trust: Trust, tmp_path: Path) -> None:
    authority = make_authority()
    assert (await trust.judge(b"garbage")).status == "BadCertificateInvalid"
    forged = make("device", authority, signer=make_authority("thief").key)
    assert not (await trust.judge([forged.der, authority.der])).trusted
    assert _rejected(tmp_path) == []
    assert (await trust.judge(make("device", authority).der)).status == "BadCertificateChainIncomplete"
    assert len(_rejected(tmp_path)) == 1


async def test_what_is_put_there_by_hand_counts_at_the_next_attempt(
    trust: Trust, tmp_path: Path, clock: ManualClock
) -> None:
    changed: list[int] = []
    trust.watch(lambda: changed.append(trust.revision))
    made = make()
    assert not (await trust.judge(made.der)).trusted
    TrustFolders(tmp_path, clock).accept(made.fingerprint)
    await clock.advance(0.2)
    assert (await trust.judge(made.der)).trusted
    assert changed == [1]
    for file in (tmp_path / "pki/trusted/opcua").iterdir():
        file.unlink()
    assert (await trust.judge(made.der)).trusted  # until the next look
    task = asyncio.ensure_future(trust.run())  # noqa: TID251 - cancelled below
    try:
        while not clock.sleepers:
            await asyncio.sleep(0)
        await clock.advance(2)
        while len(changed) < 2:
            await asyncio.sleep(0.001)
    finally:
        task.cancel()
    assert not (await trust.judge(made.der)).trusted
    assert changed == [1, 2]


async def test_a_client_judges_a_server(trust: Trust, tmp_path: Path) -> None:
    made = make()
    (tmp_path / "pki/trusted/opcua/server.pem").write_bytes(made.pem)
    await trust.follow()
    good = await trust.judge(made.der, peer=Peer.SERVER, host="host", application_uri=URI)
    assert good.trusted
    elsewhere = await trust.judge(made.der, peer=Peer.SERVER, host="elsewhere", application_uri=URI)
    assert elsewhere.status == "BadCertificateHostNameInvalid"


async def test_a_full_disk_does_not_change_the_verdict(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> bool:
        raise StorageError("CRT-101", "no space left on device")

    monkeypatch.setattr(TrustFolders, "keep_rejected", full)
    assert (await trust.judge(make().der)).status == "BadCertificateUntrusted"
    assert "no space left" in caplog.text


async def test_what_is_in_the_folders(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "pki/trusted/opcua/a.der").write_bytes(make().der)
    (tmp_path / "pki/crl/opcua/b.crl").write_bytes(b"garbage")
    found = {(entry.folder, entry.file.name, bool(entry.problem)) for entry in await trust.entries()}
    assert found == {(Folder.TRUSTED, "a.der", False), (Folder.REVOCATIONS, "b.crl", True)}
