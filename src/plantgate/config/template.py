"""What `plantgate init` writes: a commented gateway.xml and plantgate.toml, and a folder for tags.

The comments are the manual that is there when nobody has another; every value is the default, so the pair runs as
it is and changes nothing when a line is deleted.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from plantgate.config.problems import config_error
from plantgate.errors import StorageError
from plantgate.runtime.files import sync_folder

GATEWAY_XML_TEXT = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE properties SYSTEM "http://java.sun.com/dtd/properties.dtd">
<properties>
<comment>Gateway Properties</comment>
<!-- The ports this gateway listens on, in the format and with the keys of an Ignition gateway. 0 turns one off.
     Which one is taken, and by whom:       plantgate ports list
     For one run only, in the environment:  PLANTGATE_GATEWAY_PORT=9088 -->
<entry key="gateway.port">8088</entry>
<entry key="gateway.sslport">8043</entry>
<entry key="gateway.metroSSLPort">8060</entry>
<!-- requireSSL refuses plain HTTP (an addition to Ignition's keys); forceSecureRedirect sends it on to HTTPS. -->
<entry key="gateway.requireSSL">false</entry>
<entry key="gateway.forceSecureRedirect">false</entry>
<!-- Behind a load balancer or a proxy: the address that browsers use, and whether X-Forwarded-* is to be believed. -->
<entry key="gateway.publicAddress.autoDetect">true</entry>
<entry key="gateway.publicAddress.address"/>
<entry key="gateway.publicAddress.httpPort"/>
<entry key="gateway.publicAddress.httpsPort"/>
<entry key="gateway.useProxyForwardedHeader">false</entry>
</properties>
"""

