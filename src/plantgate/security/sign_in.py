"""One-time sign-in links: whoever can write the data directory may make one, whoever holds one may use it once.

A link is a random token; only its SHA-256 is on disk, as an empty-handed promise: DIR/state/sign-in/<hash>.json with
the time it ends. Redeeming removes the file first, so that two users of one link can't both win.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

import msgspec

from plantgate.limits import SIGN_IN_LINKS
from plantgate.runtime.clock import Clock
from plantgate.runtime.files import private_folder, write_atomic

LINK_SECONDS = 24 * 3600
_FOLDER = Path("state") / "sign-in"


class _Promise(msgspec.Struct):
    """`until` is microseconds UTC."""

    actor: str
    until: int


def create(data_dir: Path, actor: str, clock: Clock) -> str:
    """A new token for `actor`, good once and for a day. Old ones beyond SIGN_IN_LINKS go. Raises OSError."""
    folder = data_dir / _FOLDER
    private_folder(folder.parent)
    private_folder(folder)
    _forget(folder, clock)
    token = secrets.token_urlsafe(32)
    promise = _Promise(actor, clock.wall() + LINK_SECONDS * 1_000_000)
    write_atomic(folder / f"{_digest(token)}.json", msgspec.json.encode(promise), private=True)
    return token


def redeem(data_dir: Path, token: str, clock: Clock) -> str | None:
    """The actor of `token`, once; None if it was never made, has been used or is over."""
    file = data_dir / _FOLDER / f"{_digest(token)}.json"
    try:
        data = file.read_bytes()
        file.unlink()
        promise = msgspec.json.decode(data, type=_Promise)
    except (OSError, msgspec.DecodeError):
        return None
    return promise.actor if clock.wall() < promise.until else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _forget(folder: Path, clock: Clock) -> None:
    """Keep the newest links only, none that is over."""
    links = sorted(((_until(file), file) for file in folder.glob("*.json")), reverse=True)
    for position, (until, file) in enumerate(links):
        if until <= clock.wall() or position >= SIGN_IN_LINKS - 1:
            file.unlink(missing_ok=True)


def _until(file: Path) -> int:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Promise).until
    except (OSError, msgspec.DecodeError):  # used by somebody in this moment, or not ours
        return 0


def url(address: str, http_port: int, https_port: int) -> str:
    """Where a browser on this host reaches the gateway; HTTPS only when HTTP is off."""
    host = "localhost" if address in ("0.0.0.0", "::", "127.0.0.1", "::1") else address  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{http_port}" if http_port else f"https://{host}:{https_port}"
