"""PostgreSQL and MariaDB for tests and measurements: on a free loopback port, data thrown away at the end.

Started as an unprivileged user: neither runs as root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import free_ports, wait_for


@contextmanager
def _folder(user: str) -> Iterator[Path]:
    """A folder that `user` may write into, if we are root; else one of our own."""
    folder = Path(tempfile.mkdtemp(prefix="db-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(user: str) -> list[str]:
    return ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []


@contextmanager
def _running(command: list[str], folder: Path, port: int, ready: list[str] | None = None) -> Iterator[None]:
    """`ready` is a command that succeeds once the server takes clients; without one it is when the port is open."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
    try:
        wait_for(
            lambda: (_succeeds(ready) if ready else _accepts(port)) or process.poll() is not None,
            f"{command} on port {port}: {log.read_text(errors='replace')[-2000:]}",
        )
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _accepts(port: int) -> bool:
    import socket

    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def postgresql_folder() -> Path | None:
    """Where initdb and postgres are: Debian keeps them off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb")
    folders = [*reversed(debian), *([Path(found).resolve().parent] if found else [])]
    needed = ("initdb", "postgres", "pg_isready")
    return next((folder for folder in folders if all((folder / name).exists() for name in needed)), None)


@contextmanager
def postgresql(
    programs: Path, *, auth: str = "scram-sha-256", tls: tuple[Path, Path] | None = None, only_tls: bool = False
) -> Iterator[int]:
    """`auth` is how TCP clients log in (pg_hba.conf). `tls`: certificate and key; `only_tls` lets in nobody without."""
    (port,) = free_ports(1)
    with _folder("postgres") as folder:
        data = folder / "data"
        make = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth-local=trust", "--no-sync"]
        subprocess.run([*_as("postgres"), *make, f"--auth-host={auth}", *_password(folder, auth)],
                       check=True, stdout=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        ready = [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
        options = ["-p", str(port), "-k", str(folder), "-h", "127.0.0.1", "-F"]
        if tls:
            certificate, key = _pair(folder, "postgres", tls)
            options += ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"]
        if only_tls:
            rules = f"hostssl all all all {auth}\n"
            (data / "pg_hba.conf").write_text(rules, encoding="ascii")
        with _running([*_as("postgres"), str(programs / "postgres"), "-D", str(data), *options], folder, port, ready):
            yield port


def _password(folder: Path, auth: str) -> list[str]:
    if auth == "trust":
        return []
    secret = folder / "secret"
    secret.write_text("of-this-test-only\n", encoding="ascii")
    secret.chmod(0o644)
    return [f"--pwfile={secret}"]


def _pair(folder: Path, user: str, pair: tuple[Path, Path]) -> list[Path]:
    """Copies of a certificate and its key that `user` may read."""
    made = []
    for file in pair:
        made.append(Path(shutil.copy(file, folder)))
        made[-1].chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(made[-1], user)
    return made


@contextmanager
def mariadb(server: str, *, tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """`tls`: certificate and key."""
    (port,) = free_ports(1)
    with _folder("mysql") as folder:
        data = folder / "data"
        install = shutil.which("mariadb-install-db") or "mysql_install_db"
        make = [install, f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run([*_as("mysql"), *make], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, cwd=folder)  # fmt: skip
        options = [f"--datadir={data}", f"--socket={folder}/s", f"--port={port}", "--bind-address=127.0.0.1"]
        if tls:
            certificate, key = _pair(folder, "mysql", tls)
            options += [f"--ssl-cert={certificate}", f"--ssl-key={key}"]
        command = [*_as("mysql"), server, "--no-defaults", *options, f"--pid-file={folder}/pid", "--skip-log-bin"]
        with _running(command, folder, port):
            yield port
