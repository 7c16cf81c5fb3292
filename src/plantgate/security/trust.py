"""Whom the running gateway trusts: `trust_folders` followed while it runs, `trust_judge` asked off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from plantgate.errors import StorageError
from plantgate.model.command import Origin
from plantgate.runtime.clock import Clock
from plantgate.runtime.log import get_logger, printable
from plantgate.runtime.worker import Worker
from plantgate.security.trust_folders import TrustEntry, TrustFolders
from plantgate.security.trust_judge import Peer, TrustLists, TrustVerdict, judge

_audit = get_logger("audit")
_log = get_logger("security.trust")

_FOLLOW_SECONDS: Final = 2.0
# What is not trusted is judged once more after a look at the folders, but not more often than this.
_LOOK_SECONDS: Final = 0.2
_CURABLE: Final = {"BadCertificateUntrusted", "BadCertificateChainIncomplete"}


class Trust:
    """`open`, then `run` in a task group, `close` at the end."""

    def __init__(self, data_dir: Path, clock: Clock, purpose: str = "opcua") -> None:
        self._clock = clock
        self._folders = TrustFolders(data_dir, clock, purpose)
        self._worker = Worker(f"trust-{purpose}")
        self._watchers: list[Callable[[], None]] = []
        self._looked = clock.mono()
        self._taken: TrustLists | None = None
        self.revision = 0
        """Grows with each change of the folders: what was trusted before is to be judged again."""

    async def open(self) -> None:
        """Raises StorageError CRT-101."""
        await self._worker.run(self._folders.create)
        await self.follow()

    async def run(self) -> None:
        """Follow the folders until cancelled."""
        while True:
            await self._clock.sleep(_FOLLOW_SECONDS)
            await self.follow()

    async def close(self) -> None:
        await self._worker.close()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` on the event loop after each change of the folders. It must return at once."""
        self._watchers.append(changed)

    async def judge(
        self,
        chain: bytes | Sequence[bytes],
        *,
        peer: Peer = Peer.CLIENT,
        application_uri: str | None = None,
        host: str | None = None,
        require_revocations: bool = False,
        address: str = "",
    ) -> TrustVerdict:
        """See `trust_judge.judge`. What is well made but not known is kept among the rejected.

        `address` is the peer's, for the log.
        """

        def work() -> tuple[TrustVerdict, bool]:
            found = self._judge(chain, peer, application_uri, host, required=require_revocations)
            if not found.trusted and self._clock.mono() - self._looked >= _LOOK_SECONDS:
                self._looked = self._clock.mono()
                if self._folders.refresh():
                    found = self._judge(chain, peer, application_uri, host, required=require_revocations)
            return found, self._keep(found)

        found, kept = await self._worker.run(work)
        self._take()
        if kept:
            _log.warning(
                "an unknown certificate was refused",
                name=found.name,
                fingerprint=found.fingerprint,
                address=address or "-",
                next=found.hint,
            )
        return found

    async def entries(self) -> list[TrustEntry]:
        """What is in the folders."""
        return await self._worker.run(lambda: list(self._folders.entries()))

    async def accept(self, wanted: str, by: Origin) -> TrustEntry:
        """Trust the rejected certificate whose fingerprint begins with `wanted`. Raises as `TrustFolders.accept`."""
        entry = await self._worker.run(self._folders.accept, wanted)
        self._say("certificate accepted", entry, by)
        await self.follow()
        return entry

    async def reject(self, wanted: str, by: Origin) -> TrustEntry:
        """The way back."""
        entry = await self._worker.run(self._folders.reject, wanted)
        self._say("certificate rejected", entry, by)
        await self.follow()
        return entry

    async def follow(self) -> None:
        """Look at the folders now."""
        await self._worker.run(self._folders.refresh)
        self._take()

    def _judge(
        self, chain: bytes | Sequence[bytes], peer: Peer, uri: str | None, host: str | None, *, required: bool
    ) -> TrustVerdict:
        return judge(
            self._folders.lists,
            chain,
            self._clock.wall(),
            peer=peer,
            application_uri=uri,
            host=host,
            require_revocations=required,
        )

    def _keep(self, found: TrustVerdict) -> bool:
        """Only what an administrator could cure by accepting it. A full disk does not change the verdict."""
        if found.certificate is None or not {problem.status for problem in found.problems} & _CURABLE:
            return False
        if any(problem.status == "BadCertificateInvalid" for problem in found.problems):
            return False
        try:
            return self._folders.keep_rejected(found.certificate)
        except StorageError as error:
            _log.error("an unknown certificate can't be kept", reason=error.message)
            return False

    def _say(self, what: str, entry: TrustEntry, by: Origin) -> None:
        fingerprint = getattr(entry.found, "fingerprint", "-")
        _audit.info(
            what, actor=printable(by.actor), address=by.address or "-", fingerprint=fingerprint, file=entry.file.name
        )

    def _take(self) -> None:
        """Tell of what changed in the folders, by whomever: also of files that were put there by hand."""
        before, now = self._taken, self._folders.lists
        if before is now:
            return
        self._taken = now
        if before is None:
            return
        for verb, one, two in (("is trusted", now, before), ("is no longer trusted", before, now)):
            for fingerprint in sorted(one.trusted.keys() - two.trusted.keys()):
                _audit.info(f"a certificate {verb}", name=one.trusted[fingerprint].name, fingerprint=fingerprint)
        self.revision += 1
        for watcher in self._watchers:
            watcher()
