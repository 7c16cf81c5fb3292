"""`plantgate ports`: which ports there are, who holds them, which are open. Needs no running gateway."""

from __future__ import annotations

import typer

from plantgate.cli.on_demand import on_demand

COMMANDS = {
    "list": (
        "plantgate.cli.ports_list",
        "Every port: what for, configured where, listening or not, and which process holds it.",
    ),
    "scan": (
        "plantgate.cli.ports_scan",
        "Try every port of the atlas on each HOST: OPEN, CLOSED, FILTERED (no answer) or UNREACHABLE.",
    ),
    "explain": (
        "plantgate.cli.ports_check",
        "What a port is for, who usually takes it, how to test and to change it, whom to tell.",
    ),
    "check": (
        "plantgate.cli.ports_check",
        "Try to open every port that is configured: who stands in the way, and the command that resolves it.",
    ),
    "set": (
        "plantgate.cli.ports_set",
        "Change a port: the file keeps everything else byte for byte, a gateway that runs moves http, https and its "
        "Modbus server at once.",
    ),
    "confirm": ("plantgate.cli.ports_set", "Keep a port that is on trial: it goes into its file and stays."),
    "firewall": (
        "plantgate.cli.ports_firewall",
        "Firewall rules for what this configuration really needs. Nothing is changed without --apply.",
    ),
    "balancer": (
        "plantgate.cli.ports_firewall",
        "The configuration of a load balancer in front of several gateways: health checks, WebSockets, "
        "sticky sessions.",
    ),
    "watch": (
        "plantgate.cli.ports_watch",
        "Show what opens, closes, changes its process and who connects, with the time of each change. Ctrl+C ends it.",
    ),
}

app = typer.Typer(no_args_is_help=True, cls=on_demand(COMMANDS))


@app.callback()
def ports() -> None:
    """Know, prove and fix every port."""
