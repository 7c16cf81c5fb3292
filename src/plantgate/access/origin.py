"""Who asks the gate when access control does."""

from __future__ import annotations

from dataclasses import dataclass

from plantgate.model.command import Origin


@dataclass(frozen=True, slots=True)
class AccessOrigin(Origin):
    """The gateway itself, because of a badge. A type of its own: no name that a person has can pass for it."""

    @classmethod
    def of(cls, actor: str) -> AccessOrigin:
        """`actor` is the reader or what else was the cause, as the audit line shows it."""
        return cls(f"access:{actor}", may_write=True)
