"""What an evaluation carries with it, what can go wrong in it, and how values become what a function takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Any, Final, TypeAlias

from plantgate.limits import PEER_TEXT_CHARS, TAG_ARRAY_ITEMS, TAG_TEXT_CHARS
from plantgate.model.quality import Quality, label
from plantgate.model.tag import TagDefinition
from plantgate.model.value import TagValue
from plantgate.runtime.log import printable

Read: TypeAlias = Callable[[str], TagValue]
ReadFolder: TypeAlias = Callable[[str], Sequence[TagValue]]
Define: TypeAlias = Callable[[str], TagDefinition | None]
# What the functions of one expression remember, a place each; None in one that belongs to no tag.
Memory: TypeAlias = list[Any] | None
# What a tag holds when an expression meets it: mostly a Scalar, an array where a tag has one.
Value: TypeAlias = Any

NUMBERS: Final = frozenset({int, float, bool})
WHOLE_MIN: Final = -(1 << 63)
WHOLE_MAX: Final = (1 << 63) - 1
UNCERTAIN: Final = int(Quality.UNCERTAIN)
_SHOWN_CHARS = 40


class Trouble(Exception):  # noqa: N818 - an outcome of an evaluation; no caller of the package ever sees it
    """The evaluation has no value. `missing`: for want of an input's value, whose bad quality then says more."""

    def __init__(self, quality: Quality, reason: str, *, missing: bool = False) -> None:
        super().__init__(reason)
        self.quality = quality
        self.reason = reason
        self.missing = missing


class Context:
    """One evaluation. `quality` and `reason` become those of the worst input that was used.

    `members` counts the tags of folders that were gone through. `define` and `memory` are set by who has them.
    """

    __slots__ = (
        "define", "folder", "members", "memory", "now", "paths", "patterns", "quality", "read", "reason", "values",
        "zone",
    )  # fmt: skip
    define: Define | None
    memory: Memory

    def __init__(
        self,
        read: Read,
        folder: ReadFolder,
        now: int,
        zone: tzinfo | None,
        paths: Sequence[str],
        patterns: Sequence[str],
        values: Sequence[Value],
    ) -> None:
        self.read, self.folder, self.now, self.zone = read, folder, now, zone
        self.paths, self.patterns, self.values = paths, patterns, values
        self.quality = 192
        self.reason = ""
        self.members = 0

    def note(self, what: str, worse: TagValue) -> None:
        """An input that is not good was used."""
        if worse.quality > self.quality:
            reason = f": {worse.reason}" if worse.reason else ""
            self.quality = int(worse.quality)
            self.reason = f"{what} is {label(worse.quality)}{reason}"[:PEER_TEXT_CHARS]

    def failed(self, trouble: Trouble) -> None:
        bad_input = self.quality >= Quality.BAD
        if trouble.quality > self.quality and not (trouble.missing and bad_input):
            self.quality, self.reason = int(trouble.quality), trouble.reason[:PEER_TEXT_CHARS]

    def apart(self, run: Run) -> tuple[Value, int, str]:
        """The value, quality and reason of a part by itself: what was used before neither counts nor is changed."""
        quality, reason = self.quality, self.reason
        self.quality, self.reason = 192, ""
        value: Value = None
        try:
            value = run(self)
        except Trouble as trouble:
            self.failed(trouble)
        outcome = value, self.quality, self.reason
        self.quality, self.reason = quality, reason
        return outcome

    def take(self, quality: int, reason: str) -> None:
        """The quality of a part that was evaluated apart counts after all."""
        if quality > self.quality and quality >= UNCERTAIN:
            self.quality, self.reason = quality, reason


Run: TypeAlias = Callable[[Context], Value]


def shown(value: Value) -> str:
    if isinstance(value, str):
        return f"the text {printable(repr(value), _SHOWN_CHARS)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return printable(value, _SHOWN_CHARS) if isinstance(value, int | float) else "an array"


def wrong(value: Value, wanted: str, where: str) -> Trouble:
    if value is None:
        return Trouble(Quality.ERROR_TYPE_CONVERSION, f"{where} has no value", missing=True)
    return Trouble(Quality.ERROR_TYPE_CONVERSION, f"{where} must be {wanted}, not {shown(value)}")


def failure(reason: str) -> Trouble:
    return Trouble(Quality.ERROR_EXPRESSION_EVAL, reason)


def number(value: Value, where: str) -> Value:
    if type(value) in NUMBERS:
        return value
    raise wrong(value, "a number", where)


def whole(value: Value, where: str) -> int:
    """Also 3.0; not 3.5."""
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return fits(int(value), where)
    raise wrong(value, "a whole number", where)


def truth(value: Value, where: str) -> bool:
    if type(value) in NUMBERS:
        return bool(value)
    raise wrong(value, "true or false", where)


def text(value: Value, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(fits(value, where))
    if isinstance(value, float):
        return repr(value)
    raise wrong(value, "a text", where)


def anything(value: Value, _where: str) -> Value:
    """No conversion."""
    return value


def fits(value: int, where: str) -> int:
    if WHOLE_MIN <= value <= WHOLE_MAX:
        return value
    raise failure(f"{where} is beyond the whole numbers of 64 bits")


def not_too_long(value: str, where: str) -> str:
    if len(value) <= TAG_TEXT_CHARS:
        return value
    raise failure(f"{where} is a text of more than {TAG_TEXT_CHARS} characters")


def equal(left: Value, right: Value, where: str) -> bool:
    """Numbers by value, texts by every character, null only equals null."""
    if left is None or right is None:
        return left is right
    if (type(left) in NUMBERS) is not (type(right) in NUMBERS):
        raise Trouble(
            Quality.ERROR_TYPE_CONVERSION,
            f"{where} can't compare {shown(left)} with {shown(right)}: use toFloat() or toStr()",
        )
    return bool(left == right)


def checked(value: Value, context: Context) -> Value:
    """What leaves an evaluation: no infinity, nothing beyond 64 bits, no text or array without end."""
    kind = type(value)
    if kind is tuple:
        return _checked_array(value, context)
    if kind is float and value - value != 0.0:
        context.failed(failure("the result is not a finite number"))
        return None
    try:
        return not_too_long(value, "the result") if kind is str else value
    except Trouble as trouble:
        context.failed(trouble)
        return None


def _checked_array(value: Value, context: Context) -> Value:
    if len(value) > TAG_ARRAY_ITEMS:
        context.failed(failure(f"the result has more than {TAG_ARRAY_ITEMS} values"))
        return None
    return tuple(checked(item, context) if type(item) is not tuple else None for item in value)
