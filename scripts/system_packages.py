"""Bring the system packages that the tests need: installed on Debian and Ubuntu as root; elsewhere it says how.

In CI a missing package is a failure; on a person's machine the tests that need it are skipped and name it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# program -> Debian package
NEEDED = {"chromium": "chromium"}


def main() -> int:
    missing = {program: package for program, package in NEEDED.items() if shutil.which(program) is None}
    if not missing:
        return 0
    packages = sorted(set(missing.values()))
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet"], check=True, env=environment, stdout=subprocess.DEVNULL)
        return subprocess.run(install, check=False, env=environment, stdout=subprocess.DEVNULL).returncode
    print(f"missing: {', '.join(missing)}. Tests that need them are skipped. To run them: sudo {' '.join(install)}")
    return 1 if os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
