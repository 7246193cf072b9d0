"""The planned size of records compared with that of real records, and with MLPerf's published sizes."""

import re
from pathlib import Path

import pytest

from berth.formats.record_decoder import decode_one
from berth.formats.tfrecord import FRAME_BYTES, read_records
from berth.planning import sizes
from berth.planning.plan import plan
from berth.recipe import LengthShare, RecordSet
from berth.recipe import file as recipe_file
from trainer import models
from trainer.schedules import schedule

GOLDEN = Path(__file__).parents[2] / "golden" / "records"
VOCABULARY = 2373  # entries of the golden vocabulary
# language_model/tensorflow/bert/README.md of MLPerf training v1.0, "Some stats of the generated tfrecords".
PUBLISHED = {
    "eval_10k": 25_382_591,
    "eval_intermediate": 843_343_183,
    "part-00000-of-00500": 514_241_279,
    "part-00499-of-00500": 898_392_312,
}
PUBLISHED_TOTAL = 391_434_110_129
TEXT = {"eval_intermediate": 32_851_144, "part-00000-of-00500": 27_150_902, "part-00499-of-00500": 21_873_644}
SETS = [("qarib-64-cased", 64, 20), ("finbert-128-cased", 128, 20), ("mlperf-512-uncased", 512, 76)]


def golden(name):
    """The bytes of each record in its frame, and its features."""
    for record in read_records(str(GOLDEN / f"{name}.tfrecord.gz")):
        yield len(record) + FRAME_BYTES, decode_one(record, name)


def varint(number):
    return 1 if number < 1 << 7 else 2 if number < 1 << 14 else 3


@pytest.mark.parametrize(("name", "length", "predictions"), SETS)
def test_records_are_at_most_as_large_as_planned_and_not_much_smaller(name, length, predictions):
    options = RecordSet(max_seq_length=length, max_predictions=predictions)
    largest, planned = max(size for size, _ in golden(name)), sizes.largest_record_bytes(options, VOCABULARY)
    assert largest <= planned <= 1.1 * largest


@pytest.mark.parametrize(("name", "length", "predictions"), SETS)
def test_names_and_framing_of_a_record_are_counted_exactly(name, length, predictions):
    options = RecordSet(max_seq_length=length, max_predictions=predictions)
    for size, features in golden(name):
        planned = sizes.framed_bytes(
            options,
            input_ids=sum(map(varint, features["input_ids"])),
            masked_ids=sum(map(varint, features["masked_lm_ids"])),
            positions=sum(map(varint, features["masked_lm_positions"])),
        )
        assert planned == size


@pytest.mark.parametrize(("name", "length", "predictions"), SETS)
def test_the_size_of_real_records_follows_from_their_lengths(name, length, predictions):
    options = RecordSet(max_seq_length=length, max_predictions=predictions)
    found = [(size, int(features["input_mask"].sum())) for size, features in golden(name)]
    lengths = [LengthShare(tokens=tokens, share=1.0) for _, tokens in found]
    planned = sizes.mean_record_bytes(options, VOCABULARY, lengths, sizes.CHARACTERS)
    assert planned == pytest.approx(sum(size for size, _ in found) / len(found), rel=0.02)
    assert sizes.mean_tokens(lengths) == pytest.approx(sum(tokens for _, tokens in found) / len(found))


def test_a_record_without_padding_is_below_the_bound_and_masks_are_as_many_as_the_script_makes():
    options = RecordSet(max_seq_length=512, max_predictions=76)
    bound = sizes.largest_record_bytes(options, 30522)
    expected = [sizes.record_bytes(options, 30522, tokens) for tokens in (5, 100, 300, 512)]
    assert expected == sorted(expected) and expected[-1] < bound
    masks = [sizes.masked_positions(options, tokens) for tokens in (5, 100, 511, 512)]
    assert masks == [1, 15, 76, 76]


def test_the_published_sizes_of_mlperfs_records():
    """From the recipe's numbers of records and distributions of lengths: docs/planning.md says where they are from."""
    found = plan(recipe_file.load("mlperf_v1"), models.get("bert").figures, schedule.learning_rate)["records"]["seq512"]
    assert found["bytes"] == pytest.approx(PUBLISHED_TOTAL, rel=0.02)
    assert found["shards"] == 500
    assert set(found["files"]) == set(PUBLISHED)
    for name, published in PUBLISHED.items():
        assert found["files"][name]["bytes"] == pytest.approx(published, rel=0.02), name


def test_the_figures_of_mlperfs_single_files_fit_their_text_and_each_other():
    """What is not published: records of eval_intermediate, records and lengths of two parts.

    eval_10k is an even pick from eval_intermediate. Each text gives as many real tokens for each byte as eval.txt; by
    the same ratio the whole corpus is 500 texts of 27 MB, as the published ones are.
    """
    recipe = recipe_file.load("mlperf_v1")
    files, options = recipe.statistics.files["seq512"], recipe.records["seq512"]
    assert files["eval_intermediate"].records == round(10_000 * PUBLISHED["eval_intermediate"] / PUBLISHED["eval_10k"])

    def length(size):
        """Real tokens of a record of this many bytes."""
        return next(tokens for tokens in range(5, 513) if sizes.record_bytes(options, 30522, tokens) >= size)

    def ratio(name, tokens):
        return files[name].records * (tokens - 3) / (options.dupe_factor * TEXT[name])

    evaluation = ratio("eval_intermediate", length(PUBLISHED["eval_10k"] / 10_000))
    for name in ("part-00000-of-00500", "part-00499-of-00500"):
        assert ratio(name, sizes.mean_tokens(files[name].lengths)) == pytest.approx(evaluation, rel=0.01)
    per_pass = recipe.statistics.records_per_pass["seq512"]
    text = per_pass * (length(PUBLISHED_TOTAL / per_pass / options.dupe_factor) - 3) / evaluation
    assert text / 500 == pytest.approx(TEXT["part-00000-of-00500"], rel=0.02)


def test_the_recipes_page_shows_the_sizes_that_are_planned():
    page = (Path(__file__).parents[3] / "docs" / "recipes" / "mlperf.md").read_text()
    found = plan(recipe_file.load("mlperf_v1"), models.get("bert").figures, schedule.learning_rate)["records"]["seq512"]
    planned = {name: entry["bytes"] for name, entry in found["files"].items()} | {"all 500 parts": found["bytes"]}
    for name, published in {**PUBLISHED, "all 500 parts": PUBLISHED_TOTAL}.items():
        (shown,) = re.findall(rf"^\| {name} \| {published:,} \| ([+−])([\d.]+) % \|$", page, re.MULTILINE)
        ratio = 100 * (planned[name] / published - 1)
        digits = len(shown[1].partition(".")[2])
        assert shown == ("−" if ratio < 0 else "+", f"{abs(ratio):.{digits}f}"), name
