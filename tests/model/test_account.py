from __future__ import annotations

import msgspec
import pytest

from plantgate.model.account import Account, Role


def test_roles_are_ordered_by_what_they_may_do_not_by_their_letters() -> None:
    assert Role.VIEWER < Role.OPERATOR < Role.ENGINEER < Role.ADMINISTRATOR
    assert Role.VIEWER <= Role.VIEWER
    assert Role.ADMINISTRATOR >= Role.OPERATOR
    assert sorted([Role.ENGINEER, Role.ADMINISTRATOR, Role.VIEWER, Role.OPERATOR]) == list(Role)
    assert {Role.VIEWER: 1}[Role("viewer")] == 1
    with pytest.raises(TypeError):
        assert Role.VIEWER < "operator"


def test_an_account_is_json_and_has_no_secret() -> None:
    account = Account("ada", Role.ENGINEER, True, 7, 1, 2)
    assert msgspec.json.decode(msgspec.json.encode(account), type=Account) == account
    assert not [name for name in Account.__dataclass_fields__ if "hash" in name]
    assert str(account.role) == "engineer"
