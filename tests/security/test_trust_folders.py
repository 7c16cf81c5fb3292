from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from plantgate.errors import Refused, StorageError, UsageError
from plantgate.limits import TRUST_FILE_BYTES, TRUST_REJECTED, TRUST_REJECTED_PER_MINUTE
from plantgate.runtime.clock import ManualClock
from plantgate.security import trust_folders as module
from plantgate.security.trust_folders import Folder, TrustFolders
from plantgate.security.trust_judge import judge
from plantgate.security.trust_read import Certificate, read_certificate
from tests.security.pki import NOW, make, make_authority, revocations


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


@pytest.fixture
def folders(tmp_path: Path, clock: ManualClock) -> TrustFolders:
    made = TrustFolders(tmp_path, clock)
    made.create()
    return made


def _put(folders: TrustFolders, folder: Folder, name: str, content: bytes) -> Path:
    file = folders.path(folder) / name
    file.write_bytes(content)
    return file


def test_where_they_are(folders: TrustFolders, tmp_path: Path) -> None:
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("pki/*/*")} == {
        "pki/trusted/opcua",
        "pki/issuers/opcua",
        "pki/crl/opcua",
        "pki/rejected/opcua",
    }
    assert not folders.refresh()


def test_files_of_any_form_are_picked_up_when_they_change(folders: TrustFolders) -> None:
    one, two, authority = make("one"), make("two"), make_authority()
    file = _put(folders, Folder.TRUSTED, "a.pem", one.pem + two.pem)
    _put(folders, Folder.ISSUERS, "ca.crt", authority.der)
    _put(folders, Folder.REVOCATIONS, "list.crl", revocations(authority, one.certificate))
    assert folders.refresh()
    assert set(folders.lists.trusted) == {one.fingerprint, two.fingerprint}
    assert set(folders.lists.issuers) == {authority.fingerprint}
    assert [len(each.serials) for each in folders.lists.revocations] == [1]
    assert not folders.refresh()
    file.write_bytes(two.pem)
    assert folders.refresh()
    assert set(folders.lists.trusted) == {two.fingerprint}
    file.unlink()
    assert folders.refresh()
    assert not folders.lists.trusted
    _put(folders, Folder.REVOCATIONS, "list.crl", revocations(authority, one.certificate, two.certificate))
    assert folders.refresh()
    assert [len(each.serials) for each in folders.lists.revocations] == [2]


