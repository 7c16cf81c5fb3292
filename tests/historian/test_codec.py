"""Blocks: what goes in comes out, bit for bit; what was damaged is noticed; regular data is small."""

from __future__ import annotations

import math
import random
import struct
import zlib
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plantgate.errors import StorageError
from plantgate.historian.codec import NULL, Kind, Points, decode, encode, kind_of
from plantgate.model.value import DataType, Scalar

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
SECOND = 1_000_000
T0 = 1_700_000_000_000_000


def bits(value: Scalar) -> object:
    """A float as its bits, so that NaN equals NaN; the sign of a zero is of no interest to history."""
    return struct.pack("<d", value or 0.0) if isinstance(value, float) else value


def round_trip(kind: Kind, points: Points) -> Points:
    head, data = encode(kind, points)
    return decode(data, head.n, head.crc)


def block(values: list[Scalar], codes: list[int] | None = None, step: int = SECOND) -> Points:
    flagged = codes or [192] * len(values)
    times = [T0 + place * step for place in range(len(values))]
    return Points(times, values, flagged, good=max(flagged) < 256)


VALUES: dict[Kind, st.SearchStrategy[Scalar]] = {
    Kind.BOOL: st.booleans(),
    Kind.INT: INT64 | st.integers(-300, 300),
    Kind.FLOAT: st.floats(width=64)
    | st.floats(width=32)
    | st.integers(-(10**6), 10**6).map(lambda whole: whole / 100)
    | st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf]),
    Kind.TEXT: st.text(max_size=20),
    Kind.MIXED: st.one_of(st.booleans(), INT64, st.floats(), st.text(max_size=5)),
}


@pytest.mark.parametrize("kind", list(Kind))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_goes_in_comes_out_bit_for_bit(kind: Kind, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[kind], min_size=1, max_size=60))
    count = len(values)
    times = sorted(data.draw(st.lists(st.integers(-(1 << 61), 1 << 61), min_size=count, max_size=count)))
    codes = data.draw(st.lists(st.sampled_from([192, 192, 0, 256, 522]), min_size=count, max_size=count))
    back = round_trip(kind, Points(times, values, codes, good=max(codes) < 256))
    assert list(back.times) == times
    assert list(map(bits, back.values)) == list(map(bits, values))
    assert list(back.qualities) == codes
    assert back.good == (max(codes) < 256)


def test_missing_values_come_back_as_none_with_their_code() -> None:
    back = round_trip(Kind.FLOAT, block([1.5, 0.0, 2.5], [192, 522 | NULL, 192]))
    assert list(back.values) == [1.5, None, 2.5]
    assert list(back.qualities) == [192, 522, 192]
    assert not back.good


def test_the_header_knows_extremes_of_good_finite_numbers_only() -> None:
    head, _ = encode(Kind.FLOAT, block([5.0, -9.0, math.nan, 7.0, 1.0, 99.0], [192, 192, 192, 192, 192, 512]))
    assert (head.n, head.good) == (6, 5)
    assert (head.vmin, head.tmin) == (-9.0, T0 + SECOND)
    assert (head.vmax, head.tmax) == (7.0, T0 + 3 * SECOND)
    assert head.vsum == pytest.approx(4.0)
    nothing, _ = encode(Kind.FLOAT, block([1.0, 2.0], [512, 512]))
    assert (nothing.good, nothing.vmin, nothing.vmax, nothing.vsum) == (0, None, None, None)
    text, _ = encode(Kind.TEXT, block(["a", "b"]))
    assert (text.good, text.vmin) == (2, None)


@pytest.mark.parametrize("kind", [Kind.INT, Kind.FLOAT, Kind.TEXT])
def test_every_flipped_bit_is_noticed(kind: Kind) -> None:
    values: list[Scalar] = {
        Kind.INT: [3, 1, 4, 1, 5],
        Kind.FLOAT: [3.25, 1.5, 4.125, math.pi],
        Kind.TEXT: ["run", "stop"],
    }[kind]  # type: ignore[assignment]
    head, data = encode(kind, block(values))
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StorageError, match="HI-120"):
            decode(bytes(damaged), head.n, head.crc)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 2_000))
def test_forged_bytes_with_a_right_checksum_are_refused_not_believed(raw: bytes, n: int) -> None:
    data = zlib.compress(raw)
    with pytest.raises(StorageError, match="HI-120"):
        decode(data, n, zlib.crc32(data))


def test_a_block_that_claims_another_count_is_refused() -> None:
    head, data = encode(Kind.INT, block([1, 2, 9, 4]))
    for claimed in (1, 3, 5, 2_000, 0, 1 << 40):
        with pytest.raises(StorageError, match="HI-120"):
            decode(data, claimed, head.crc)


def test_rounded_regular_values_cost_under_a_byte_and_noise_under_nine() -> None:
    rng = random.Random(7)
    walk = [round(value, 2) for value in accumulate(rng.choice([-0.02, -0.01, 0, 0.01, 0.02]) for _ in range(1000))]
    assert len(encode(Kind.FLOAT, block(list(walk)))[1]) < 1_000
    noise: list[Scalar] = [rng.gauss(50, 10) for _ in range(1000)]
    assert len(encode(Kind.FLOAT, block(noise))[1]) < 8_500
    registers: list[Scalar] = [struct.unpack("f", struct.pack("f", rng.gauss(50, 10)))[0] for _ in range(1000)]
    assert len(encode(Kind.FLOAT, block(registers))[1]) < 4_300
    constant: list[Scalar] = [True] * 1000
    assert len(encode(Kind.BOOL, block(constant))[1]) < 60


def test_every_data_type_has_a_kind() -> None:
    assert {kind_of(data_type) for data_type in DataType} == {Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.TEXT}


def test_a_sum_beyond_the_range_of_a_double_is_infinite_and_the_points_stay() -> None:
    values = [8.988465674311579e307, 8.98846567431158e307]
    points = Points([0, 1], values, [192, 192], good=True)
    head, data = encode(Kind.FLOAT, points)
    assert head.vsum == math.inf
    assert head.vmax == values[1]
    assert list(decode(data, head.n, head.crc).values) == values
