"""The command line as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from plantgate import __version__
from plantgate.config.template import write_pair
from plantgate.runtime.clock import SystemClock
from plantgate.security import sign_in


def plantgate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plantgate.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_version() -> None:
    done = plantgate("--version")
    assert (done.returncode, done.stdout) == (0, f"plantgate {__version__}\n")


def test_every_command_has_help() -> None:
    words = plantgate("--help").stdout
    for command in ("init", "run", "demo", "ports", "reader", "plc", "history", "config", "user"):
        assert command in words
        assert plantgate(command, "--help").returncode == 0


def test_a_wrong_option_is_status_2() -> None:
    assert plantgate("run", "--dta", "x").returncode == 2


def test_run_without_a_directory_names_the_next_step(tmp_path: Path) -> None:
    done = plantgate("run", "--data", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "plantgate init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sign_in_link_is_good_once(tmp_path: Path) -> None:
    data = tmp_path / "plant"
    write_pair(data)
    done = plantgate("user", "link", "--data", str(data), "--name", "grace", "--json")
    link = json.loads(done.stdout)["url"]
    token = link.partition("#signin=")[2]
    assert link.startswith("http://localhost:8088/#signin=")
    assert sign_in.redeem(data, token, SystemClock()) == "grace"
    assert sign_in.redeem(data, token, SystemClock()) is None


def test_a_command_imports_only_what_it_needs() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from plantgate.cli.main import app;"
        "CliRunner().invoke(app, ['--help']);"
        "heavy = {'uvicorn', 'starlette', 'pymodbus', 'lxml', 'sqlite3', 'cryptography', 'plantgate.app'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]", "--help must answer in 0.3 s"
