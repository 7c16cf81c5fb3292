"""The ten steps: what counts, what was seen, and that what can't be seen counts for nothing."""

from __future__ import annotations

import pytest

from plantgate.model.status import PortOwner
from plantgate.ports.doctor import exposure, hardening, local
from plantgate.ports.doctor.hardening import Met, score, steps
from plantgate.ports.doctor.report import Check, Finding, Result, Status
from plantgate.ports.doctor.run import examine
from plantgate.ports.owners import Listening
from tests.ports.doctor.conftest import MakeSubject

EVERYWHERE = '[web]\naddress = "0.0.0.0"\n'


def _results(status: Status) -> list[Result]:
    checks: list[Check] = [*local.CHECKS, *exposure.CHECKS]
    return [Result.of(check, Finding(status, ("seen",), "do")) for check in checks]


@pytest.mark.parametrize(
    ("status", "met"),
    [(Status.OK, Met.YES), (Status.WARNING, Met.NO), (Status.PROBLEM, Met.NO), (Status.NOT_CHECKED, Met.UNSEEN)],
)
def test_a_criterion_is_met_only_if_it_was_seen_to_be(status: Status, met: Met) -> None:
    found = steps(_results(status))
    assert [step.number for step in found] == list(range(1, 11))
    judged = [criterion for step in found for criterion in step.criteria if criterion.check]
    assert {criterion.met for criterion in judged} == {met}
    unseen = [criterion for step in found for criterion in step.criteria if not criterion.check]
    assert all(criterion.met is Met.UNSEEN and criterion.saw for criterion in unseen)
    all_seen = 0 if met is Met.UNSEEN else len(judged)
    assert score(found) == (len(judged) if met is Met.YES else 0, all_seen, len(judged) + len(unseen) - all_seen)


def test_each_extra_check_counts_somewhere() -> None:
    codes = {criterion.check for step in steps(_results(Status.OK)) for criterion in step.criteria}
    assert {check.code for check in exposure.CHECKS} <= codes
    assert hardening.score(()) == (0, 0, 0)


async def test_a_data_directory_without_a_gateway(subject: MakeSubject) -> None:
    results = await examine([*local.CHECKS, *exposure.CHECKS], subject())
    met, seen, unseen = score(steps(results))
    assert 0 < met <= seen
    assert unseen > 10
    assert not [result.code for result in results if "defect" in result.next_step]


def test_devices_of_the_internet(subject: MakeSubject) -> None:
    toml = '[[device]]\nname = "A"\nhost = "{}"\n'
    assert exposure.peers(subject()).status is Status.NOT_CHECKED
    assert exposure.peers(subject(toml=toml.format("10.0.0.7"))).status is Status.OK
    assert exposure.peers(subject(toml=toml.format("plc.example"))).status is Status.OK
    found = exposure.peers(subject(toml=toml.format("8.8.8.8")))
    assert found.status is Status.PROBLEM
    assert "8.8.8.8" in found.evidence[1]


@pytest.mark.parametrize(
    ("url", "tls", "account"),
    [
        ("postgresql://gw:x@db.example/p?sslmode=verify-full", Status.OK, Status.OK),
        ("postgresql://postgres:x@db.example/p", Status.WARNING, Status.WARNING),
        ("mysql://gw:x@127.0.0.1/p", Status.OK, Status.OK),
        ("mysql://root:x@db.example/p?ssl=true", Status.OK, Status.WARNING),
        ("sqlite:///local.db", Status.NOT_CHECKED, Status.NOT_CHECKED),
    ],
)
def test_databases(subject: MakeSubject, url: str, tls: Status, account: Status) -> None:
    looked = subject(toml=f'[[database]]\nname = "main"\nurl = "{url}"\n')
    assert exposure.database_tls(looked).status is tls
    assert exposure.database_accounts(looked).status is account
    assert ":x@" not in str((exposure.database_tls(looked), exposure.database_accounts(looked)))


def test_cards_and_tags(subject: MakeSubject) -> None:
    readers = '[[reader]]\nname = "a"\nhost = "10.0.0.1"\n[[reader]]\nname = "b"\nhost = "10.0.0.2"\n'
    card = '[[card]]\nuid = "04"\nholder = "Ada"\nreaders = {}\n'
    assert exposure.cards(subject(toml=readers)).status is Status.NOT_CHECKED
    assert exposure.cards(subject(toml=readers + card.format('["*"]'))).status is Status.WARNING
    assert exposure.cards(subject(toml=readers + card.format('["a"]'))).status is Status.OK
    tag = '[[tag]]\npath = "T"\ntype = "Int2"\ndevice = "D"\naddress = "HR1"\nwritable = {}\n'
    device = '[[device]]\nname = "D"\nhost = "10.0.0.3"\n'
    assert exposure.writable(subject(toml=device + tag.format("true"))).status is Status.WARNING
    assert exposure.writable(subject(toml=device + tag.format("false"))).status is Status.OK


def test_other_services_count_when_others_reach_them(subject: MakeSubject) -> None:
    owner = PortOwner(4, "svc", "root", None)
    inside = [Listening("127.0.0.1", 5900, owner), Listening("::1", 23, owner)]
    assert exposure.other_services(subject(sockets=inside)).status is Status.OK
    found = exposure.other_services(subject(sockets=[*inside, Listening("0.0.0.0", 3389, owner)]))
    assert found.status is Status.WARNING
    assert found.evidence == ("open to other machines: remote desktop (3389)",)


def test_public_addresses(subject: MakeSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposure, "own_addresses", lambda: ["10.0.0.5", "8.8.4.4"])
    assert exposure.public_address(subject()).status is Status.OK
    assert exposure.public_address(subject(toml=EVERYWHERE)).status is Status.PROBLEM
    monkeypatch.setattr(exposure, "own_addresses", lambda: ["10.0.0.5"])
    assert exposure.public_address(subject(toml=EVERYWHERE)).status is Status.OK


def test_the_modbus_server_is_told_of_unless_its_clients_are_named(subject: MakeSubject) -> None:
    assert exposure.protocols(subject()).status is Status.OK
    on = ("modbus_server.enabled=true", "web.address=0.0.0.0")
    assert exposure.protocols(subject(*on)).status is Status.OK, "it has an address of its own"
    told = exposure.protocols(subject(*on, "modbus_server.address=0.0.0.0"))
    assert told.status is Status.WARNING
    assert "modbus_server.clients" in told.next_step
    named = exposure.protocols(subject(*on, "modbus_server.address=0.0.0.0", "modbus_server.clients=10.0.0.0/24"))
    assert named.status is Status.OK
