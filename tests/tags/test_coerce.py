from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantgate.limits import TAG_TEXT_CHARS
from plantgate.model.value import DataType, Scalar
from plantgate.tags.coerce import coerce

INTEGERS = {DataType.INT1: 8, DataType.INT2: 16, DataType.INT4: 32, DataType.INT8: 64}
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(10**4_000))


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        (True, DataType.BOOLEAN, True), (0, DataType.BOOLEAN, False), (1, DataType.BOOLEAN, True),
        (5.0, DataType.INT2, 5), (-0.0, DataType.INT2, 0), (3, DataType.FLOAT4, 3.0), (0.1, DataType.FLOAT4, 0.1),
        (2**53, DataType.FLOAT8, float(2**53)), ("", DataType.STRING, ""), ("é\n", DataType.STRING, "é\n"),
        (1_700_000_000_000_000, DataType.DATETIME, 1_700_000_000_000_000),
        ("x" * TAG_TEXT_CHARS, DataType.STRING, "x" * TAG_TEXT_CHARS),
    ],
)  # fmt: skip
def test_what_fits_is_taken_in_the_type_of_the_tag(value: Scalar, data_type: DataType, expected: Scalar) -> None:
    got, problem = coerce(value, data_type)
    assert problem == ""
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("value", "data_type"),
    [
        (2, DataType.BOOLEAN), (1.0, DataType.BOOLEAN), ("true", DataType.BOOLEAN), (None, DataType.BOOLEAN),
        (True, DataType.INT4), ("7", DataType.INT4), (1.5, DataType.INT4), (math.nan, DataType.FLOAT8),
        (math.inf, DataType.INT8), (-math.inf, DataType.FLOAT4), (3.5e38, DataType.FLOAT4), (None, DataType.FLOAT8),
        (2.0**63, DataType.INT8), (2**53 + 1, DataType.FLOAT8), (10**400, DataType.FLOAT8), (10**400, DataType.FLOAT4),
        (5, DataType.STRING),
        ("x" * (TAG_TEXT_CHARS + 1), DataType.STRING),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_words(value: Scalar, data_type: DataType) -> None:
    got, problem = coerce(value, data_type)
    assert got is None
    assert problem
    assert len(problem) < 200


@pytest.mark.parametrize(("data_type", "bits"), INTEGERS.items())
def test_integer_bounds_are_exact(data_type: DataType, bits: int) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    assert coerce(low, data_type) == (low, "")
    assert coerce(high, data_type) == (high, "")
    assert coerce(low - 1, data_type)[1]
    assert coerce(high + 1, data_type)[1]


@given(scalars, st.sampled_from(DataType))
def test_a_value_is_taken_unchanged_or_refused(value: Scalar, data_type: DataType) -> None:
    got, problem = coerce(value, data_type)
    if problem:
        assert got is None
        assert problem.isprintable()
        assert len(problem) < 200
    else:
        assert got == value


def test_a_megabyte_that_does_not_fit_is_not_sent_back() -> None:
    assert len(coerce("\x1b" * 1_048_576, DataType.INT4)[1]) < 200


@pytest.mark.parametrize("data_type", DataType)
def test_a_number_that_python_refuses_to_print_is_refused(data_type: DataType) -> None:
    value, problem = coerce(10**5_000, data_type)
    assert value is None
    assert "16610 bits" in problem
