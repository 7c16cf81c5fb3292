"""Each step of OPC 10000-4, 6.1.3, with a certificate that fails it and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path

import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from plantgate.limits import TRUST_CHAIN
from plantgate.runtime.clock import SystemClock
from plantgate.security.application_certificate import application_certificate
from plantgate.security.trust_judge import Peer, TrustLists, TrustVerdict, judge, matches_host
from plantgate.security.trust_read import fingerprint, read_certificate, read_revocations
from tests.security.pki import (
    ALL,
    BOTH,
    DAY,
    NOW,
    URI,
    Made,
    make,
    make_authority,
    public_of,
    revocations,
    rsa_key,
    with_sha1,
)

UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def lists(trusted: Sequence[Made] = (), issuers: Sequence[Made] = (), crls: Sequence[bytes] = ()) -> TrustLists:
    return TrustLists(
        {made.fingerprint: read_certificate(made.der) for made in trusted},
        {made.fingerprint: read_certificate(made.der) for made in issuers},
        [read_revocations(crl) for crl in crls],
    )


def statuses(verdict: TrustVerdict) -> list[str]:
    return [problem.status for problem in verdict.problems]


def self_signed(made: Made, now: int = NOW) -> TrustVerdict:
    return judge(lists([made]), made.der, now, application_uri=URI)


def test_a_self_signed_certificate_is_trusted_by_being_there() -> None:
    made = make()
    verdict = self_signed(made)
    assert (verdict.trusted, verdict.status, verdict.code, verdict.message, verdict.warnings) == (
        True,
        "Good",
        "",
        "",
        (),
    )
    assert (verdict.fingerprint, verdict.name) == (made.fingerprint, "UaExpert@host")


def test_one_that_is_not_there_is_told_with_the_next_step() -> None:
    made = make()
    verdict = judge(lists([make("another")]), made.der, NOW)
    assert statuses(verdict) == ["BadCertificateUntrusted"]
    assert verdict.code == "CRT-205"
    assert f"plantgate trust accept {made.fingerprint[:16]}" in verdict.hint
    assert "UaExpert@host" in verdict.message


def test_an_issuer_alone_gives_no_trust_and_neither_do_the_rejected() -> None:
    made = make()
    assert statuses(judge(lists(issuers=[made]), made.der, NOW)) == ["BadCertificateUntrusted"]


@pytest.mark.parametrize("anchor", ["leaf", "lower", "root"])
@pytest.mark.parametrize("presented", [True, False])
def test_one_of_the_chain_must_be_trusted_and_all_of_it_known(anchor: str, presented: bool) -> None:
    root = make_authority("Root")
    lower = make_authority("Lower", root)
    leaf = make("device", lower)
    chain = {"leaf": leaf, "lower": lower, "root": root}
    trusted = chain.pop(anchor)
    if presented:
        verdict = judge(lists([trusted]), b"".join(each.der for each in (leaf, lower, root)), NOW)
    else:
        verdict = judge(lists([trusted], list(chain.values())), leaf.der, NOW)
    assert verdict.trusted, verdict.message
    assert not judge(lists(), b"".join(each.der for each in (leaf, lower, root)), NOW).trusted


def test_a_chain_that_does_not_reach_its_root_is_incomplete() -> None:
    root = make_authority("Root")
    lower = make_authority("Lower", root)
    leaf = make("device", lower)
    for trusted, presented in (([leaf], [leaf]), ([lower], [leaf]), ([leaf, lower], [leaf, lower])):
        verdict = judge(lists(trusted), [each.der for each in presented], NOW)
        assert statuses(verdict) == ["BadCertificateChainIncomplete"], verdict.message
        assert "folder of issuers" in verdict.hint


def test_a_chain_of_five_is_followed_and_one_of_six_is_not() -> None:
    chain = [make_authority("CA 0")]
    for number in range(1, TRUST_CHAIN):
        chain.append(make_authority(f"CA {number}", chain[-1]))
    good = make("device", chain[TRUST_CHAIN - 2])
    assert judge(lists([chain[0]], chain), good.der, NOW).trusted
    long = make("device", chain[TRUST_CHAIN - 1])
    verdict = judge(lists([chain[0]], chain), long.der, NOW)
    assert "BadCertificateChainIncomplete" in statuses(verdict)
    assert judge(lists([chain[0]]), [long.der, *(each.der for each in chain)], NOW).status == "BadCertificateInvalid"


def test_authorities_that_vouch_for_each_other_are_no_chain() -> None:
    one = make_authority("One", Made(make_authority("Two").certificate, rsa_key("Two")))
    two = make_authority("Two", Made(make_authority("One").certificate, rsa_key("One")))
    leaf = make("device", one)
    assert "BadCertificateChainIncomplete" in statuses(judge(lists([one], [two]), leaf.der, NOW))


def test_a_forged_issuer_or_a_changed_certificate_is_invalid() -> None:
    authority = make_authority()
    forged = make("device", authority, signer=rsa_key("thief"))
    verdict = judge(lists([authority]), forged.der, NOW)
    assert verdict.status == "BadCertificateInvalid"
    assert verdict.code == "CRT-203"
    # A thief's own authority of the same name is presented with it.
    theirs = make_authority(key=rsa_key("thief"))
    verdict = judge(lists([authority]), make("device", theirs).der + theirs.der, NOW)
    assert verdict.status == "BadCertificateUntrusted"
    signed = make()
    changed = signed.der.replace(b"UaExpert@host", b"UaExpert@h0st")
    verdict = judge(lists([signed]), changed, NOW)
    assert verdict.status == "BadCertificateInvalid"
    changed = signed.der[:-1] + bytes([signed.der[-1] ^ 1])
    assert judge(lists([signed]), changed, NOW).status == "BadCertificateInvalid"


def test_a_renewed_authority_of_the_same_name_is_found() -> None:
    old, new = make_authority(days=(-3_000, -1)), make_authority(days=(-10, 3_000))
    leaf = make("device", new)
    assert judge(lists([old, new]), leaf.der, NOW).trusted
    assert judge(lists([new], [old]), leaf.der, NOW).trusted
    other_key = make_authority(key=rsa_key("new key"))
    assert judge(lists([old, other_key]), make("device", other_key).der, NOW).trusted


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (make(key=rsa_key("short", 1_024)), "1024 bits"),
        (make(key=ec.generate_private_key(ec.SECP256R1())), "not RSA"),
        (make(issuer=make_authority(), public=public_of(4_104)), "4104 bits"),
    ],
    ids=["RSA 1024", "elliptic curve", "RSA 4104"],
)
def test_what_is_too_weak_for_the_policies(made: Made, why: str) -> None:
    verdict = judge(lists([made], [make_authority()]), made.der, NOW)
    assert statuses(verdict) == ["BadCertificatePolicyCheckFailed"]
    assert why in verdict.message


def test_a_signature_with_sha1_is_too_weak_also_if_it_is_right() -> None:
    good, authority = make(), make_authority()
    old = with_sha1(good.der, rsa_key(), good.certificate.tbs_certificate_bytes)
    held = TrustLists({fingerprint(old): read_certificate(old)}, {}, [])
    verdict = judge(held, old, NOW)
    assert statuses(verdict) == ["BadCertificatePolicyCheckFailed"]
    assert "SHA1" in verdict.message
    issued = make("device", authority)
    old = with_sha1(issued.der, rsa_key("Plant CA"), issued.certificate.tbs_certificate_bytes)
    assert judge(lists([authority]), old, NOW).status == "BadCertificatePolicyCheckFailed"


def test_an_authority_is_judged_by_the_same_measure() -> None:
    short = make_authority(key=rsa_key("short", 1_024))
    assert statuses(judge(lists([short]), make("device", short).der, NOW)) == ["BadCertificatePolicyCheckFailed"]
    curve = make_authority(key=ec.generate_private_key(ec.SECP384R1()))
    assert judge(lists([curve]), make("device", curve).der, NOW).trusted


def test_dates_with_the_clock_as_argument() -> None:
    made = make(days=(-10, 10))
    for now, good in ((-11, False), (-10, True), (0, True), (10, True), (11, False)):
        verdict = self_signed(made, NOW + now * DAY)
        assert statuses(verdict) == ([] if good else ["BadCertificateTimeInvalid"])
    assert "not valid yet" in self_signed(made, NOW - 11 * DAY).message
    assert self_signed(made).warnings == (
        f"the certificate of UaExpert@host ({made.fingerprint[:16]}) ends in 10 days",
    )
    ended = make_authority(days=(-20, -10))
    verdict = judge(lists([ended]), make("device", ended).der, NOW)
    assert statuses(verdict) == ["BadCertificateIssuerTimeInvalid"]


def test_the_application_uri() -> None:
    made = make()
    assert judge(lists([made]), made.der, NOW).trusted  # not known yet when the channel opens
    for wrong in ("urn:plant:other", URI.upper(), ""):
        verdict = judge(lists([made]), made.der, NOW, application_uri=wrong)
        assert statuses(verdict) == ["BadCertificateUriInvalid"]
    assert statuses(self_signed(make(names=[x509.DNSName("host")]))) == ["BadCertificateUriInvalid"]
    assert statuses(self_signed(make(names=[]))) == ["BadCertificateUriInvalid"]


@pytest.mark.parametrize("missing", ALL)
def test_key_usages(missing: str) -> None:
    verdict = self_signed(make(usages=[name for name in ALL if name != missing]))
    if missing == "content_commitment":
        assert verdict.trusted
        assert "nonRepudiation" in verdict.warnings[0]
    else:
        assert statuses(verdict) == ["BadCertificateUseNotAllowed"]


def test_a_certificate_without_usages_is_for_nothing() -> None:
    assert statuses(self_signed(make(usages=None))) == ["BadCertificateUseNotAllowed"]


def test_extended_usages_by_what_the_peer_is() -> None:
    server, client = make(extended=[ExtendedKeyUsageOID.SERVER_AUTH]), make(extended=[ExtendedKeyUsageOID.CLIENT_AUTH])
    for made, peer, good in (
        (server, Peer.SERVER, True),
        (server, Peer.CLIENT, False),
        (client, Peer.CLIENT, True),
        (client, Peer.SERVER, False),
        (make(extended=[ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), Peer.CLIENT, True),
    ):
        verdict = judge(lists([made]), made.der, NOW, peer=peer)
        assert statuses(verdict) == ([] if good else ["BadCertificateUseNotAllowed"])
    without = self_signed(make(extended=None))
    assert without.trusted
    assert "neither" in without.warnings[0]


def test_critical_extensions_that_nobody_knows() -> None:
    assert statuses(self_signed(make(further=[(UNKNOWN, True)]))) == ["BadCertificateUseNotAllowed"]
    assert self_signed(make(further=[(UNKNOWN, False)])).trusted
    constrained = make_authority(further=[(x509.NameConstraints([x509.DNSName("other.example")], None), True)])
    verdict = judge(lists([constrained]), make("device", constrained).der, NOW)
    assert statuses(verdict) == ["BadCertificateIssuerUseNotAllowed"]


@pytest.mark.parametrize(
    "issuer",
    [
        make_authority(authority=False),
        make_authority(usages=["crl_sign"]),
        make("Plant CA", key=rsa_key("Plant CA"), authority=(True, None), usages=[*ALL, "key_cert_sign"]),
        make("Plant CA", key=rsa_key("Plant CA"), names=(), authority=None),
    ],
    ids=["no authority", "may not sign", "an application", "says nothing"],
)
def test_what_is_no_authority_can_vouch_for_nobody(issuer: Made) -> None:
    verdict = judge(lists([issuer]), make("device", issuer).der, NOW)
    assert statuses(verdict) == ["BadCertificateIssuerUseNotAllowed"]


def test_the_length_of_the_path() -> None:
    root = make_authority("Root", path_length=0)
    lower = make_authority("Lower", root)
    assert judge(lists([root]), make("device", root).der, NOW).trusted
    verdict = judge(lists([root], [lower]), make("device", lower).der, NOW)
    assert statuses(verdict) == ["BadCertificateIssuerUseNotAllowed"]
    wide = make_authority("Root", path_length=1)
    assert judge(lists([wide], [make_authority("Lower", wide)]), make("device", lower).der, NOW).trusted


def test_revocation_by_issuer_and_signature() -> None:
    authority, other = make_authority(), make_authority("Other CA")
    leaf = make("device", authority, serial=77)
    namesake = make("device", other, serial=77)

    def verdict(*crls: bytes) -> TrustVerdict:
        return judge(lists([authority, other], crls=crls), leaf.der, NOW)

    assert verdict().trusted
    assert verdict(revocations(authority)).trusted
    assert statuses(verdict(revocations(authority, leaf.certificate))) == ["BadCertificateRevoked"]
    # The same serial number of another issuer, and a list that somebody else signed in the issuer's name.
    assert verdict(revocations(other, namesake.certificate)).trusted
    assert verdict(revocations(authority, leaf.certificate, signer=rsa_key("thief"))).trusted
    # An old list still revokes; one for some purposes only, or signed with SHA-1, is not understood.
    assert not verdict(revocations(authority, leaf.certificate, days=(-60, -30))).trusted
    partial = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    with pytest.raises(ValueError, match="critical extension"):
        read_revocations(revocations(authority, leaf.certificate, further=[(partial, True)]))
    good = revocations(authority, leaf.certificate)
    body = x509.load_der_x509_crl(good).tbs_certlist_bytes
    with pytest.raises(ValueError, match="SHA1"):
        read_revocations(with_sha1(good, rsa_key("Plant CA"), body))


def test_a_revoked_issuer_takes_everybody_with_it() -> None:
    root = make_authority("Root")
    lower = make_authority("Lower", root)
    crls = [revocations(root, lower.certificate), revocations(lower)]
    verdict = judge(lists([root], [lower], crls), make("device", lower).der, NOW)
    assert statuses(verdict) == ["BadCertificateIssuerRevoked"]


def test_lists_that_must_be_there() -> None:
    root = make_authority("Root")
    lower = make_authority("Lower", root)
    leaf = make("device", lower)

    def found(*crls: bytes) -> list[str]:
        return statuses(judge(lists([root], [lower], crls), leaf.der, NOW, require_revocations=True))

    assert found() == ["BadCertificateRevocationUnknown", "BadCertificateIssuerRevocationUnknown"]
    assert found(revocations(lower)) == ["BadCertificateIssuerRevocationUnknown"]
    assert found(revocations(lower), revocations(root)) == []
    assert found(revocations(lower, days=(-60, -30)), revocations(root)) == ["BadCertificateRevocationUnknown"]
    assert found(revocations(lower, days=(1, 30)), revocations(root)) == ["BadCertificateRevocationUnknown"]
    relaxed = judge(lists([root], [lower], [revocations(lower, days=(-60, -30))]), leaf.der, NOW)
    assert relaxed.trusted
    assert "out of date" in relaxed.warnings[0]
    assert self_signed(make()).trusted


def test_everything_that_is_wrong_is_told_in_the_order_of_the_standard() -> None:
    made = make(days=(-20, -10), names=[], usages=["digital_signature"], key=rsa_key("short", 1_024))
    verdict = judge(lists(), made.der, NOW, host="elsewhere")
    assert statuses(verdict) == [
        "BadCertificatePolicyCheckFailed",
        "BadCertificateUntrusted",
        "BadCertificateTimeInvalid",
        "BadCertificateHostNameInvalid",
        "BadCertificateUriInvalid",
        "BadCertificateUseNotAllowed",
    ]
    assert verdict.status == "BadCertificatePolicyCheckFailed"
    assert verdict.message.count(";") == 5


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("plc.plant.local", True),
        ("PLC.Plant.Local.", True),
        ("line1.wild.example", True),
        ("wild.example", False),
        ("a.line1.wild.example", False),
        ("other.example", False),
        ("x.example", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("[2001:db8::7]", True),
        ("2001:0db8:0:0::7", True),
        ("", False),
        (".wild.example", False),
        ("UaExpert@host", False),
    ],
)
def test_host_names_by_alternative_names_only(host: str, good: bool) -> None:
    made = make(
        names=[
            x509.UniformResourceIdentifier(URI),
            x509.DNSName("plc.plant.local"),
            x509.DNSName("*.wild.example"),
            x509.DNSName("*.example"),
            x509.DNSName("*"),
            x509.DNSName("f*.partial.example"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        ]
    )
    assert matches_host(read_certificate(made.der), host) is good
    verdict = judge(lists([made]), made.der, NOW, host=host, peer=Peer.SERVER)
    assert verdict.status == ("Good" if good else "BadCertificateHostNameInvalid")


async def test_what_asyncua_makes_is_trusted_and_it_trusts_ours(tmp_path: Path) -> None:
    from asyncua.crypto.cert_gen import generate_private_key, generate_self_signed_app_certificate
    from asyncua.crypto.truststore import TrustStore
    from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

    theirs = Made(
        generate_self_signed_app_certificate(
            generate_private_key(), "client", {}, [x509.UniformResourceIdentifier(URI)], list(BOTH), days=30
        ),
        rsa_key(),
    )
    wall = SystemClock().wall()
    held = TrustLists({theirs.fingerprint: read_certificate(theirs.der)}, {}, [])
    for peer in Peer:
        verdict = judge(held, theirs.der, wall, peer=peer, application_uri=URI)
        assert verdict.trusted, verdict.message

    ours = application_certificate(tmp_path, SystemClock())
    (tmp_path / "trusted").mkdir()
    (tmp_path / "trusted" / "ours.der").write_bytes(ours.der)
    store = TrustStore([tmp_path / "trusted"], [])
    await store.load()
    validator = CertificateValidator(
        CertificateValidatorOptions.TRUSTED_VALIDATION | CertificateValidatorOptions.PEER_SERVER, store
    )
    description = ua.ApplicationDescription(ApplicationUri=ours.uri)
    await validator.validate(x509.load_der_x509_certificate(ours.der), description)
