"""Commands whose module is imported when one of them is called: `--help` shows a line of each without that."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


def on_demand(commands: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    """A class for `Typer(cls=...)` that has `commands` beside its own: name -> (module, its line of help).

    A module has `register(app)`, which adds the command of that name, or it is a group of its own, an `app`.
    """

    class OnDemand(TyperGroup):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for name, (_, line) in commands.items():
                self.commands[name] = TyperCommand(name, help=line)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] in commands:
                self.commands[args[0]] = _imported(commands[args[0]][0], args[0])
            return super().resolve_command(ctx, args)

    return OnDemand


def _imported(module: str, name: str) -> Any:
    found = import_module(module)
    if not hasattr(found, "register"):
        group = get_group(found.app)
        group.name = name
        return group
    holder = typer.Typer()
    found.register(holder)
    return get_group(holder).commands[name]
