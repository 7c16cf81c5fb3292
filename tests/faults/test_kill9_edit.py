"""kill -9 of an edit of gateway.xml at any moment: the old file or the new one, never half; nothing is left behind."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plantgate.limits import LEFTOVER_SECONDS
from plantgate.runtime.files import write_atomic

# What `plantgate ports set http 9001 --gateway-xml FILE` does, then 9002 and so on: edits without a pause in between.
_EDITOR = """
import sys
from pathlib import Path
from plantgate.config.load import load
from plantgate.ports.settings import file_of, plan, setting_of

path = Path(sys.argv[1])
setting = setting_of("http", load(None, gateway_xml=path, environ={}))
print("ready", flush=True)
while True:
    for port in (9001, 9002):
        plan(setting, port, file_of(setting, None, path)).write()
"""


def _file(port: int) -> bytes:
    """So large that it is not written in one go."""
    filler = "".join(f"<!-- line {number} of a long file -->\n" for number in range(15_000))
    return f'<properties>\n{filler}<entry key="gateway.port">{port}</entry>\n</properties>\n'.encode()


def _edit_and_kill(path: Path, seconds: float) -> None:
    command = [sys.executable, "-c", _EDITOR, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as editor:
        assert editor.stdout is not None
        assert editor.stdout.readline() == "ready\n"
        threading.Event().wait(seconds)
        assert editor.poll() is None
        editor.kill()


@pytest.mark.parametrize("cycles", [5, pytest.param(50, marks=pytest.mark.long)])
def test_an_edit_that_is_killed_leaves_the_old_or_the_new_file(tmp_path: Path, cycles: int) -> None:
    path, chance = tmp_path / "gateway.xml", random.Random(20261120)
    path.write_bytes(_file(9001))
    whole = {_file(9001), _file(9002)}
    for _ in range(cycles):
        _edit_and_kill(path, chance.uniform(0.0, 0.2))
        assert path.read_bytes() in whole
    # What was cut off stands beside it until it is old enough to be nobody's any more: then the next edit clears up.
    long_ago = path.stat().st_mtime - LEFTOVER_SECONDS - 1
    for left in tmp_path.glob(".gateway.xml.*"):
        os.utime(left, (long_ago, long_ago))
    write_atomic(path, _file(9001))
    assert list(tmp_path.iterdir()) == [path]
