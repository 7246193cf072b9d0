"""Names of record files."""

from __future__ import annotations

import pytest

from berth.formats.records import record_name, text_names


@pytest.mark.parametrize(
    ("text", "compression", "records"),
    [
        ("part-00000-of-00008.txt", "none", "part-00000-of-00008.tfrecord"),
        ("part-00000-of-00008.txt", "gzip", "part-00000-of-00008.tfrecord.gz"),
        ("wiki.en", "none", "wiki.en.tfrecord"),
    ],
)
def test_records_are_called_as_their_text(text, compression, records):
    assert record_name(text, compression) == records
    assert text in text_names(records)
