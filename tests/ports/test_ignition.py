"""Where a local Ignition is looked for, on all three systems."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest

from plantgate.ports.ignition import Host, find_gateway_xml, usual_places

WINDOWS = PureWindowsPath(r"C:\Program Files\Inductive Automation\Ignition\data\gateway.xml")


@pytest.mark.parametrize(
    ("platform", "place"),
    [
        ("win32", WINDOWS),
        ("linux", PurePosixPath("/usr/local/bin/ignition/data/gateway.xml")),
        ("linux", PurePosixPath("/var/lib/ignition/data/gateway.xml")),
        ("linux", PurePosixPath("/opt/ignition/data/gateway.xml")),
        ("darwin", PurePosixPath("/usr/local/ignition/data/gateway.xml")),
        ("darwin", PurePosixPath("/Applications/Ignition/data/gateway.xml")),
    ],
)
def test_each_usual_place_is_found(platform: str, place: PurePath) -> None:
    host = Host(platform, lambda path: path == place, {})
    assert find_gateway_xml(host) == place


@pytest.mark.parametrize("platform", ["win32", "linux", "darwin"])
def test_nothing_there_is_none(platform: str) -> None:
    assert find_gateway_xml(Host(platform, lambda _: False, {})) is None


def test_the_likeliest_place_wins() -> None:
    assert find_gateway_xml(Host("linux", lambda _: True, {})) == PurePosixPath(
        "/usr/local/bin/ignition/data/gateway.xml"
    )


def test_windows_may_keep_its_programs_elsewhere() -> None:
    host = Host("win32", lambda _: True, {"PROGRAMFILES": r"D:\Programme"})
    assert find_gateway_xml(host) == PureWindowsPath(r"D:\Programme\Inductive Automation\Ignition\data\gateway.xml")
    assert WINDOWS in usual_places(host)


def test_no_place_is_asked_for_twice() -> None:
    host = Host("win32", lambda _: False, {"ProgramFiles": r"C:\Program Files", "ProgramW6432": r"C:\Program Files"})
    assert len(usual_places(host)) == len(set(usual_places(host)))


def test_a_folder_that_can_not_be_entered_is_no_error() -> None:
    assert not Host().exists(PurePosixPath("/proc/1/root/nowhere/\0".replace("\0", "x")))
