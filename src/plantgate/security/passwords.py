"""Passwords: which are good enough, their Argon2id hashes, and made ones. Nothing here keeps or logs a password."""

from __future__ import annotations

import base64
import itertools
import re
import secrets
import unicodedata
from typing import Final

from plantgate.errors import UsageError
from plantgate.limits import PASSWORD_BYTES, PASSWORD_CHARS_MIN, PASSWORD_HASH_KIB, PASSWORD_HASH_PASSES

_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,172}"
)
# One lane: a sign-in never takes more than one core.
_CURRENT: Final = (PASSWORD_HASH_KIB, PASSWORD_HASH_PASSES, 1)

# What lists of stolen passwords are full of, and the words of this trade; with digits and signs around them or in
# place of letters they are no better.
_COMMON_WORDS: Final = """
abc access account admin administrator apple asdf asdfgh asdfghjkl azerty badge baseball basic batman changeit
changeme charlie cheese computer control default demo device dragon engineer factory flower football freedom
gateway geheim guest hallo hello hockey ignition inductive industrial internet iloveyou jordan killer letmein line
login love machine maintenance manager master michael modbus monday monkey mustang network nothing opcua operator
pass passwd password passwort pepper plant plantgate plc princess private process production public qwer qwert
qwerty qwertyuiop qwertz root scada schneider secret security server service shadow siemens silver soccer
springcore starwars summer sunshine superman supervisor support switch system technician temp test trustno
user viewer welcome whatever winter word xxx yellow zaq zxcvbn zxcvbnm
"""
_COMMON: Final = frozenset(_COMMON_WORDS.split())
_LOOKALIKES: Final = tuple(str.maketrans("013457@$!|", letters) for letters in ("oleastasil", "oieastasii"))
_SIGNS: Final = "!?.,;:-_+*#$%&/()=@ "
_ROWS: Final = ("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "1234567890")
_NEIGHBOURS: Final = frozenset(pair for row in _ROWS for pair in itertools.pairwise(row))
# A password of which fewer characters are a surprise is a run ("1234567890", "aaaabbbbcccc").
_SURPRISES_MIN: Final = 5

# Without characters that look alike, so that it can be read aloud from a screen or a note.
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 5


def encoded(password: str) -> bytes | None:
    """The bytes that are hashed: NFKC, as keyboards and systems write one letter differently. None: it can't be one."""
    if len(password) > PASSWORD_BYTES:
        return None
    try:
        data = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return data if len(data) <= PASSWORD_BYTES and b"\x00" not in data else None


def require_good(name: str, password: str) -> None:
    """Raises UsageError USR-401 with what is wrong with `password` for the account `name`; never with the password."""
    if problem := _problem(name, password):
        raise UsageError(
            "USR-401", f"this password won't do: {problem}", "take a sentence, or have one made: --generate"
        )


def _problem(name: str, password: str) -> str:
    if encoded(password) is None or not password.isprintable():
        return f"it has characters that can't be typed, or more than {PASSWORD_BYTES} bytes"
    if len(password) < PASSWORD_CHARS_MIN:
        return f"it has fewer than {PASSWORD_CHARS_MIN} characters"
    folded = unicodedata.normalize("NFKC", password).casefold()
    if _surprises(folded) < _SURPRISES_MIN or len(set(folded)) < _SURPRISES_MIN:
        return "it is a run of neighbours or of the same characters"
    own = frozenset(filter(None, _readings(name.casefold())))
    if folded == name.casefold() or any(_splits(letters, own) for letters in _readings(folded)):
        return "it is the name of the account"
    if any(_splits(letters, _COMMON | own) for letters in _readings(folded)):
        return "it is one of those that are tried first"
    return ""


def _surprises(folded: str) -> int:
    """Characters that don't follow from the one before: not the same, not the next one, not its neighbour's key."""
    return 1 + sum(
        abs(ord(one) - ord(two)) > 1 and (one, two) not in _NEIGHBOURS and (two, one) not in _NEIGHBOURS
        for one, two in itertools.pairwise(folded)
    )


def _readings(folded: str) -> set[str]:
    """Its letters: without digits and signs, and with those that stand for letters, also without those around it."""
    cores = (folded, folded.strip(_SIGNS), folded.strip(_SIGNS + "0123456789"))
    texts = [folded, *(core.translate(table) for core in cores for table in _LOOKALIKES)]
    return {"".join(char for char in text if char.isalpha()) for text in texts}


def _splits(letters: str, words: frozenset[str]) -> bool:
    """Whether `letters` is a row of at most two different words. Linear in its length: words are short."""
    longest = max(map(len, words), default=0)
    # At each place the sets of words that lead there; more than two different ones are given up.
    reached: list[set[frozenset[str]]] = [set() for _ in range(len(letters) + 1)]
    reached[0].add(frozenset())
    for start in range(len(letters)):
        if not reached[start]:
            continue
        for end in range(start + 1, min(len(letters), start + longest) + 1):
            if (word := letters[start:end]) in words:
                reached[end] |= {used | {word} for used in reached[start] if len(used | {word}) <= 2}
    return bool(letters) and bool(reached[-1])


def generated() -> str:
    """A password that nobody has to invent: 100 bits, in groups that can be typed from a note."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))


def hashed(password: str) -> str:
    """Its Argon2id hash (RFC 9106) in the usual text form, with its salt and costs. Blocks for 65 ms."""
    from argon2.low_level import Type, hash_secret  # noqa: PLC0415 - only who keeps accounts needs it

    data = encoded(password)
    if data is None:
        raise UsageError("USR-402", "this password can't be kept", "see the rules for passwords")
    memory, passes, lanes = _CURRENT
    return hash_secret(
        data,
        secrets.token_bytes(_SALT_BYTES),
        time_cost=passes,
        memory_cost=memory,
        parallelism=lanes,
        hash_len=_HASH_BYTES,
        type=Type.ID,
    ).decode("ascii")


def nobodys_hash() -> str:
    """A hash that no password is known to have: to work as hard for a name that does not exist."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES)
    )
    memory, passes, lanes = _CURRENT
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"


def usable(stored: str) -> bool:
    """Whether `stored` is a hash that costs no more to compute than we grant."""
    return (costs := _costs(stored)) is not None and all(map(int.__le__, costs, _CURRENT)) and min(costs) > 0


def current(stored: str) -> bool:
    """Whether a new hash would be made at the same costs."""
    return _costs(stored) == _CURRENT


def matches(stored: str, secret: bytes) -> bool:
    """Whether `stored` (a `usable` hash) is that of `secret` (`encoded`). Blocks for 65 ms."""
    from argon2.exceptions import Argon2Error  # noqa: PLC0415
    from argon2.low_level import Type, verify_secret  # noqa: PLC0415

    try:
        return verify_secret(stored.encode("ascii"), secret, Type.ID)
    except Argon2Error:
        return False


def _costs(stored: str) -> tuple[int, int, int] | None:
    found = _HASH.fullmatch(stored)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))
