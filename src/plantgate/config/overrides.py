"""Values from outside the files: `--set key=value` and environment variables.

Priority, highest first: `--set`, PLANTGATE_... , Ignition's GATEWAY_HTTP_PORT, GATEWAY_HTTPS_PORT and
GATEWAY_GAN_PORT, the files, the defaults. Keys are dotted: `gateway.port` (gateway.xml), `web.address`
(plantgate.toml), `reader.entrance.port` (one of a list, by its name). In the environment PLANTGATE_GATEWAY_PORT,
PLANTGATE_WEB_ADDRESS, PLANTGATE_READER__ENTRANCE__PORT; with _FILE behind it, the name of a file that holds the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from plantgate.config.document import LISTS, TABLES, WebServer
from plantgate.config.fields import Entry, Override, rules_of
from plantgate.config.problems import Problems, did_you_mean, one_of, shown, valid_keys
from plantgate.config.source import read_bytes
from plantgate.config.tomlfile import Sections
from plantgate.errors import ConfigError
from plantgate.limits import GATEWAY_XML_BYTES
from plantgate.model.tag import full_path

PREFIX = "PLANTGATE_"
CONFIG_FILE = "config_file"
MODBUS_PORT = "modbus_port"

# The parameter names of the Ignition ports reference. `modbus_port` is also the port of devices that set none.
ALIASES: Mapping[str, str] = {
    "http_port": "gateway.port",
    "https_port": "gateway.sslport",
    "metro_ssl_port": "gateway.metroSSLPort",
    "opcua_port": "opcua.server.port",
    MODBUS_PORT: "modbus_server.port",
}
IGNITION_ENVIRONMENT: Mapping[str, str] = {
    "GATEWAY_HTTP_PORT": "gateway.port",
    "GATEWAY_HTTPS_PORT": "gateway.sslport",
    "GATEWAY_GAN_PORT": "gateway.metroSSLPort",
}
# A Kubernetes service called "plantgate" puts these into every container of its namespace.
_KUBERNETES = re.compile(r"PLANTGATE(_[A-Z0-9_]+)?_(SERVICE_(HOST|PORT.*)|PORT(_\d+_(TCP|UDP).*)?)\Z")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[\s:.\-]")
_OTHER = re.compile(r"[^A-Z0-9]")


def canonical(section: str, name: object) -> str:
    """The name by which an item of a list is known: a card by its plain hex, a tag by its full path."""
    text = name if isinstance(name, str) else ""
    if section == "card":
        return _SEPARATORS.sub("", text).upper()
    return full_path(text) if section in {"tag", "instance"} else text


def scalar_keys() -> dict[str, tuple[str, str]]:
    """Every key that is there once: dotted key -> (section, key in the section)."""
    keys = {key: ("gateway.xml", key) for key in rules_of(WebServer)}
    for section, struct in TABLES.items():
        keys |= {f"{section}.{key}": (section, key) for key in rules_of(struct)}
    return keys


def config_file(sets: Sequence[str], environ: Mapping[str, str]) -> Path | None:
    """The gateway.xml named by `--set config_file=...` or PLANTGATE_CONFIG_FILE."""
    for text in reversed(sets):
        key, _, value = text.partition("=")
        if key.strip() == CONFIG_FILE and value:
            return Path(value.strip())
    named = environ.get(f"{PREFIX}{CONFIG_FILE.upper()}")
    return Path(named) if named else None


class Overrider:
    """Puts overrides onto the entries of `sections`; what can't be meant becomes a problem or a warning."""

    def __init__(self, sections: Sections, problems: Problems) -> None:
        self._sections = sections
        self._problems = problems
        self._scalars = scalar_keys()
        self._modbus_port: Override | None = None
        self.warnings: list[str] = []

    def apply(self, environ: Mapping[str, str], sets: Sequence[str]) -> None:
        """All of them, the strongest last."""
        self._apply_environment(environ)
        self._apply_sets(sets)
        if self._modbus_port is not None:
            for entry in self._sections.lists["device"]:
                if "port" not in entry.values:
                    entry.overrides.setdefault("port", self._modbus_port)

    def _apply_environment(self, environ: Mapping[str, str]) -> None:
        for name, key in IGNITION_ENVIRONMENT.items():
            if environ.get(name):
                self._put_scalar(key, Override(environ[name], f"environment {name}"))
        names = dict(_environment_names(self._scalars))
        for name in sorted(environ):
            if name.startswith(PREFIX) and environ[name]:
                self._variable(name, environ, names)

    def _apply_sets(self, sets: Sequence[str]) -> None:
        for text in sets:
            key, equals, value = text.partition("=")
            if not equals:
                self._problems.add("CFG-130", "--set", shown(text), "expected key=value")
            elif key.strip() != CONFIG_FILE:
                self._set(key.strip(), value.strip())

    def _set(self, key: str, value: str) -> None:
        override = Override(value, "--set")
        scalar = ALIASES.get(key, key)
        section, _, rest = key.partition(".")
        if scalar in self._scalars:
            self._put_scalar(scalar, override)
            if key == MODBUS_PORT:
                self._modbus_port = override
        elif section in LISTS:
            name, _, field = rest.rpartition(".")
            self._put_item(section, name, field, override)
        else:
            known = [*self._scalars, *ALIASES, CONFIG_FILE, *(f"{name}.NAME.KEY" for name in LISTS if "." not in name)]
            self._problems.add(
                "CFG-131", "--set", key, f"unknown key{did_you_mean(key, known)}", valid_keys(key, known)
            )

    def _variable(self, name: str, environ: Mapping[str, str], names: Mapping[str, str]) -> None:
        plain = name.removeprefix(PREFIX)
        from_file = not self._is_known(plain, names) and plain.endswith("_FILE")
        if from_file:
            plain = plain.removesuffix("_FILE")
        if plain == CONFIG_FILE.upper():
            return
        if not self._is_known(plain, names):
            if not _KUBERNETES.match(name):
                near = did_you_mean(name, (PREFIX + known for known in names))
                self.warnings.append(f"environment {name}: not a setting{near}. It is ignored")
            return
        source = f"environment {name}"
        if from_file and environ.get(PREFIX + plain):
            self._problems.add("CFG-132", source, "", f"{PREFIX}{plain} is set too: which of the two?")
            return
        value = self._file(environ[name], source) if from_file else environ[name]
        if value is None:
            return
        override = Override(value, source)
        if plain not in names:
            section, *middle, field = plain.split("__")
            self._put_item(section.lower(), "__".join(middle), field.lower(), override, folded=True)
            return
        if value.startswith("tcp://"):
            self._problems.add(
                "CFG-133",
                source,
                "",
                "Kubernetes has set this for a service of that name",
                "set enableServiceLinks: false in the pod, or give the service another name",
            )
            return
        self._put_scalar(names[plain], override)
        if plain == MODBUS_PORT.upper():
            self._modbus_port = override

    def _is_known(self, plain: str, names: Mapping[str, str]) -> bool:
        parts = plain.split("__")
        return plain in names or (
            len(parts) >= 3
            and (found := LISTS.get(parts[0].lower())) is not None
            and parts[-1].lower() in rules_of(found[0])
        )

    def _file(self, path: str, source: str) -> str | None:
        try:
            return read_bytes(Path(path), GATEWAY_XML_BYTES).decode("utf-8-sig").rstrip("\r\n")
        except ConfigError as error:
            self._problems.add("CFG-134", source, "", error.message)
        except UnicodeDecodeError:
            self._problems.add("CFG-134", source, "", f"{path} is not UTF-8")
        return None

    def _put_scalar(self, key: str, override: Override) -> None:
        section, inner = self._scalars[key]
        entry = self._sections.tables.setdefault(section, Entry({}, lambda _key: override.source))
        entry.overrides[inner] = override

    def _put_item(self, section: str, name: str, key: str, override: Override, *, folded: bool = False) -> None:
        """`folded` names come from the environment: upper case, everything but letters and digits is `_`."""
        struct, by = LISTS[section]
        entries = self._sections.lists[section]
        names = [canonical(section, entry.values.get(by)) for entry in entries]
        wanted = _folded(name) if folded else canonical(section, name)
        found = [
            entry for entry, own in zip(entries, names, strict=True) if (_folded(own) if folded else own) == wanted
        ]
        label = f"{section}.{name}.{key}"
        if not found:
            self._problems.add(
                "CFG-135",
                override.source,
                label,
                f"there is no {section} {shown(name)}{did_you_mean(name, names)}",
                f"there are: {one_of(names)}" if names else f"none is configured: add a [[{section}]]",
            )
        elif key not in (rules := rules_of(struct)):
            self._problems.add(
                "CFG-131",
                override.source,
                label,
                f"unknown key{did_you_mean(key, rules)}",
                valid_keys(key, rules),
            )
        elif len(found) > 1 and folded:
            self._problems.add("CFG-136", override.source, label, "more than one has this name here: use --set")
        else:
            for entry in found:
                entry.overrides[key] = override


def _environment_names(scalars: Mapping[str, tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """GATEWAY_METROSSLPORT, GATEWAY_METRO_SSL_PORT, OPCUA_SERVER_PORT, OPCUA__SERVER__PORT, HTTP_PORT ... -> key."""
    for key in scalars:
        for text in (key, _CAMEL.sub("_", key)):
            yield _folded(text.replace(".", "__")), key
            yield _folded(text), key
    for alias, key in ALIASES.items():
        yield alias.upper(), key


def _folded(name: str) -> str:
    return _OTHER.sub("_", name.upper())
