"""The files of the reference scripts, byte for byte (tests/golden/records/README.md says how they were made)."""

from __future__ import annotations

import hashlib

import pytest
from records_samples import EXPECTED, GOLDEN, golden_file, golden_options, records_file

from pipelines.mlm.vocabulary import Vocabulary


@pytest.mark.parametrize("name", EXPECTED)
def test_reference_records_are_the_scripts_records(name):
    expected = EXPECTED[name]
    made = records_file(
        (GOLDEN / "input.txt").read_bytes(),
        Vocabulary.read(str(GOLDEN / "vocab.txt")),
        golden_options(name),
        expected["lower_case"],
        expected["seed"],
    )
    assert made == golden_file(name)
    assert hashlib.sha256(made).hexdigest() == expected["sha256_of_tfrecord_file"]
