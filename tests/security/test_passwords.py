from __future__ import annotations

import re
from contextlib import suppress

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from hypothesis import given
from hypothesis import strategies as st

from plantgate.errors import UsageError
from plantgate.limits import PASSWORD_BYTES, PASSWORD_HASH_KIB, PASSWORD_HASH_PASSES
from plantgate.security import passwords


@pytest.mark.parametrize(
    "good",
    ["correct horse battery", "Dampfschiff42x", "x7#Kq9!mPz", "vier gelbe Ventile", "ölfaß undicht", "Tr0ub4dor&3wire"],
)
def test_passwords_that_will_do(good: str) -> None:
    passwords.require_good("ada", good)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "fewer than 10"),
        ("short", "fewer than 10"),
        ("x7#Kq9!mP", "fewer than 10"),
        ("1234567890", "run"),
        ("0987654321", "run"),
        ("qwertyuiop", "run"),
        ("aaaaaaaaaaaa", "run"),
        ("abababababab", "run"),
        ("abcabcabcabc", "run"),
        ("11112222333", "run"),
        ("Password123!", "tried first"),
        ("P@ssw0rd2026", "tried first"),
        ("4dm1n4dm1n!", "tried first"),
        ("Welcome2026!", "tried first"),
        ("SiemensPLC1!", "tried first"),
        ("plantgate-2026", "tried first"),
        ("maintenance1", "tried first"),
        ("ada.lovelace", "name of the account"),
        ("ADA.LOVELACE", "name of the account"),
        ("ad4l0v3l4c3", "name of the account"),
        ("adalovelaceadalovelace", "name of the account"),
        ("adalovelaceadmin", "tried first"),
        ("with a\ttab and a\nline", "can't be typed"),
        ("correct horse \x00", "can't be typed"),
        ("correct horse \ud800", "can't be typed"),
        ("x7#Kq9!mPz" * 60, "more than 512 bytes"),
    ],
)
def test_passwords_that_will_not_do_and_why(bad: str, why: str) -> None:
    with pytest.raises(UsageError, match="USR-401") as caught:
        passwords.require_good("ada.lovelace", bad)
    assert why in caught.value.message
    if len(bad) > 6:
        assert bad not in str(caught.value)


@given(st.text(max_size=600))
def test_any_text_is_judged(text: str) -> None:
    with suppress(UsageError):
        passwords.require_good("ada", text)
        assert passwords.encoded(text) is not None


def test_a_hash_is_argon2id_at_our_costs_with_a_salt_of_its_own() -> None:
    one, two = passwords.hashed("correct horse battery"), passwords.hashed("correct horse battery")
    assert one != two
    found = extract_parameters(one)
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (PASSWORD_HASH_KIB, PASSWORD_HASH_PASSES, 1)
    assert passwords.usable(one)
    assert passwords.current(one)
    assert passwords.matches(one, b"correct horse battery")
    assert not passwords.matches(one, b"correct horse batterz")


def test_letters_that_are_written_differently_are_one_letter() -> None:
    assert passwords.encoded("\u0041\u030a") == passwords.encoded("\u00c5") == passwords.encoded("\u212b")
    assert passwords.encoded("x" * PASSWORD_BYTES) is not None
    assert passwords.encoded("x" * (PASSWORD_BYTES + 1)) is None
    assert passwords.encoded("\u00e4" * PASSWORD_BYTES) is None


def test_nobodys_hash_costs_as_much_and_matches_nothing() -> None:
    nobody = passwords.nobodys_hash()
    assert extract_parameters(nobody) == extract_parameters(passwords.hashed("correct horse battery"))
    assert passwords.usable(nobody)
    assert not passwords.matches(nobody, b"")
    assert nobody != passwords.nobodys_hash()


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "plain",
        "$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
        "$argon2id$v=19$m=32768,t=9999,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
        "$argon2id$v=19$m=32768,t=3,p=64$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
        "$argon2id$v=19$m=0,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
    ],
)
def test_a_stored_hash_that_would_cost_more_is_never_computed(hostile: str) -> None:
    assert not passwords.usable(hostile)


def test_a_made_password_passes_and_none_is_made_twice() -> None:
    made = {passwords.generated() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        assert re.fullmatch(r"(?:[a-z2-9]{5}-){3}[a-z2-9]{5}", password)
        passwords.require_good("ada", password)
