"""Everything that is wrong with a configuration, collected and told in one go."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nsmallest

from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_ERRORS

_SHOWN_VALUE_CHARS = 60
_LISTED_WORDS = 16
# Of a hundred thousand tags none is looked for that is nearly the same: that takes seconds for each error.
_COMPARED_WORDS = 2_000
_WHERE = re.compile(r"(.*?):(\d+):")


class ConfigErrors(ConfigError):  # noqa: N818 - a list of errors is not an error more
    """One or more errors of a configuration that was refused as a whole; nothing was started or changed.

    `errors` has each of them, in the order of the files; the code, message and hint are those of the first when it
    is the only one, else a sum of all.
    """

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        first = self.errors[0]
        if len(self.errors) == 1:
            super().__init__(first.code, first.message, first.hint)
        else:
            text = "\n".join(str(error) for error in self.errors)
            super().__init__("CFG-100", f"{len(self.errors)} errors in the configuration:\n{text}")


class Problems:
    """A list that errors are added to while the reading goes on; the first CONFIG_ERRORS of them are told."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []
        self._untold = 0

    def add(self, code: str, where: str, key: str, what: str, hint: str = "") -> None:
        """`where` is "file:line" or the name of an override, `key` the dotted key."""
        self.take(config_error(code, where, key, what, hint))

    def take(self, error: ConfigError) -> None:
        """Add an error that was raised, or each one of a list."""
        for item in error.errors if isinstance(error, ConfigErrors) else (error,):
            if len(self._errors) < CONFIG_ERRORS:
                self._errors.append(item)
            else:
                self._untold += 1

    def raise_any(self) -> None:
        """Raise ConfigErrors, in the order of files and lines, if there is any."""
        if not self._errors:
            return
        errors = sorted(self._errors, key=_place)
        if self._untold:
            errors.append(ConfigError("CFG-164", f"and {self._untold} more", "repair these first"))
        raise ConfigErrors(errors)


def config_error(code: str, where: str, key: str, what: str, hint: str = "") -> ConfigError:
    """A ConfigError whose message begins with `file:line: key`."""
    return ConfigError(code, ": ".join(part for part in (where, key, what) if part), hint)


def _place(error: ConfigError) -> tuple[str, int]:
    match = _WHERE.match(error.message)
    return (match[1], int(match[2])) if match is not None else ("", 0)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was surely meant, also when only the case or the separators differ."""
    words = list(known)
    if len(words) > _COMPARED_WORDS:
        return None
    folded = {_fold(item): item for item in words}
    match = get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return folded[match[0]] if match else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: `; the nearest valid one is "port"`, or empty if nothing is near."""
    match = nearest(word, known)
    return f'; the nearest valid one is "{match}"' if match else ""


def valid_keys(word: str, known: Iterable[str]) -> str:
    """A hint that lists the valid keys; empty where the message has named the one that was meant out of many."""
    words = list(known)
    return f"valid keys: {one_of(words)}" if len(words) <= _LISTED_WORDS or not nearest(word, words) else ""


def one_of(known: Iterable[str]) -> str:
    """`known` as a list for a hint, cut when it is long."""
    words = list(known)
    more = f" and {len(words) - _LISTED_WORDS} more" if len(words) > _LISTED_WORDS else ""
    return ", ".join(nsmallest(_LISTED_WORDS, words)) + more


def shown(value: object) -> str:
    """A value of the file as an error shows it: short, on one line, nothing that a terminal would obey."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(char if char.isprintable() else "?" for char in text)
    if len(text) > _SHOWN_VALUE_CHARS:
        text = f"{text[: _SHOWN_VALUE_CHARS - 3]}..."
    return f'"{text}"' if isinstance(value, str) else text


def _fold(word: str) -> str:
    return "".join(char for char in word.lower() if char.isalnum() or char == ".")
