"""What no type checker sees: every bound is used, every error code is one site's own, files stay readable."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import plantgate
from plantgate.limits import LIMITS

SOURCE = Path(plantgate.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
# A table that is searched, not read.
TABLES = {SOURCE / "limits.py"}
ERRORS = {
    "UsageError", "ConfigError", "PeerError", "Unavailable", "Refused", "StorageError", "Overload", "PortUnavailable",
}  # fmt: skip


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    """One at a time: kept, they would slow down every garbage collection of the run."""
    for file in FILES:
        yield file, ast.parse(file.read_text(encoding="utf-8"), str(file))


def test_every_limit_is_used_and_says_what_it_protects() -> None:
    used = {
        name.id if isinstance(name, ast.Name) else name.attr
        for file, tree in _trees()
        if file.name != "limits.py"
        for name in ast.walk(tree)
        if isinstance(name, ast.Name | ast.Attribute)
    }
    assert set(LIMITS) - used == set()
    for limit in LIMITS.values():
        assert limit.value > 0, limit.name
        assert limit.unit, limit.name
        assert len(limit.protects) > 10, limit.name
        assert limit.abused_by, limit.name


def test_every_limit_has_the_name_of_its_constant() -> None:
    constants = {
        target.id: node.value.args[0].value
        for node in ast.parse((SOURCE / "limits.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.args[0], ast.Constant)
    }
    assert constants == {name: name for name in LIMITS}


def _codes() -> Iterator[tuple[str, str]]:
    """(code, where) of every error and verdict that is made with a literal code."""
    for file, tree in _trees():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            function = call.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            arguments = call.args[1:] if name == "Verdict" else call.args
            if name not in ERRORS | {"Verdict"} or not arguments:
                continue
            code = arguments[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value, f"{file.relative_to(SOURCE)}:{call.lineno}"


def test_error_codes_are_well_formed() -> None:
    wrong = [f"{where}: {code!r}" for code, where in _codes() if not re.fullmatch(r"[A-Z]{2,4}-\d{3}", code)]
    assert wrong == []


def test_an_error_code_belongs_to_one_file() -> None:
    """Within a file several lines may say the same thing; two files never mean the same by accident."""
    files: dict[str, set[str]] = defaultdict(set)
    for code, where in _codes():
        files[code].add(where.partition(":")[0])
    assert {code: sorted(users) for code, users in files.items() if len(users) > 1} == {}


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    lengths = {
        str(file.relative_to(SOURCE)): len(file.read_text(encoding="utf-8").splitlines())
        for file in FILES
        if file not in TABLES
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}
