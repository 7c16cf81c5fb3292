"""What is wrong with an edit of tags: the problems of the configuration by tag and key."""

from __future__ import annotations

from collections.abc import Sequence

from plantgate.config.problems import Problems
from plantgate.errors import ConfigError
from plantgate.limits import CONFIG_ERRORS
from plantgate.model.tagedit import TagFault

_TAG = "tag."


class TagFaults(ConfigError):  # noqa: N818 - a list of errors is not an error more
    """An edit that was refused as a whole. `faults` has each thing that is wrong."""

    def __init__(self, faults: Sequence[TagFault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        message = f"{_shown(first)}" if len(self.faults) == 1 else f"{len(self.faults)} things are wrong with the edit"
        lines = "" if len(self.faults) == 1 else "".join(f"\n{_shown(fault)} [{fault.code}]" for fault in self.faults)
        super().__init__(first.code if len(self.faults) == 1 else "CFG-400", f"{message}{lines}", first.hint)


def _shown(fault: TagFault) -> str:
    return ": ".join(part for part in (f"{fault.path}.{fault.key}".strip("."), fault.message) if part)


class FaultList(Problems):
    """Problems that keep which tag and key they are about."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[TagFault] = []

    def __bool__(self) -> bool:
        return bool(self.faults)

    @property
    def full(self) -> bool:
        """As many as anybody reads: the rest need not be looked for."""
        return len(self.faults) >= CONFIG_ERRORS

    def add(self, code: str, where: str, key: str, what: str, hint: str = "") -> None:
        """`key` is the label of `config.load`: `tag.<path>.<key>`, `door.entrance.strike`."""
        if self.full:
            return
        if key.startswith(_TAG) and "]" in key:
            end = key.find(".", key.index("]"))
            path, inner = (key[len(_TAG) :], "") if end < 0 else (key[len(_TAG) : end], key[end + 1 :])
            self.faults.append(TagFault(path, inner, what, hint, code))
        else:
            self.faults.append(TagFault("", key, f"{where}: {what}" if where else what, hint, code))

    def refuse(self, code: str, path: str, what: str, hint: str = "", key: str = "") -> None:
        if not self.full:
            self.faults.append(TagFault(path, key, what, hint, code))

    def take(self, error: ConfigError) -> None:
        for item in getattr(error, "errors", (error,)):
            self.refuse(item.code, "", item.message, item.hint)

    def raise_any(self) -> None:
        """Raises TagFaults."""
        if self.faults:
            raise TagFaults(self.faults)


def fault(code: str, path: str, what: str, hint: str = "", key: str = "") -> TagFaults:
    """One fault, to be raised."""
    return TagFaults([TagFault(path, key, what, hint, code)])
