"""Programs of C with libmodbus, compiled when a test or a measurement needs one."""

from __future__ import annotations

import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "tests" / "interop"


def compiled(name: str, folder: Path, compiler: str = "cc") -> Path:
    """`tests/interop/<name>.c` as a program in `folder`. Raises CalledProcessError with what the compiler says."""
    program = folder / name
    flags = ["-std=gnu99", "-O2", "-Wall", "-Werror", "-I/usr/include/modbus"]
    subprocess.run(
        [compiler, *flags, "-o", str(program), str(SOURCES / f"{name}.c"), "-lmodbus"],
        check=True,
        capture_output=True,
        text=True,
    )
    return program
