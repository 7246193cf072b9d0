"""The planned size of records compared with that of real records."""

import gzip
import struct
from pathlib import Path

import pytest

from berth.planning import sizes
from berth.recipe import RecordSet

GOLDEN = Path(__file__).parents[2] / "golden" / "records"


@pytest.mark.parametrize(
    ("name", "length", "predictions"),
    [("qarib-64-cased", 64, 20), ("finbert-128-cased", 128, 20), ("mlperf-512-uncased", 512, 76)],
)
def test_records_are_at_most_as_large_as_planned_and_not_much_smaller(name, length, predictions):
    content = gzip.decompress((GOLDEN / f"{name}.tfrecord.gz").read_bytes())
    largest, offset = 0, 0
    while offset < len(content):
        size = struct.unpack_from("<Q", content, offset)[0] + 16
        largest, offset = max(largest, size), offset + size
    planned = sizes.record_bytes(RecordSet(max_seq_length=length, max_predictions=predictions), vocab_size=2373)
    assert largest <= planned <= 1.1 * largest
