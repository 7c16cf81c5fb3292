from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from plantgate.errors import StorageError, Unavailable
from plantgate.limits import LEFTOVER_SECONDS
from plantgate.runtime.files import private_folder, remove_leftovers, write_atomic
from plantgate.runtime.lockfile import LockFile

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
def test_a_failure_before_the_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "gateway.xml"
    write_atomic(file, b"old")

    def fail(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif step == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    data = "no bytes" if step == "write" else b"new"
    with pytest.raises(TypeError if step == "write" else OSError):
        write_atomic(file, data)  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["gateway.xml"]  # noqa: PTH208 - the hidden ones too


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1_000 + b"\r\n\n"
    write_atomic(tmp_path / "f", data)
    write_atomic(tmp_path / "f", data + b"2")
    assert (tmp_path / "f").read_bytes() == data + b"2"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


@posix
@pytest.mark.usefixtures("usual_umask")
def test_the_mode_of_the_old_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "plantgate.toml"
    write_atomic(file, b"1")
    assert file.stat().st_mode & 0o777 == 0o644
    for mode in (0o600, 0o640, 0o664):
        file.chmod(mode)
        write_atomic(file, b"2")
        assert file.stat().st_mode & 0o777 == mode


@posix
def test_the_umask_of_a_hardened_service_is_respected(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomic(tmp_path / "f", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600


@posix
@pytest.mark.usefixtures("usual_umask")
def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(b"public")
    modes: list[int] = []
    real = os.fsync

    def look(descriptor: int) -> None:
        modes.append(os.fstat(descriptor).st_mode & 0o777)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    write_atomic(file, b"secret", private=True)
    assert modes[0] == 0o600
    assert file.stat().st_mode & 0o777 == 0o600


def test_one_holder_per_data_directory(tmp_path: Path) -> None:
    path = tmp_path / "state" / "gateway.lock"
    first = LockFile(path)
    with pytest.raises(Unavailable) as caught:
        LockFile(path)
    assert f"pid {os.getpid()}" in caught.value.message
    assert str(tmp_path) in caught.value.message
    first.release()
    first.release()
    again = LockFile(path)
    assert path.read_text(encoding="ascii") == f"{os.getpid()}\n"
    again.release()
    assert path.read_text(encoding="ascii") == ""


def test_a_data_directory_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="can't be written") as caught:
        LockFile.of(tmp_path)
    assert caught.value.hint


def test_the_lock_is_held_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / "gateway.lock").symlink_to(full)
    monkeypatch.setattr("plantgate.runtime.lockfile._lock", lambda _: None)
    LockFile(tmp_path / "gateway.lock").release()


@posix
def test_a_private_folder_is_its_owners_alone_and_what_was_there_stays_as_it_is(tmp_path: Path) -> None:
    private_folder(tmp_path / "data" / "state")
    assert (tmp_path / "data" / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data").stat().st_mode & 0o777 != 0o700, "only the last one is private"
    (tmp_path / "theirs").mkdir(mode=0o755)
    private_folder(tmp_path / "theirs")
    assert (tmp_path / "theirs").stat().st_mode & 0o777 == 0o755


# what a killed write leaves


def _leftover(file: Path, age: float, text: str = "0123abcd") -> Path:
    """A temporary file of `file` as a killed `write_atomic` leaves it, so many seconds old."""
    left = file.with_name(f".{file.name}.{text}")
    left.write_bytes(b"half")
    then = file.stat().st_mtime - age
    os.utime(left, (then, then))
    return left


def test_what_a_killed_write_left_goes_with_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "gateway.xml"
    file.write_bytes(b"old")
    old, young = _leftover(file, LEFTOVER_SECONDS + 60), _leftover(file, LEFTOVER_SECONDS / 2, "deadbeef")
    others = [
        _leftover(tmp_path / "gateway.xml", 10 * LEFTOVER_SECONDS, text)
        for text in ("0123ABCD", "0123abc", "0123abcde", "backup", "0123abcd.bak")
    ]
    (tmp_path / "plantgate.toml").write_bytes(b"")
    others.append(_leftover(tmp_path / "plantgate.toml", 10 * LEFTOVER_SECONDS))
    write_atomic(file, b"new")
    assert not old.exists()
    assert young.exists(), "somebody may be writing it"
    assert all(each.exists() for each in others), "not ours, or of another file"


@posix
def test_what_somebody_still_writes_stays_however_old(tmp_path: Path) -> None:
    import fcntl

    file = tmp_path / "gateway.xml"
    file.write_bytes(b"old")
    left = _leftover(file, 10 * LEFTOVER_SECONDS)
    now = file.stat().st_mtime
    with left.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        remove_leftovers(file, now)
        assert left.exists()
    remove_leftovers(file, now)
    assert not left.exists()


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere" / "gateway.xml", 0)


# links and owners


@posix
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path, *, dangling: bool) -> None:
    (tmp_path / "real").mkdir()
    file, real = tmp_path / "gateway.xml", tmp_path / "real" / "theirs.xml"
    file.symlink_to(Path("real") / "theirs.xml")
    if not dangling:
        real.write_bytes(b"old")
    write_atomic(file, b"new")
    assert file.is_symlink()
    assert real.read_bytes() == b"new"
    assert [each.name for each in real.parent.iterdir()] == ["theirs.xml"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_the_old_file_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "gateway.xml"
    file.write_bytes(b"old")
    file.chmod(0o600)
    os.chown(file, 12_345, 23_456)
    write_atomic(file, b"new")
    now = file.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (12_345, 23_456, 0o600)


@posix
def test_a_file_whose_owner_can_not_be_kept_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.xml"
    file.write_bytes(b"old")
    real = Path.stat

    def of_another(path: Path, **more: bool) -> os.stat_result:
        found = list(real(path, **more))
        if path == file:
            found[4] = 12_345
        return os.stat_result(found)

    def forbidden(*_: object) -> NoReturn:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "stat", of_another)
    monkeypatch.setattr(os, "chown", forbidden)
    with pytest.raises(PermissionError):
        write_atomic(file, b"new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["gateway.xml"]  # noqa: PTH208 - the hidden ones too
