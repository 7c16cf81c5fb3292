"""Commands that are imported when they are called are there all the same."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.main import get_group

from plantgate.cli import main, ports


@pytest.mark.parametrize("commands", [main.COMMANDS, ports.COMMANDS])
def test_each_is_what_its_module_says(commands: dict[str, tuple[str, str]]) -> None:
    for name, (module, line) in commands.items():
        found = import_module(module)
        holder = typer.Typer()
        if hasattr(found, "register"):
            found.register(holder)
            command = get_group(holder).commands[name]
        else:
            command = get_group(found.app)
        first = inspect.cleandoc(command.help or "").split("\n\n")[0]
        assert " ".join(first.split()) == line, name


def test_every_command_of_ports_is_listed() -> None:
    registered: set[str] = set()
    for module in {module for module, _ in ports.COMMANDS.values()}:
        holder = typer.Typer()
        import_module(module).register(holder)
        registered |= set(get_group(holder).commands)
    assert registered == set(ports.COMMANDS)


def test_a_scan_without_names_or_probes_needs_no_event_loop_and_no_other_command() -> None:
    code = (
        "import sys; from plantgate.cli.main import app;"
        "app(['ports', 'scan', '127.0.0.1', '--only', 'oracle', '--json'], standalone_mode=False);"
        "loaded = set(sys.modules);"
        "print(sorted(loaded & {'asyncio', 'ssl', 'psutil', 'rich', 'plantgate.cli.ports_check'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_name_that_is_nearly_right() -> None:
    command = [sys.executable, "-m", "plantgate.cli.main", "ports", "scn"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "scan" in done.stderr
