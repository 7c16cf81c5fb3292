from __future__ import annotations

import pytest

from plantgate import errors
from plantgate.runtime.streams import PortUnavailable

CLASSES: list[type[errors.PlantgateError]] = [
    errors.UsageError,
    errors.ConfigError,
    errors.PeerError,
    errors.Unavailable,
    errors.Refused,
    errors.StorageError,
    errors.Overload,
]


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_says_what_and_what_next(kind: type[errors.PlantgateError]) -> None:
    error = kind("MB-104", "PLC1 did not answer", "is it powered?")
    assert (error.code, error.message, error.hint) == ("MB-104", "PLC1 did not answer", "is it powered?")
    assert str(error) == "PLC1 did not answer [MB-104]\n  next: is it powered?"
    assert str(kind("MB-104", "PLC1 did not answer")) == "PLC1 did not answer [MB-104]"
    assert [other for other in CLASSES if issubclass(kind, other)] == [kind]


def test_the_base_is_never_raised_itself() -> None:
    with pytest.raises(TypeError):
        errors.PlantgateError("X-1", "x")


def test_a_port_that_can_not_be_bound_is_unavailable() -> None:
    error = PortUnavailable("NET-121", "taken", "look", port=80, taken=True)
    assert isinstance(error, errors.Unavailable)
    assert str(error).startswith("taken [NET-121]")
