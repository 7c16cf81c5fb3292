"""Each folder of cases/ is a data directory with what it must give: a document, or every error of it.

`GOLDEN=write pytest tests/config/test_golden.py` writes the expectations anew; read the difference before keeping it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from plantgate.config.document import Configuration
from plantgate.config.load import load
from plantgate.config.problems import ConfigErrors
from plantgate.drivers.modbus.address import parse_address

CASES = Path(__file__).parent / "cases"


def _cases(kind: str) -> list[Path]:
    return sorted(path for path in (CASES / kind).iterdir() if path.is_dir())


def _expect(case: Path, text: str) -> None:
    file = case / "expected.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


def _shown(configuration: Configuration) -> Iterator[str]:
    """What differs from the defaults, a line each; then where values come from."""
    plain = Configuration()
    for name in configuration.__struct_fields__:
        value = getattr(configuration, name)
        if name in {"directory", "gateway_xml", "sources"} or value == getattr(plain, name):
            continue
        if isinstance(value, tuple):
            yield from (f"{name}: {item!r}" for item in value)
        elif isinstance(value, Mapping):
            yield from (f"{name}: {key} -> {item}" for key, item in value.items())
        else:
            before = getattr(plain, name)
            changed = {
                field: getattr(value, field)
                for field in msgspec.structs.asdict(value)
                if getattr(value, field) != getattr(before, field)
            }
            yield f"{name}: {changed!r}"
    for key, source in sorted(configuration.sources.items()):
        yield f"source of {key}: {source}"


@pytest.mark.parametrize("case", _cases("valid"), ids=lambda case: case.name)
def test_a_good_directory_gives_its_document(case: Path) -> None:
    configuration = load(case, (), {}, modbus_address=parse_address)
    assert configuration.directory == case
    _expect(case, "".join(f"{line}\n" for line in _shown(configuration)))


@pytest.mark.parametrize("case", _cases("invalid"), ids=lambda case: case.name)
def test_a_bad_directory_tells_every_error(case: Path) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load(case, (), {}, modbus_address=parse_address)
    text = "".join(f"{error}\n" for error in raised.value.errors)
    assert "hunter" not in text, "a password is shown"
    for error in raised.value.errors:
        file, line = error.message.split(":")[:2]
        lines = (case / file).read_text(encoding="latin-1").splitlines() or [""]
        assert 1 <= int(line) <= len(lines), f"{file} has no line {line}"
    _expect(case, text)


@pytest.mark.parametrize("case", _cases("valid") + _cases("invalid"), ids=lambda case: case.name)
def test_loading_writes_nothing(case: Path) -> None:
    before = {path: path.read_bytes() for path in case.rglob("*") if path.is_file()}
    with contextlib.suppress(ConfigErrors):
        load(case, (), {}, modbus_address=parse_address)
    assert {path: path.read_bytes() for path in case.rglob("*") if path.is_file()} == before
