"""Pictures of holders: one file each in `DIR/state/pictures`, named by a hash of the holder's id."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from plantgate.errors import StorageError
from plantgate.runtime.files import private_folder, write_atomic
from plantgate.runtime.worker import Worker

_FOLDER: Final = "pictures"


class Pictures:
    """Implements `HolderPictures`. What a picture is, and how large, its callers have judged."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "state" / _FOLDER
        self._worker = Worker("pictures")
        self._names: set[str] = set()

    async def start(self) -> None:
        """Look which there are. A folder that can't be read has none."""
        self._names = await self._worker.run(self._listed)

    async def stop(self) -> None:
        await self._worker.close()

    def has(self, holder_id: str) -> bool:
        return _name(holder_id) in self._names

    async def read(self, holder_id: str) -> bytes | None:
        return await self._worker.run(self._read, _name(holder_id)) if self.has(holder_id) else None

    async def write(self, holder_id: str, picture: bytes) -> None:
        name = _name(holder_id)
        await self._worker.run(self._write, name, picture)
        self._names.add(name)

    async def remove(self, holder_id: str) -> None:
        name = _name(holder_id)
        if name in self._names:
            await self._worker.run(self._remove, name)
            self._names.discard(name)

    def _listed(self) -> set[str]:
        try:
            return {entry.name for entry in self._folder.iterdir() if not entry.name.startswith(".")}
        except OSError:
            return set()

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failed("read", error) from error

    def _write(self, name: str, picture: bytes) -> None:
        try:
            private_folder(self._folder.parent)
            private_folder(self._folder)
            write_atomic(self._folder / name, picture, private=True)
        except OSError as error:
            raise _failed("stored", error) from error

    def _remove(self, name: str) -> None:
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _failed("removed", error) from error


def _name(holder_id: str) -> str:
    """Ids are free text; file names are not."""
    return hashlib.sha256(holder_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _failed(what: str, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        "ACC-240", f"the picture can't be {what}: {reason}", "check the data directory's disk and rights"
    )
