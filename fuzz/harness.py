"""What the harnesses of this folder share: the repeatable loop, the guided run and the command line."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

_SHOWN = 4_096


def loop(generate: Callable[[random.Random], Any], check: Callable[[Any], None], runs: int, seed: int) -> None:
    """The plain-Python loop: the same inputs for the same seed."""
    source = random.Random(seed)
    began = time.perf_counter()
    for run in range(runs):
        data = generate(source)
        try:
            check(data)
        except BaseException:
            print(f"run {run} of seed {seed} failed with {repr(data)[:_SHOWN]}", file=sys.stderr)
            raise
    seconds = time.perf_counter() - began
    print(f"{runs} inputs in {seconds:.1f} s ({runs / seconds:.0f}/s): clean")


def guided(check: Callable[[bytes], None], arguments: list[str]) -> None:
    """Coverage-guided, for as long as libFuzzer's options say."""
    import atheris

    instrument: Callable[[], None] = atheris.instrument_all
    instrument()
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def main(
    words: str | None, plain: Callable[[int, int], None], check: Callable[[bytes], None], runs: int = 200_000
) -> None:
    """`plain(runs, seed)` is the loop of a harness, `check` takes what libFuzzer makes."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    options, rest = parser.parse_known_args()
    if options.atheris:
        guided(check, [f"-runs={options.runs}", f"-seed={options.seed}", *rest])
    else:
        plain(options.runs, options.seed)
