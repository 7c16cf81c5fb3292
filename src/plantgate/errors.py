"""Whose fault it is and what happens next.

The class of an error is its policy; the `code` of an error is stable for ever and names the raise site:

| class          | whose fault           | what the owner does                         |
|----------------|-----------------------|---------------------------------------------|
| `UsageError`   | ours, or the caller's | crash the task, keep the process            |
| `ConfigError`  | the configuration     | start nothing, keep what runs               |
| `PeerError`    | the other side's bytes| close, count, back off                      |
| `Unavailable`  | nobody answers        | retry with back-off                         |
| `Refused`      | credentials, rights   | stop until the configuration changes        |
| `StorageError` | the disk              | seal what is written, raise a problem       |
| `Overload`     | too much at once      | shed this request, serve the others         |
"""

from __future__ import annotations


class PlantgateError(Exception):
    """Base of all our errors; never raised itself.

    `code` is stable (`MB-104`), `message` says what happened and to whom, `hint` the next step for a person.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        if type(self) is PlantgateError:
            raise TypeError("raise one of the seven classes, not PlantgateError")
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.message} [{self.code}]"
        return f"{text}\n  next: {self.hint}" if self.hint else text


class UsageError(PlantgateError):
    """A caller broke a contract: a bug of ours, or a command line that can't be meant."""


class ConfigError(PlantgateError):
    """The configuration is wrong. The message begins with `file:line: key`."""


class PeerError(PlantgateError):
    """The other side sent bytes that its protocol forbids."""


class Unavailable(PlantgateError):  # noqa: N818 - the state is the name, as in a tag quality
    """Nobody answers, or not in time. Trying again is right."""


class Refused(PlantgateError):  # noqa: N818
    """Credentials, rights or the role forbid it. Trying again is useless until something changes."""


class StorageError(PlantgateError):
    """The disk did not do what it was asked to."""


class Overload(PlantgateError):  # noqa: N818
    """A bound of `limits.py` was reached; this request is shed so that the others are served."""
