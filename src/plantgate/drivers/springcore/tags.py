"""The tags of a reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from plantgate.model.tag import DEFAULT_PROVIDER, TagDefinition
from plantgate.model.value import DataType, Scalar

CONNECTED = "Connected"
LAST_CARD = "LastCard"
LAST_VERDICT = "LastVerdict"
BADGES = "Badges"
ACCEPTED = "Accepted"
DENIED = "Denied"
ERRORS = "Errors"
RECONNECTS = "Reconnects"

_TAGS: tuple[tuple[str, DataType, Scalar, str], ...] = (
    (CONNECTED, DataType.BOOLEAN, False, "the connection to the reader is up; of a UDP reader: it was heard"),
    (LAST_CARD, DataType.STRING, "", "the last card, by its last four characters"),
    (LAST_VERDICT, DataType.STRING, "", "accepted or denied: the last decision"),
    (BADGES, DataType.INT8, 0, "cards shown since the gateway started, repeats not counted"),
    (ACCEPTED, DataType.INT8, 0, "badges accepted since the gateway started"),
    (DENIED, DataType.INT8, 0, "badges denied since the gateway started"),
    (ERRORS, DataType.INT8, 0, "failed connections, refused lines and commands that could not be sent"),
    (RECONNECTS, DataType.INT8, 0, "connections after the first one"),
)


def tag_path(reader: str, tag: str) -> str:
    return f"[{DEFAULT_PROVIDER}]Readers/{reader}/{tag}"


def reader_tag_definitions(name: str) -> list[TagDefinition]:
    """The tags that reader `name` publishes: `[default]Readers/<name>/Connected` and seven more."""
    return [
        TagDefinition(path=tag_path(name, tag), data_type=data_type, description=description, initial=initial)
        for tag, data_type, initial, description in _TAGS
    ]


class ReaderTags:
    """The tags of one reader. `ids` maps tag paths to tag ids; a path that is not in it is not published."""

    def __init__(self, reader: str, ids: Mapping[str, int], put: Callable[[int, Scalar], None]) -> None:
        self._ids = {tag: ids[path] for tag, *_ in _TAGS if (path := tag_path(reader, tag)) in ids}
        self._put = put

    def set(self, tag: str, value: Scalar) -> None:
        if tag in self._ids:
            self._put(self._ids[tag], value)
