"""The files of the reference scripts, byte for byte (tests/golden/records/README.md says how they were made)."""

from __future__ import annotations

import hashlib
import random

import pytest

from berth.formats.vocabulary import Vocabulary
from support import records_oracle as oracle
from support.records_samples import EXPECTED, GOLDEN, features, golden_file, golden_options, records_file, records_in


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


@pytest.mark.parametrize("name", ["qarib-64-cased", "notram-128-wwm"])
def test_the_oracle_gives_the_scripts_records(name, tmp_path):
    """So what the kernels are compared with on other texts is right."""
    expected, options = EXPECTED[name], golden_options(name)
    settings = oracle.Settings(
        options.max_seq_length,
        options.max_predictions,
        options.masked_lm_prob,
        options.short_seq_prob,
        options.dupe_factor,
        options.whole_word_mask,
    )
    ids = Vocabulary.read(str(GOLDEN / "vocab.txt")).ids
    read = oracle.read_documents((GOLDEN / "input.txt").read_bytes(), ids, expected["lower_case"])
    instances = oracle.create_instances(read, list(ids), settings, random.Random(expected["seed"]))
    golden = features(records_in(golden_file(name), tmp_path / "golden.tfrecord"))
    assert [oracle.features(instance, ids, settings) for instance in instances] == golden