PLANTGATE_TOML_TEXT = """\
# plantgate: everything that is not in gateway.xml (that has the ports).
#
#   plantgate config check --data .     tells every mistake here, with its line
#   plantgate run --data . --set key=value     overrides a value for one run: --set web.address=0.0.0.0,
#                                       --set reader.entrance.port=4001 (one of several, by its name)
#   PLANTGATE_WEB_ADDRESS=0.0.0.0       the same from the environment; PLANTGATE_READER__ENTRANCE__PORT=4001;
#                                       PLANTGATE_DATABASE__MAIN__URL_FILE=/run/secrets/url reads it from a file
#
# Times have a unit: "500ms", "2s", "15min", "8h", "90d". Lines that begin with "# " and a key show its default.

[gateway]
name = "plantgate"

[web]
# What HTTP and HTTPS listen on. 127.0.0.1 is this machine only. "0.0.0.0" opens the page to the network: do that
# when accounts are set up and the firewall lets in who should come ("::" for IPv6).
address = "127.0.0.1"

[history]
enabled = true
keep = "90d"

[alarms]
keep = "365d"                             # how long the alarm journal goes back

# --- devices: PLCs that are polled -------------------------------------------------------------------------------
#
# [[device]]
# name = "PLC1"
# driver = "modbus"                       # or "modbus_rtu_over_tcp": serial frames behind a converter
# host = "192.168.1.10"
# port = 502
# enabled = true
# unit_id = 1                             # an address can name another: "3.HR1"
# timeout = "2s"
# concurrent_requests = 1                 # how many requests the PLC takes before it has answered the first
# span_gaps = true                        # one request over unused registers instead of two
# max_holding_registers_per_request = 125
# max_input_registers_per_request = 125
# max_coils_per_request = 2000
# max_discrete_inputs_per_request = 2000
# zero_based_addressing = false           # false: HR1 is the first register
# reverse_word_order = false              # of values that take two or four registers; of one tag: "HRF40@CDAB"
# local_address = ""                      # the address of this host to connect from, if it has several
# address_map = ""                        # a CSV file with names for addresses: plantgate plc map
#                                         # the other options, by Ignition's names: docs/modbus.md

# --- tags: the values of the plant; here, or in tags/*.toml, tags/*.csv, tags/*.json -----------------------------
#
# [[tag_group]]
# name = "default"
# rate = "1s"
# read_after_write = false                # read a device at once after a write
# optimistic_writes = false               # show what was written at once, until the device confirms it ...
# optimistic_write_timeout = "5s"         # ... so long at most
#
# [[tag]]
# path = "Line 1/Speed"
# type = "Float4"                         # Boolean Int1 Int2 Int4 Int8 Float4 Float8 String DateTime
# address = "[PLC1]HRF40"                 # without an address it is a memory tag: it keeps what is written to it
# unit = "bottles/min"
# description = "Speed of the filler"
# history = true
# writable = false
# group = "default"
# low = 0
# high = 600
# limit = "none"                          # enforce the range: none, low, high, both
# format = "0.0"                          # how numbers are shown
# deadband = 0                            # a smaller change is none
# deadband_mode = "absolute"              # of the tag's units, or percent of low to high
# scale = "linear"                        # off, linear, square_root, exponential_filter, bit_inversion
# raw_low = 0                             # what the device has ...
# raw_high = 27648
# scaled_low = 0                          # ... and what that stands for
# scaled_high = 600
# clamp = "none"                          # hold scaled values in their range: none, low, high, both
#
# [[tag.alarms]]                          # of the tag above, as many as you like; every key: docs/alarms.md
# name = "High"
# mode = "above"                          # equal, not_equal, above, below, between, outside, out_of_range, bad_quality,
#                                         # any_change, bit, on_condition, when_true, when_false
# setpoint = 550                          # of equal to below; between and outside have low and high
# priority = "high"                       # diagnostic, low, medium, high, critical
# deadband = 10                           # how far the value must come back before the alarm clears
# active_delay = "5s"                     # how long it must last before it counts
# clear_delay = "0s"
# ack = "manual"                          # who acknowledges: manual (a person), auto (it clears), unused
#
# [[tag]]
# path = "Line 1/Speed per hour"
# type = "Float8"
# expression = "{./Speed} * 60"           # computed when Speed changes; with source = "./Speed" {value} is that tag
#
# [[tag]]                                 # types of tags with parameters, [[udt]] and [[instance]]: docs/tags.md
# path = "Line 1/Target"
# type = "Float8"
# initial = 40.0
# persist = true                          # a memory tag whose value outlives a restart
# writable = true

# --- badges ------------------------------------------------------------------------------------------------------
#
# [[reader]]                              # SpringCore: the reader is the TCP server and takes one client
# name = "entrance"
# host = "192.168.1.20"
# port = 4000
# transport = "tcp"                       # "udp": its register 02C0 = 44; it sends to us, and port is that of both
# local_port = 0                          # UDP: where its datagrams arrive, if not at the same port number
# credential = "uid"                      # what decides: "uid" is the card's id, "data" what the template makes of it
# checksum = "off"                        # of the commands we send: off, exclusive, inclusive
# repeat_interval = "3s"                  # how often it repeats a card that stays (its register 02A1)
#
# [[card]]
# uid = "04A1B2C3D4E580"
# holder = "Ada"
# readers = ["*"]                         # names of readers; "*" is every one
#
# [[door]]
# name = "Main door"
# strike = "Doors/Main strike"            # a writable Boolean tag
# pulse = "3s"
# readers = ["entrance"]
#
# [access]                                # holders, rules, zones and most cards are kept by the page Access, not here
# without_data = "deny"                   # badges while the access data can't be read: deny, accept
# show_cards = "last4"                    # of the live tag LastCard: last4, full; a whole number is nowhere else
#
# [[badge_write]]                         # a tag that a badge writes; the reply and the door do not wait for it
# name = "intruder light"
# tag = "Doors/Red light"
# value = true
# on = "denied"                           # accepted, denied
# readers = ["*"]
# groups = []                             # members of these groups only; none: any badge, "*": any known holder
# pulse = "5s"                            # without it the value stays
# after = false                           # what is written back then; of a Boolean tag the opposite of value
#
# [[write_permit]]                        # tags that only somebody who has just shown a badge may write
# name = "setting up"
# tags = ["Line 1/Setpoint", "Line 1/Recipe/*"]
# readers = ["entrance"]
# groups = ["setters"]
# within = "30s"
# once = false                            # true: a badge is good for one write

# --- databases ---------------------------------------------------------------------------------------------------
#
# [[database]]
# name = "main"
# url = "postgresql://user@db.example:5432/plant"   # mysql, mariadb, postgresql, mssql, oracle, sqlite

# --- listeners that are off until enabled ------------------------------------------------------------------------

[opcua.server]
enabled = false
port = 4840

[opcua.discovery]
enabled = false
port = 4096

[modbus_server]
enabled = false
port = 502
# address = "127.0.0.1"               # this machine only; 0.0.0.0 is every IPv4 interface
# clients = []                        # who may connect: ["10.0.0.0/24"]; none named: whoever reaches the port
# writable = false                    # true: what is writable in the map can be written
# writers = []                        # of the clients those who may write: ["10.0.0.7"]; none named: all of them
# unit_id = 1                         # of addresses without a unit prefix; it is also asked for as 0 and 255
# bad_quality = "exception"           # reading a tag that is not good is exception 04; "last": its last value
# gaps = "exception"                  # reading an address that the map has not is exception 02; "zero": 0
# max_clients = 64
# max_clients_per_address = 16
# idle_timeout = "5m"
# zero_based_addressing = false       # these four as of a device
# reverse_word_order = false
# reverse_string_byte_order = false
# right_justify_strings = false
#
# [[modbus_server.map]]
# address = "HRF40"                   # as of a device: 3.HR40 is unit 3, HR41.0 a bit, HRF40@CDAB the low word first
# tag = "Line 1/Setpoint"
# writable = false
# quality = "IR1040"                  # its quality code in a register (192 is good), or a bit: DI1040
"""

