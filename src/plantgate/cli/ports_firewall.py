"""`plantgate ports firewall` and `ports balancer`: what must stand around the gateways, to read and to apply."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plantgate.cli.common import DataOption, JsonOption, SetOption, note, print_json, say, told
from plantgate.cli.ports_source import XmlOption, configuration_for

if TYPE_CHECKING:
    from plantgate.config.document import Configuration
    from plantgate.ports.firewall.plan import Plan, Step
    from plantgate.ports.firewall.rules import Rule, RuleSet


def register(app: typer.Typer) -> None:
    """Add the two commands to `plantgate ports`."""
    app.command("firewall")(firewall)
    app.command("balancer")(balancer)


def firewall(
    system: Annotated[
        str, typer.Argument(metavar="SYSTEM", help="netsh, powershell, ufw, firewalld, nftables or iptables.")
    ],
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]CIDR",
            help="Who may connect: to every port, or to one by its name; may be given several times.",
            show_default=False,
        ),
    ] = None,
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="firewalld only: traffic of this zone.", show_default=False)
    ] = "",
    outbound: Annotated[
        bool, typer.Option("--outbound", help="Also rules for devices, readers and databases that we connect to.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="The undo: removes these rules and nothing else.")] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Linux: show the change, ask, and make it on this machine.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --apply: don't ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Firewall rules for what this configuration really needs. Nothing is changed without --apply.

    With --source nobody else reaches these ports. Other ports, ssh among them, are never touched.
    """
    with told(as_json=as_json):
        from plantgate.ports.firewall import writers
        from plantgate.ports.firewall.apply import check, complete
        from plantgate.ports.firewall.plan import Order

        rules = _rules(data, gateway_xml, sets, source or [], outbound=outbound, as_json=as_json)
        plan = writers.plan(system, Order(rules, outbound, zone), remove=remove)
        steps: tuple[Step, ...] = ()
        if apply:
            check(plan)
            steps = complete(plan)
        if as_json and not apply:
            print_json(_told(system, rules, plan, applied=False))
            return
        if apply:
            _apply(plan, steps, yes=yes, as_json=as_json)
            if as_json:
                print_json(_told(system, rules, plan, applied=True))
            return
    say(plan.text.rstrip("\n"))


def balancer(
    product: Annotated[str, typer.Argument(metavar="PRODUCT", help="haproxy, nginx or caddy.")],
    gateway: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]", help="A gateway's HTTPS port; may be given several times.", show_default=False
        ),
    ] = None,
    tls: Annotated[
        str,
        typer.Option(
            metavar="passthrough|reencrypt",
            help="Who speaks TLS with browsers. Without it: reencrypt if there is a --certificate.",
            show_default=False,
        ),
    ] = "",
    certificate: Annotated[
        str,
        typer.Option(metavar="FILE", help="PEM file with the balancer's certificate and key.", show_default=False),
    ] = "",
    ca: Annotated[
        str,
        typer.Option(metavar="FILE", help="PEM file to check the gateways' certificates with.", show_default=False),
    ] = "",
    port: Annotated[int, typer.Option(help="Where browsers connect to.")] = 443,
    address: Annotated[str, typer.Option(metavar="IP", help="Listen on this address only.", show_default=False)] = "",
    ignition: Annotated[
        bool, typer.Option("--ignition", help="The gateways are Ignition's: they have no /health/active.")
    ] = False,
    data: DataOption = None,
    gateway_xml: XmlOption = None,
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """The configuration of a load balancer in front of several gateways: health checks, WebSockets, sticky sessions."""
    with told(as_json=as_json):
        from plantgate.errors import UsageError
        from plantgate.ports.balancer.model import Balancer, Tls, parse_gateways
        from plantgate.ports.balancer.writers import configuration_text

        try:
            way = Tls(tls or ("reencrypt" if certificate else "passthrough"))
        except ValueError:
            raise UsageError("BAL-141", f"--tls {tls}: there is no such way", "passthrough or reencrypt") from None
        found = Balancer(
            gateways=parse_gateways(gateway or [], _https_port(data, gateway_xml, sets)),
            tls=way,
            port=port,
            certificate=certificate,
            ca=ca,
            ignition=ignition,
            address=address,
        )
        text = configuration_text(product, found)
    for warning in found.warnings:
        note(f"warning: {warning}")
    if as_json:
        gateways = [asdict(item) for item in found.gateways]
        print_json({"product": product, "tls": way.value, "port": port, "gateways": gateways, "text": text})
    else:
        say(text.rstrip("\n"))


def _configuration(data: Path | None, gateway_xml: Path | None, sets: list[str] | None) -> Configuration:
    from plantgate.cli.ports_rows import warn

    found = configuration_for(data, gateway_xml, sets)
    warn(found)
    return found


def _https_port(data: Path | None, gateway_xml: Path | None, sets: list[str] | None) -> int:
    """The port of a gateway that is named without one; 8043 where HTTPS is off here."""
    return _configuration(data, gateway_xml, sets).web_server.ssl_port or 8043


def _rules(
    data: Path | None,
    gateway_xml: Path | None,
    sets: list[str] | None,
    sources: list[str],
    *,
    outbound: bool,
    as_json: bool,
) -> RuleSet:
    from plantgate.ports.firewall.rules import derive
    from plantgate.ports.firewall.sources import parse_sources

    configuration = _configuration(data, gateway_xml, sets)
    # A lone gateway.xml says nothing of addresses, and Ignition listens on all of them.
    everywhere = configuration.directory is None and configuration.source_of("web.address") == "default"
    rules = derive(configuration, parse_sources(sources), outbound=outbound, every_interface=everywhere)
    if everywhere and not as_json:
        note("no data directory: ports are taken to listen on every interface; --set web.address=... says otherwise")
    if not rules.rules and not as_json:
        note("nothing needs a rule: nothing listens for other machines")
    return rules


def _apply(plan: Plan, steps: tuple[Step, ...], *, yes: bool, as_json: bool) -> None:
    from plantgate.ports.firewall.apply import run
    from plantgate.ports.firewall.plan import shell

    # What is shown is what will run, with the steps that clear up; standard output stays JSON where that is wanted.
    typer.echo(shell(steps).rstrip("\n") or "nothing to do", err=as_json)
    if not steps:
        return
    if not yes and not typer.confirm("Make this change on this machine?", err=True):
        raise typer.Exit(1)
    count = run(steps)
    note(f"done: {count} of {len(steps)} steps were needed")


def _told(system: str, rules: RuleSet, plan: Plan, *, applied: bool) -> dict[str, Any]:
    return {
        "system": system,
        "applied": applied,
        "rules": [_rule(rule) for rule in rules.rules],
        "remarks": list(rules.remarks),
        "text": plan.text,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "why": rule.why,
        "port_name": rule.port_name,
        "direction": rule.way,
        "protocol": rule.protocol,
        "port": rule.port,
        "sources": [str(item) for item in rule.sources],
        "destinations": [str(item) for item in rule.destinations],
    }
