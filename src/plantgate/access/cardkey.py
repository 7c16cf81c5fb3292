"""Cards are known by a keyed hash: whoever reads the store or the journal learns no card number, nor can try them all.

The key is 32 random bytes per installation, as hex in `DIR/state/access.key`, readable by its owner only. It is never
shown and never logged. A hash is BLAKE2b (RFC 7693, 2.9) of 16 bytes, keyed.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from pathlib import Path
from typing import Final

from plantgate.errors import StorageError
from plantgate.model import badge
from plantgate.runtime.files import private_folder, write_atomic

FILE_NAME: Final = "access.key"
CARD_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
_KEY_BYTES: Final = 32
_HASH_BYTES: Final = 16
_SEPARATORS: Final = re.compile(r"[\s:.\-]")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_KEY_TEXT: Final = re.compile(rb"[0-9a-f]{64}\s*\Z")


def normalised(credential: str) -> str:
    """Upper-case hex without separators when it is hex of whole bytes, as is otherwise: `04:a1:b2:c3` is `04A1B2C3`."""
    plain = _SEPARATORS.sub("", credential)
    return plain.upper() if _HEX.match(plain) else credential


def last4(credential: str) -> str:
    """What people see of a card, however it is written."""
    return badge.last4(normalised(credential))


class CardKey:
    """Hashes credentials. Shows its key to nobody."""

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        """`key` is 16 to 64 bytes."""
        self._keyed = blake2b(digest_size=_HASH_BYTES, key=key)

    def card_id(self, credential: str) -> str:
        """The hash of a card as its reader tells it: 32 hex digits."""
        return self._hash(normalised(credential))

    def mark(self, card_id: str) -> str:
        """Four digits that tell an own hash from a typing error and from another installation's."""
        return self._hash(f"mark {card_id}")[:4]

    def fingerprint(self) -> str:
        """Tells this key from another one and nothing about it."""
        return self._hash("fingerprint of the key")

    def _hash(self, text: str) -> str:
        state = self._keyed.copy()
        state.update(text.encode("utf-8", "surrogatepass"))
        return state.hexdigest()


def path_of(data: Path) -> Path:
    """Where the key of a data directory is."""
    return data / "state" / FILE_NAME


def random_key() -> CardKey:
    """A key that is kept nowhere."""
    return CardKey(secrets.token_bytes(_KEY_BYTES))


def load(data: Path) -> CardKey | None:
    """The key of this data directory, None if there is none yet. Raises StorageError ACC-110, ACC-111."""
    path = path_of(data)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            "ACC-110", f"{path}: the key of the cards can't be read ({error})", "give the gateway's user access to it"
        ) from error
    if not _KEY_TEXT.match(text):
        raise StorageError(
            "ACC-111", f"{path}: this is not a key of plantgate (64 hex digits)", "restore it from a backup"
        )
    return CardKey(bytes.fromhex(text.decode("ascii")))


def create(data: Path) -> CardKey:
    """A new key, on disk when this returns. Raises StorageError ACC-112."""
    path = path_of(data)
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        private_folder(path.parent)
        write_atomic(path, key.hex().encode() + b"\n", private=True)
    except OSError as error:
        raise StorageError(
            "ACC-112",
            f"{path}: the key of the cards can't be written ({error})",
            "free space, or give the gateway's user the right to write there",
        ) from error
    return CardKey(key)


def lost(data: Path, store: str) -> StorageError:
    """The cards in `store` need a key that is not there."""
    return StorageError(
        "ACC-113",
        f"{path_of(data)} is not there: without it no card in {store} can be recognised",
        f"restore {FILE_NAME} from a backup, or move {store} away and import the cards anew",
    )


def foreign(data: Path, store: str) -> StorageError:
    """The cards in `store` were made with another key."""
    return StorageError(
        "ACC-114",
        f"{path_of(data)} is not the key that the cards in {store} were stored with",
        f"restore {FILE_NAME} and {store} from the same backup",
    )
