"""Make the virtual environment from the hash-pinned lock. Standard library only: it runs before anything is there."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """`setup.py VENV`: exit status 0 when VENV holds exactly what the lock names and plantgate itself."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs an older one should read a sentence, not a traceback
        version = sys.version.split()[0]
        sys.stderr.write(f"plantgate needs Python 3.11 or newer, this is {version}: make PYTHON=python3.12 setup\n")
        return 2
    where = Path(sys.argv[1])
    python = where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.EnvBuilder(with_pip=True, clear=where.exists()).create(where)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    install = [*pip, "install", "--require-hashes", "--requirement", str(ROOT / "requirements-dev.lock")]
    editable = [*pip, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    for command in (install, editable):
        code = subprocess.run(command, check=False, cwd=ROOT).returncode
        if code:
            sys.stderr.write("installing failed: is a package registry reachable? pip's own message is above\n")
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
