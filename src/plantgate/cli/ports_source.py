"""Where the ports commands get their configuration from: `--data`, `--gateway-xml`, or a local Ignition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from plantgate.cli.common import note

if TYPE_CHECKING:
    from plantgate.config.document import Configuration

XmlOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--gateway-xml", metavar="FILE", help="A gateway.xml, also an Ignition gateway's.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True)
class Source:
    """`data` is a data directory of plantgate, `gateway_xml` the file that holds the ports, None if there is none.

    `ignition`: the file stands alone, so it belongs to a gateway that is not ours.
    """

    configuration: Configuration
    data: Path | None
    gateway_xml: Path | None

    @property
    def ignition(self) -> bool:
        return self.data is None and self.gateway_xml is not None


def configuration_for(data: Path | None, gateway_xml: Path | None, sets: Sequence[str] | None = None) -> Configuration:
    """The checked configuration that a ports command talks about. Raises ConfigError."""
    return source_for(data, gateway_xml, sets).configuration


def source_for(data: Path | None, gateway_xml: Path | None, sets: Sequence[str] | None = None) -> Source:
    """As `configuration_for`, with the files.

    When nothing is named, the gateway.xml of a local Ignition is used, and standard error says which. Raises
    ConfigError for a file or a setting that is wrong.
    """
    from plantgate.config.load import load

    found = local_ignition() if data is None and gateway_xml is None and not _names_a_file(sets) else None
    configuration = load(data, sets or (), gateway_xml=gateway_xml or found)
    source = Source(configuration, data, configuration.gateway_xml)
    if source.ignition and configuration.source_of("web.address") == "default":
        from msgspec.structs import replace

        # web.address is a setting of ours: an Ignition listens on every interface.
        everywhere = replace(configuration.web, address="0.0.0.0")  # noqa: S104 - nothing is bound here
        source = Source(replace(configuration, web=everywhere), data, configuration.gateway_xml)
    return source


def local_ignition() -> Path | None:
    """The gateway.xml of an Ignition on this machine, if this user may read it; a remark says what was found."""
    from plantgate.ports.ignition import Host, find_gateway_xml

    place = find_gateway_xml(Host())
    if place is None:
        return None
    path = Path(place)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        note(f"note: found an Ignition's {path} but can't read it ({reason}): the defaults are shown")
        note("  next: run this as administrator, or as the user that runs Ignition")
        return None
    note(f"note: using the Ignition on this machine: {path}")
    return path


def _names_a_file(sets: Sequence[str] | None) -> bool:
    import os

    from plantgate.config.overrides import config_file

    return config_file(sets or (), os.environ) is not None
