"""Bring the system packages that the tests need: installed on Debian and Ubuntu as root; elsewhere it says how.

In CI a missing package is a failure; on a person's machine the tests that need it are skipped and name it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# program, or file of one -> Debian package
NEEDED = {
    "caddy": "caddy",
    "cc": "gcc",
    "chromium": "chromium",
    "dbus-daemon": "dbus",
    "firewalld": "firewalld",
    "haproxy": "haproxy",
    "ip": "iproute2",
    "iptables": "iptables",
    "/usr/include/stdio.h": "libc6-dev",
    "/usr/include/modbus/modbus.h": "libmodbus-dev",
    "nft": "nftables",
    "mariadbd": "mariadb-server",
    "mbpoll": "mbpoll",
    "nginx": "nginx-light",
    "/usr/lib/nginx/modules/ngx_stream_module.so": "libnginx-mod-stream",
    "nmap": "nmap",
    "pg_ctlcluster": "postgresql",
    "ufw": "ufw",
}


def main() -> int:
    missing = {program: package for program, package in NEEDED.items() if not _is_there(program)}
    if not missing:
        return 0
    packages = sorted(set(missing.values()))
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "--quiet"], check=True, env=environment, stdout=subprocess.DEVNULL)
        with _services_stay_off():
            return subprocess.run(install, check=False, env=environment, stdout=subprocess.DEVNULL).returncode
    print(f"missing: {', '.join(missing)}. Tests that need them are skipped. To run them: sudo {' '.join(install)}")
    return 1 if os.environ.get("CI") else 0


@contextlib.contextmanager
def _services_stay_off() -> Iterator[None]:
    """Debian starts a server as soon as it is installed, unless this file says no (policy-rc.d, exit status 101)."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def _is_there(program: str) -> bool:
    """Debian keeps administrators' programs where a person's PATH does not look."""
    return Path(program).is_file() or any(shutil.which(program, path=path) for path in (None, "/usr/sbin:/sbin"))


if __name__ == "__main__":
    sys.exit(main())