def test_a_file_that_did_not_change_is_not_read_again(folders: TrustFolders, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(folders, Folder.TRUSTED, "a.der", make().der)
    assert folders.refresh()
    monkeypatch.setattr(module, "_content", lambda *_: pytest.fail("it was read again"))
    assert not folders.refresh()


def test_what_can_not_be_used_is_named_and_harms_nothing_else(
    folders: TrustFolders, caplog: pytest.LogCaptureFixture
) -> None:
    good = make()
    _put(folders, Folder.TRUSTED, "good.der", good.der)
    _put(folders, Folder.TRUSTED, "garbage.der", b"garbage")
    _put(folders, Folder.TRUSTED, "empty.der", b"")
    _put(folders, Folder.TRUSTED, "huge.der", bytes(TRUST_FILE_BYTES + 1))
    _put(folders, Folder.TRUSTED, "half.pem", b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----")
    _put(folders, Folder.TRUSTED, "key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    _put(folders, Folder.TRUSTED, "notes.txt", b"ask grace")
    _put(folders, Folder.TRUSTED, ".good.der.0a1b2c3d", make("half written").der)
    _put(folders, Folder.REVOCATIONS, "list.crl", good.der)
    (folders.path(Folder.TRUSTED) / "folder.der").mkdir()
    assert folders.refresh()
    assert set(folders.lists.trusted) == {good.fingerprint}
    problems = {entry.file.name: entry.problem for entry in folders.entries() if entry.problem}
    assert set(problems) == {"garbage.der", "empty.der", "huge.der", "half.pem", "key.pem", "list.crl"}
    assert sum("can't be used" in record.getMessage() for record in caplog.records) == len(problems)
    folders.refresh()
    assert sum("can't be used" in record.getMessage() for record in caplog.records) == len(problems)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(folders: TrustFolders) -> None:
    os.mkfifo(folders.path(Folder.TRUSTED) / "pipe.der")
    assert not folders.refresh()


def test_of_very_many_files_the_first_are_read(
    folders: TrustFolders, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TRUST_FILES", 3)
    for number in range(6):
        _put(folders, Folder.TRUSTED, f"{number}.der", make(f"{number}").der)
    folders.refresh()
    folders.refresh()
    assert len(folders.lists.trusted) == 3
    assert sum("only 3" in record.getMessage() for record in caplog.records) == 1
    monkeypatch.undo()
    folders.refresh()
    assert len(folders.lists.trusted) == 6
    _put(folders, Folder.TRUSTED, "bundle.pem", b"".join(make(f"b{number}").pem for number in range(5)))
    monkeypatch.setattr(module, "TRUST_FILES", 8)
    folders.refresh()
    assert len(folders.lists.trusted) == 8


def test_the_rejected_become_trusted_and_back(folders: TrustFolders, clock: ManualClock) -> None:
    made = make("UaExpert@host: line 1")
    assert folders.keep_rejected(read_certificate(made.der))
    assert not folders.keep_rejected(read_certificate(made.der))
    (file,) = folders.path(Folder.REJECTED).iterdir()
    assert file.name == f"UaExpert@host_line_1-{made.fingerprint}.der"
    folders.refresh()
    assert not judge(folders.lists, made.der, clock.wall()).trusted
    entry = folders.accept(made.fingerprint[:8].upper())
    assert entry.file.read_bytes() == made.der
    assert not list(folders.path(Folder.REJECTED).iterdir())
    assert folders.refresh()
    assert judge(folders.lists, made.der, clock.wall()).trusted
    shown = ":".join(made.fingerprint[place : place + 2] for place in range(0, 64, 2))
    folders.reject(shown)
    assert folders.refresh()
    assert not judge(folders.lists, made.der, clock.wall()).trusted
    assert [path.name for path in folders.path(Folder.REJECTED).iterdir()] == [file.name]


def test_a_certificate_in_two_files_is_rejected_from_both_and_one_in_a_bundle_by_hand(folders: TrustFolders) -> None:
    made, other = make("one"), make("two")
    _put(folders, Folder.TRUSTED, "a.der", made.der)
    _put(folders, Folder.TRUSTED, "b.pem", made.pem)
    bundle = _put(folders, Folder.TRUSTED, "c.pem", made.pem + other.pem)
    with pytest.raises(Refused, match="CRT-104"):
        folders.reject(made.fingerprint)
    bundle.unlink()
    folders.reject(made.fingerprint)
    folders.refresh()
    assert not folders.lists.trusted


@pytest.mark.parametrize("wanted", ["", "ab", "zzzzzzzz", "../../etc/passwd", "0" * 64])
def test_fingerprints_that_name_nothing(folders: TrustFolders, wanted: str) -> None:
    folders.keep_rejected(read_certificate(make().der))
    with pytest.raises(UsageError, match="CRT-102"):
        folders.accept(wanted)


def test_an_authority_is_trusted_only_if_it_is_meant(folders: TrustFolders) -> None:
    authority = read_certificate(make_authority().der)
    with pytest.raises(Refused, match="CRT-103"):
        folders.add(authority, authority=False)
    folders.add(authority, authority=True)
    folders.keep_rejected(authority)
    with pytest.raises(Refused, match="CRT-103"):
        folders.accept(authority.fingerprint)
    folders.refresh()
    assert set(folders.lists.trusted) == {authority.fingerprint}


def test_the_rejected_are_bounded_in_number_and_in_time(folders: TrustFolders, clock: ManualClock) -> None:
    kept = []
    for number in range(TRUST_REJECTED_PER_MINUTE + 10):
        made = read_certificate(make(f"knocks {number}").der)
        kept.append(folders.keep_rejected(made))
    assert kept.count(True) == TRUST_REJECTED_PER_MINUTE
    for _ in range(2):
        clock._mono += 60
        for number in range(TRUST_REJECTED_PER_MINUTE):
            folders.keep_rejected(read_certificate(make(f"again {number}").der))
    files = list(folders.path(Folder.REJECTED).iterdir())
    assert len(files) == TRUST_REJECTED
    assert not any("knocks_0-" in file.name for file in files)


@pytest.mark.parametrize("name", ["CON", "../../../evil", "", "x" * 64, "ä/ö\\ü:*?", "-rf", "..", "a\x00b"])
def test_file_names_are_safe_everywhere(folders: TrustFolders, name: str) -> None:
    made: Certificate = read_certificate(make(name or "?").der)
    folders.keep_rejected(made)
    (file,) = folders.path(Folder.REJECTED).iterdir()
    assert file.name.endswith(f"-{made.fingerprint}.der")
    stem = file.name.removesuffix(f"-{made.fingerprint}.der")
    assert 0 < len(stem) <= 40
    assert all(char.isascii() and (char.isalnum() or char in "@_-") for char in stem)


def test_folders_that_can_not_be_made_are_one_of_our_errors(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "pki").write_text("a file")
    folders = TrustFolders(tmp_path, clock)
    with pytest.raises(StorageError, match="CRT-101"):
        folders.create()
    with pytest.raises(StorageError, match="CRT-101"):
        folders.keep_rejected(read_certificate(make().der))
    assert not folders.refresh()
