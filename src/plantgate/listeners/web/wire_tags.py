"""Tags by the dozen as they cross the wire: what is read and written by paths, and what became of it."""

from __future__ import annotations

import msgspec

from plantgate.listeners.web.wire import Tag, TagWrite, Value, VerdictReply
from plantgate.model import quality
from plantgate.model.command import Verdict
from plantgate.model.tag import TagDefinition
from plantgate.model.value import DataType, TagValue


class TagWrites(msgspec.Struct, forbid_unknown_fields=True):
    """What was not begun within `timeout_ms` is not sent."""

    items: list[TagWrite]
    timeout_ms: int | None = None


class TagPaths(msgspec.Struct, forbid_unknown_fields=True):
    paths: list[str]


class TagRead(Tag):
    """Of a path that leads to no tag `code` and `message` say so, and the quality is Bad_NotFound."""

    code: str = ""
    message: str = ""

    @classmethod
    def unknown(cls, path: str, code: str, message: str, now: int) -> TagRead:
        missing = TagValue(None, quality.Quality.BAD_NOT_FOUND, now, message)
        tag = cls.of(TagDefinition(path, DataType.STRING), missing)
        return msgspec.structs.replace(tag, kind="", data_type="", code=code, message=message)


class TagReads(msgspec.Struct):
    items: list[TagRead]


class TagWritten(VerdictReply):
    """`value` and `quality` are what the tag has after the write; null where nobody has looked."""

    path: str
    value: Value
    quality: int | None
    quality_name: str | None

    @classmethod
    def at(cls, path: str, verdict: Verdict) -> TagWritten:
        now = verdict.now
        seen = (None, None, None) if now is None else (now.value, now.quality, quality.label(now.quality))
        return cls(verdict.outcome, verdict.code, verdict.message, path, *seen)


class TagsWritten(msgspec.Struct):
    items: list[TagWritten]
