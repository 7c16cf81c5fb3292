"""Registers of a SpringCore reader: the byte-exact examples of springcore.md 1.8, the hex form, findings, wishes."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import ConfigError, UsageError
from plantgate.limits import REGISTER_FILE_BYTES
from plantgate.protocols.scrdr import (
    NetworkFormat,
    NetworkMode,
    Profile,
    RegisterErrors,
    RegisterFile,
    Severity,
    findings,
    for_installation,
)
from plantgate.protocols.scrdr.registers_table import REGISTERS, known, spec_of

ADDRESS = IPv4Interface("192.168.1.50/24")
ROUTER = IPv4Address("192.168.1.1")


def parse(*lines: str) -> RegisterFile:
    return RegisterFile.parse("\n".join(lines))


def codes(file: RegisterFile, severity: Severity | None = None) -> list[str]:
    return [item.code for item in findings(file) if severity in (None, item.severity)]


def refusals(**wishes: object) -> list[str]:
    with pytest.raises(RegisterErrors) as caught:
        for_installation(**{"address": ADDRESS, **wishes})  # type: ignore[arg-type]
    return [error.message for error in caught.value.errors]


# the table


@pytest.mark.parametrize(
    ("address", "default"),
    [
        (0x0280, "00" * 20),
        (0x0281, "00" * 16),
        (0x0283, "00"),
        (0x0284, "04"),
        (0x0285, "00" * 14),
        (0x0290, b"rdr.springcard.com".hex()),
        (0x0291, b"iwm2/iwm2_post.php".hex()),
        (0x0292, "1E3C"),
        (0x0293, ""),
        (0x0294, b"255.255.255.255".hex()),
        (0x0295, "00"),
        (0x02A0, "0003000200"),
        (0x02A1, "0A1E"),
        (0x02C0, "00"),
        (0x02D0, "00"),
        (0x02D8, "01"),
        (0x02F0, "00000000"),
    ],
)
def test_default(address: int, default: str) -> None:
    assert RegisterFile().get(address) == bytes.fromhex(default)


def test_every_default_fits_and_is_described() -> None:
    for address, spec in REGISTERS.items():
        assert spec.fits(spec.default), spec.name
        assert all(item.field and item.text for item in RegisterFile().describe(address)), spec.name
        assert spec.variable or len(spec.default) == spec.size, spec.name


def test_factory_reader() -> None:
    file = RegisterFile()
    assert (file.network_mode, file.profile, file.network_format) == (
        NetworkMode.OFF,
        Profile.DIRECT,
        NetworkFormat.JSON,
    )
    assert (file.scrdr_port, file.track, file.active_from_start) == (4000, False, False)
    assert (file.read_interval_s, file.repeat_interval_s) == (1.0, 3.0)
    assert (file.ui_host_controlled, file.volume, file.network_on) == (False, 1, True)
    assert (file.ip, file.gateway, file.dns) == (None, None, ())
    assert (file.serves_tcp, file.serves_udp, file.speaks_scrdr) == (False, False, False)
    assert file.udp_destination == "255.255.255.255"


# the byte-exact examples


def test_examples_of_the_reference() -> None:
    file = for_installation(address=ADDRESS, gateway=ROUTER, dns=[ROUTER], port=4001, track=True)
    assert file.get(0x0280).hex().upper() == "C0A80132FFFFFF00C0A80101C0A8010100000000"
    assert file.get(0x0285).hex().upper() == "00000000000000000FA100000000"
    assert file.get(0x02A0).hex().upper() == "1003000100"
    assert file.get(0x02C0).hex().upper() == "24"
    assert for_installation(address=ADDRESS).get(0x02A0).hex().upper() == "0003000100"


def test_examples_decoded() -> None:
    file = parse(
        "0280=C0A80132FFFFFF00C0A80101C0A8010100000000",
        "0285=00000000000000000FA100000000",
        "02A0=1003000100",
        "02C0=24",
    )
    assert (file.ip, file.mask) == (ADDRESS.ip, ADDRESS.netmask)
    assert (file.gateway, file.dns) == (ROUTER, (ROUTER,))
    assert file.scrdr_port == 4001
    assert (file.track, file.network_format) == (True, NetworkFormat.SCRDR)
    assert (file.network_mode, file.profile) == (NetworkMode.TCP_SERVER, Profile.SMART_READER)
    assert (file.serves_tcp, file.serves_udp, file.speaks_scrdr) == (True, False, True)
    assert file.comment(0x02C0) == "profile: network TCP server, profile Smart Reader"


@pytest.mark.parametrize(
    ("value", "mode", "tcp", "udp"),
    [
        ("14", NetworkMode.HTTP_CLIENT, False, False),
        ("24", NetworkMode.TCP_SERVER, True, False),
        ("34", NetworkMode.TCP_AND_UDP_SERVER, True, True),
        ("44", NetworkMode.UDP_SERVER, False, True),
        ("64", NetworkMode.MQTT_CLIENT, False, False),
        ("22", NetworkMode.TCP_SERVER, False, False),
    ],
)
def test_common_profiles(value: str, mode: NetworkMode, tcp: bool, udp: bool) -> None:
    file = parse(f"02C0={value}")
    assert (file.network_mode, file.serves_tcp, file.serves_udp) == (mode, tcp, udp)


def test_the_network_that_is_off_serves_nothing() -> None:
    assert not parse("02C0=24", "0283=80").serves_tcp


@pytest.mark.parametrize(
    ("value", "read", "repeat"), [("0A1E", 1.0, 3.0), ("0000", 0.0, 0.0), ("05FF", 0.5, None), ("FFFE", 25.5, 25.4)]
)
def test_intervals(value: str, read: float, repeat: float | None) -> None:
    file = parse(f"02A1={value}")
    assert (file.read_interval_s, file.repeat_interval_s) == (read, repeat)


def test_bits_of_the_user_interface() -> None:
    file = parse("02D0=01", "02D8=07", "02A0=0303000100")
    assert (file.ui_host_controlled, file.volume) == (True, 7)
    assert (file.explicit_activation, file.active_from_start) == (True, True)


# templates


def test_templates() -> None:
    file = parse("0310=FF", "0311=0200", "0312=23", "0315=ABCD", "0321=A600")
    assert [spec.name for spec in file.specs()] == [
        "template 1: lookup list",
        "template 1: output format",
        "template 1: prefix",
        "template 1: option 5",
        "template 2: output format",
    ]
    assert [item.text for item in file.describe(0x0311)] == ["hex, 8 bytes", "padded with 00 on the left", "as read"]
    assert [item.text for item in file.describe(0x0321)] == [
        "hex, 11 bytes",
        "padded with FF on the right",
        "4-byte NFC-A ids reversed",
    ]
    assert file.comment(0x0310).endswith("all supported protocols")
    assert file.get(0x0330) == b"\0"


# the hex form


def test_form_with_comments_spaces_and_case() -> None:
    file = parse("\ufeff# a reader", "", " 02c0 = 24   # Smart Reader", "0280=", "02a0 = 00 03 00 01 00", "02A1=0a1e")
    assert file.values == {
        0x0280: b"",
        0x02A0: b"\0\3\0\1\0",
        0x02A1: b"\x0a\x1e",
        0x02C0: b"\x24",
    }
    assert file.ip is None
    assert file.is_default(0x0280)
    assert file.is_default(0x02A1)
    assert not file.is_default(0x02C0)


def test_every_bad_line_is_named() -> None:
    text = "02C0=24\nnonsense\n2C0=24\n02C0=44\n02A0=00\n02D8=0\n02D0=0G\n=24\n02A1=0A1E\n"
    with pytest.raises(RegisterErrors) as caught:
        RegisterFile.parse(text, "reader.txt")
    assert [error.message.split(": ")[0] for error in caught.value.errors] == [
        f"reader.txt:{line}" for line in (2, 3, 4, 5, 6, 7, 8)
    ]
    assert "02A0 (Smart Reader features) has 5 bytes, here are 1" in str(caught.value)
    assert "is set twice" in str(caught.value)


def test_one_bad_line_is_the_error() -> None:
    with pytest.raises(RegisterErrors, match=r"02C0: 'XX' is no value in hex") as caught:
        parse("02C0=XX")
    assert caught.value.code == "SC-502"


def test_what_is_no_register_file_at_all() -> None:
    with pytest.raises(ConfigError, match="no register file"):
        RegisterFile.parse("#" * (REGISTER_FILE_BYTES + 1))
    with pytest.raises(RegisterErrors, match="and 4950 more bad lines"):
        RegisterFile.parse("\x1b[2J\n" * 5_000)


def test_a_bad_line_is_shown_printable() -> None:
    with pytest.raises(RegisterErrors) as caught:
        parse("\x1b[31m" + "x" * 500)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 200


REGISTER = st.sampled_from([*REGISTERS, 0x0310, 0x0311, 0x0312, 0x0313, 0x0201, 0xFFFF])


@st.composite
def files(draw: st.DrawFn) -> RegisterFile:
    file = RegisterFile()
    for address in draw(st.lists(REGISTER, max_size=8)):
        spec = spec_of(address)
        lowest = 0 if spec.variable else spec.size
        file = file.with_value(address, draw(st.binary(min_size=lowest, max_size=spec.size)))
    return file


@given(files())
def test_text_round_trip(file: RegisterFile) -> None:
    text = file.to_text()
    assert RegisterFile.parse(text) == file
    assert text.isascii()
    assert text.count("\n") == len(file.values)


@given(files())
def test_no_registers_make_the_views_or_the_findings_fail(file: RegisterFile) -> None:
    for name in dir(RegisterFile):
        if isinstance(getattr(RegisterFile, name), property):
            getattr(file, name)
    for finding in findings(file):
        if finding.fix:
            address, _, value = finding.fix.partition("=")
            mended = file.with_value(int(address, 16), bytes.fromhex(value))
            assert finding not in findings(mended), finding


@given(st.text(max_size=300))
def test_parse_takes_any_text(text: str) -> None:
    with contextlib.suppress(RegisterErrors):
        RegisterFile.parse(text)


def test_with_value_refuses_another_size() -> None:
    with pytest.raises(UsageError, match="register 02C0 has 1 byte, not 2"):
        RegisterFile().with_value(0x02C0, b"\0\0")
    with pytest.raises(UsageError, match="up to 48 bytes, not 49"):
        RegisterFile().with_value(0x0294, b"x" * 49)
    with pytest.raises(UsageError, match="four hex digits"):
        RegisterFile().with_value(0x10000, b"")


def test_secrets_are_not_described() -> None:
    file = parse("0293=00112233", "028C=" + b"secret".hex(), "02FF=" + b"master".hex())
    for address in file.values:
        assert file.describe(address)[0].text.endswith("bytes, not shown")
        assert spec_of(address).secret
        assert known(address)


# findings


def test_a_fine_reader_has_no_findings() -> None:
    file = for_installation(address=ADDRESS, gateway=ROUTER, dns=[ROUTER], host_ui=True)
    assert findings(file) == []
    assert findings(RegisterFile.parse(file.to_text())) == []


def test_factory_reader_is_found_wanting() -> None:
    assert codes(RegisterFile(), Severity.PROBLEM) == ["SC-521", "SC-522", "SC-524"]
    assert codes(RegisterFile()) == ["SC-521", "SC-522", "SC-524", "SC-529", "SC-536"]


def test_mending_what_is_found_makes_it_work() -> None:
    file = parse("0283=84", "02A0=0203000300", "02C0=A2", "0288=0100000000", "02D8=00", "0310=00")
    for _ in range(20):
        fixes = [item.fix for item in findings(file) if item.fix]
        if not fixes:
            break
        address, _, value = fixes[0].partition("=")
        file = file.with_value(int(address, 16), bytes.fromhex(value))
    assert codes(file) == ["SC-529"]
    assert file.serves_tcp
    assert file.speaks_scrdr


GOOD = ("02C0=24", "02A0=0003000100", "0280=C0A80132FFFFFF00C0A801010000000000000000", "02D0=01")


@pytest.mark.parametrize(
    ("line", "code", "severity", "fix"),
    [
        ("02C0=20", "SC-521", Severity.PROBLEM, "02C0=24"),
        ("02C0=42", "SC-521", Severity.PROBLEM, "02C0=44"),
        ("02C0=14", "SC-522", Severity.PROBLEM, "02C0=24"),
        ("02C0=64", "SC-522", Severity.PROBLEM, "02C0=24"),
        ("02C0=74", "SC-522", Severity.PROBLEM, "02C0=24"),
        ("02C0=A4", "SC-523", Severity.WARNING, "02C0=24"),
        ("02A0=1003000300", "SC-524", Severity.PROBLEM, "02A0=1003000100"),
        ("02A0=0003000200", "SC-524", Severity.PROBLEM, "02A0=0003000100"),
        ("02A0=0203000100", "SC-525", Severity.PROBLEM, "02A0=0003000100"),
        ("0283=80", "SC-526", Severity.PROBLEM, "0283=00"),
        ("0283=04", "SC-527", Severity.WARNING, "0283=00"),
        ("0288=0100000000", "SC-528", Severity.WARNING, "0288=0000000000"),
        ("0280=", "SC-529", Severity.WARNING, ""),
        ("0280=C0A80132FF00FF00C0A801010000000000000000", "SC-530", Severity.PROBLEM, ""),
        ("0280=C0A801FFFFFFFF00C0A801010000000000000000", "SC-530", Severity.PROBLEM, ""),
        ("0280=C0A80132FFFFFF00C0A802010000000000000000", "SC-530", Severity.PROBLEM, ""),
        ("0285=0000000000000000001700000000", "SC-531", Severity.PROBLEM, "0285=0000000000000000000000000000"),
        ("0285=00000000000000000FA100000000", "SC-532", Severity.NOTE, ""),
        ("02C0=44", "SC-533", Severity.WARNING, ""),
        ("02C0=44", "SC-534", Severity.WARNING, "0295=01"),
        ("02C0=44", "SC-539", Severity.NOTE, ""),
        ("02A1=0AFF", "SC-535", Severity.NOTE, ""),
        ("02D0=00", "SC-536", Severity.NOTE, "02D0=01"),
        ("02D8=00", "SC-537", Severity.NOTE, "02D8=01"),
        ("0310=00", "SC-538", Severity.WARNING, "0310=FF"),
        ("0201=41", "SC-541", Severity.NOTE, ""),
    ],
)
def test_finding(line: str, code: str, severity: Severity, fix: str) -> None:
    assert findings(parse(*GOOD)) == []
    kept = [other for other in GOOD if other[:4] != line[:4]]
    found = {item.code: item for item in findings(parse(*kept, line))}
    assert code in found
    assert (found[code].severity, found[code].fix) == (severity, fix)
    assert found[code].address == int(line[:4], 16) or code in ("SC-533", "SC-534")


def test_the_copy_error_of_the_overview_page_is_explained() -> None:
    """Q2: 03 is MK1."""
    found = next(item for item in findings(parse("02A0=0003000300")) if item.code == "SC-524")
    assert "03 is MK1 and 01 is $SCRDR" in found.what


def test_explicit_activation_is_fine_if_it_reads_from_start() -> None:
    assert "SC-525" not in codes(parse("02A0=0303000100"))


# wishes


def test_written_registers_take_effect_whatever_was_there() -> None:
    base = parse("0283=80", "0285=" + "FF" * 14, "02A0=FF02000702", "02A1=00FF", "02C0=13", "02D0=01", "0290=41")
    file = for_installation(address=None, base=base)
    assert file.get(0x0285).hex().upper() == "FFFFFFFFFFFFFFFF0000FFFFFFFF"
    assert file.get(0x02A0).hex().upper() == "EC02000102"
    assert (file.network_on, file.scrdr_port, file.ip) == (True, 4000, None)
    assert (file.read_interval_s, file.repeat_interval_s) == (1.0, 3.0)
    assert (file.track, file.explicit_activation, file.ui_host_controlled) == (False, False, False)
    assert file.get(0x0290) == b"A"


def test_udp() -> None:
    file = for_installation(
        address=ADDRESS, mode=NetworkMode.UDP_SERVER, udp_destination=ROUTER, repeat_s=None, active_from_start=True
    )
    assert file.get(0x02C0) == b"\x44"
    assert file.udp_destination == "192.168.1.1"
    assert (file.repeat_interval_s, file.active_from_start) == (None, True)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"address": IPv4Interface("192.168.1.0/24")}, "is the network address of"),
        ({"address": IPv4Interface("192.168.1.255/24")}, "is the broadcast address of"),
        ({"address": IPv4Interface("192.168.1.7/32")}, "subnet of one"),
        ({"address": IPv4Interface("192.168.1.7/0")}, "has no subnet"),
        ({"address": IPv4Interface("127.0.0.1/8")}, "can't be the address of a device"),
        ({"address": IPv4Interface("224.0.0.7/24")}, "can't be the address of a device"),
        ({"address": IPv4Interface("0.0.0.0/8")}, "can't be the address of a device"),
        ({"gateway": IPv4Address("192.168.2.1")}, "is not in the reader's subnet"),
        ({"gateway": ADDRESS.ip}, "is the reader itself"),
        ({"gateway": IPv4Address("192.168.1.255")}, "gateway: 192.168.1.255 is the broadcast"),
        ({"address": None, "gateway": ROUTER}, "come from DHCP too"),
        ({"dns": [ROUTER] * 3}, "room for two name servers"),
        ({"dns": [IPv4Address("255.255.255.255")]}, "can't be a name server"),
        ({"port": 0}, "port 0 is not from 1 to 65535"),
        ({"port": 65_536}, "port 65536 is not from 1 to 65535"),
        ({"port": 23}, "reader's own Telnet"),
        ({"port": 3978, "mode": NetworkMode.UDP_SERVER}, "reader's own Direct"),
        ({"port": 3999, "mode": NetworkMode.TCP_AND_UDP_SERVER}, "reader's own discovery"),
        ({"repeat_s": 25.5}, "repeat interval can't be 25.5 s"),
        ({"read_s": -1.0}, "read interval can't be -1 s"),
        ({"mode": NetworkMode.MQTT_CLIENT}, "MQTT client brings no $SCRDR"),
    ],
)
def test_nonsense_is_refused(wishes: dict[str, object], words: str) -> None:
    assert any(words in message for message in refusals(**wishes)), refusals(**wishes)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert len(refusals(gateway=IPv4Address("10.0.0.1"), port=0, repeat_s=60.0, mode=NetworkMode.OFF)) == 4


def test_a_service_that_is_off_leaves_its_port() -> None:
    base = parse("0284=02")  # Telnet off, Direct off
    assert for_installation(address=ADDRESS, port=23, base=base).scrdr_port == 23
