"""`plantgate user`: who may command."""

from __future__ import annotations

from typing import Annotated

import typer

from plantgate.cli.common import JsonOption, RequiredDataOption, SetOption, print_json, say, told

app = typer.Typer(help="Sign-in links: whoever may write the data directory may make one.", no_args_is_help=True)


@app.command()
def link(
    data: RequiredDataOption,
    actor: Annotated[str, typer.Option("--name", help="The name that the audit log shows.")] = "operator",
    sets: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs one browser in, once, within a day."""
    from plantgate.config.load import load
    from plantgate.errors import StorageError
    from plantgate.runtime.clock import SystemClock
    from plantgate.security import sign_in

    with told(as_json=as_json):
        configuration = load(data, sets or ())
        try:
            token = sign_in.create(data, actor, SystemClock())
        except OSError as error:
            raise StorageError(
                "USR-101", f"{data} can't be written: {error.strerror}", "run this as the user that runs the gateway"
            ) from None
        url = sign_in.url(configuration.web.address, configuration.web_server.port, configuration.web_server.ssl_port)
        if as_json:
            print_json({"url": f"{url}/#signin={token}", "actor": actor})
        else:
            say(f"{url}/#signin={token}")


@app.callback()
def _group() -> None:
    """Sign-in links: whoever may write the data directory may make one."""