TAGS_TEXT = """\
# Every .toml, .csv and .json file in this folder is read. Take this one as a start, or delete it.
#
# [[tag]]
# path = "Line 1/Setpoint"
# type = "Float8"
# writable = true
# initial = 42.0
#
# The same as CSV:
# path,type,address,unit,history
# Line 1/Speed,Float4,[PLC1]HRF40,bottles/min,true
"""


def write_pair(directory: Path) -> tuple[Path, ...]:
    """Write gateway.xml, plantgate.toml and tags/ into `directory`, which is made if need be; gives the files.

    Never overwrites: raises ConfigError naming the file that is already there, and nothing is written. A file that
    appears is whole. Raises StorageError if the disk refuses.
    """
    texts = {
        directory / "gateway.xml": GATEWAY_XML_TEXT,
        directory / "plantgate.toml": PLANTGATE_TOML_TEXT,
        directory / "tags" / "example.toml": TAGS_TEXT,
    }
    for path in texts:
        if os.path.lexists(path):
            raise _exists(path)
    written: list[Path] = []
    try:
        (directory / "tags").mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            _create(path, text.encode())
            written.append(path)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError) and Path(error.filename or "").suffix:
            raise _exists(Path(error.filename)) from None
        raise StorageError(
            "CFG-174",
            f"{directory} can't be written: {error.strerror}",
            "choose a folder that this user may write to",
        ) from None
    return tuple(written)


def _create(path: Path, data: bytes) -> None:
    """A new file, whole or not at all; raises FileExistsError if there is one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        _rename_new(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def _rename_new(temporary: Path, path: Path) -> None:
    """Rename without overwriting: a hard link refuses to; where there are none, Windows' rename does."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise FileExistsError(17, "file exists", str(path)) from None
    except OSError:
        if path.exists():
            raise FileExistsError(17, "file exists", str(path)) from None
        temporary.rename(path)


def _exists(path: Path) -> Exception:
    return config_error(
        "CFG-173", str(path), "", "is already there and is not overwritten", "choose another folder, or edit the file"
    )
