"""Parsing serialized Examples, our own and others'."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from support.plain_example import parse_example

INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)
FLOATS = st.lists(st.floats(width=32, allow_nan=False), max_size=5)
BYTES = st.lists(st.binary(max_size=5), max_size=5)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), INTEGERS | FLOATS | BYTES, max_size=5))
def test_features_are_read_back(features):
    import tensorflow

    train = tensorflow.train

    def feature(values):
        if values and isinstance(values[0], bytes):
            return train.Feature(bytes_list=train.BytesList(value=values))
        if values and isinstance(values[0], float):
            return train.Feature(float_list=train.FloatList(value=values))
        return train.Feature(int64_list=train.Int64List(value=values))

    example = train.Example(
        features=train.Features(feature={name: feature(values) for name, values in features.items()})
    )
    assert parse_example(example.SerializeToString()) == features


def test_values_that_are_not_packed_are_read_too():
    unpacked = b"\x0a\x0d\x0a\x0b\x0a\x01a\x12\x06\x1a\x04\x08\x05\x08\x07"
    assert parse_example(unpacked) == {"a": [5, 7]}


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_example_are_an_error_or_have_features(data):
    try:
        features = parse_example(data, "record 3")
    except BerthError as error:
        assert "record 3: this record is no tf.train.Example" in str(error)
    else:
        assert isinstance(features, dict)


@pytest.mark.parametrize("data", [b"\x0a\xff", b"\x0a\x05abc", b"\x0b", b"\x80" * 12, b"\x08\x01\x0a\x02\x08\x01"])
def test_cut_or_wrong_bytes(data):
    with pytest.raises(BerthError):
        parse_example(data)
