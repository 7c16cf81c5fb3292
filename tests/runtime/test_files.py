from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from plantgate.errors import StorageError, Unavailable
from plantgate.runtime.files import private_folder, write_atomic
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
    LockFile(path).release()


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
