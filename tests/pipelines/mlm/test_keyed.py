"""The keyed generator: what records depend on, and that they are as random as they should be."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats.vocabulary import Vocabulary
from berth.recipe import RecordSet
from pipelines.mlm import keyed
from pipelines.mlm.instances import GAP_BITS, NOT_MASKED, SHOW_MASK, SHOW_TOKEN, SHOW_WORD
from pipelines.mlm.masks import prediction_budgets
from pipelines.mlm.partners import partner_at, ring_of
from support.records_samples import (
    SPECIAL,
    documents,
    documents_text,
    kinds_of,
    positions_of,
    records_file,
    vocabularies,
    vocabulary_for,
)


def options(**changes):
    return RecordSet(**{"max_seq_length": 64, "max_predictions": 20, "rng": "keyed", "dupe_factor": 4, **changes})


def corpus(count, seed=1, sentences=12):
    """Documents of sentences of made-up words, some of several pieces; no two alike."""
    rng = random.Random(seed)
    words = [f"w{number}" for number in range(300)]
    return [
        "\n".join(
            " ".join([f"d{seed}x{index}", *rng.choices(words, k=rng.randint(2, 20))])
            for _ in range(rng.randint(2, sentences))
        )
        for index in range(count)
    ]


def joined(parts):
    return "\n\n".join(parts) + "\n"


PARTS = corpus(60)
# The words are tokens, but for the names of documents, which are put together from pieces.
VOCABULARY = vocabulary_for(" ".join(f"w{number}" for number in range(300)) + " 0 1 2 3 4 5 6 7 8 9")
BIG = documents(joined(corpus(1500, seed=2)), VOCABULARY)


def made(text, **changes):
    return keyed.create_instances(documents(text, VOCABULARY), VOCABULARY, options(**changes), 5)


def parts_of(read, row):
    """The token ids of a row's segments."""
    a = read.ids[row["a_begin"] : row["a_begin"] + row["a_length"]]
    b = read.ids[row["b_begin"] : row["b_begin"] + row["b_length"]]
    return a, b


def contents(text, **changes):
    """Each instance as a value that can be compared: segments, label and masks."""
    read = documents(text, VOCABULARY)
    instances = keyed.create_instances(read, VOCABULARY, options(**changes), 5).instances
    found = Counter()
    for row in instances.rows:
        a, b = parts_of(read, row)
        words = np.count_nonzero(kinds_of(instances, row) == SHOW_WORD)
        found[
            a.tobytes(),
            b.tobytes(),
            int(row["random_next"]),
            positions_of(instances, row).tobytes(),
            kinds_of(instances, row).tobytes(),
            instances.words[row["word_begin"] : row["word_begin"] + words].tobytes(),
        ] += 1
    return found


# What a record depends on


@pytest.mark.parametrize("changes", [{}, {"objective": "mlm"}, {"span_masking": True}, {"whole_word_mask": True}])
def test_the_order_of_documents_does_not_change_the_file(changes):
    shuffled = random.Random(3).sample(PARTS, len(PARTS))
    first, second = (
        records_file(joined(parts).encode(), VOCABULARY, options(**changes)) for parts in (PARTS, shuffled)
    )
    assert first == second


def test_documents_can_be_added_without_changing_what_others_become():
    """Without next sentences, not one record changes."""
    alone, together = (
        contents(joined(PARTS), objective="mlm"),
        contents(joined([*corpus(30, 7), *PARTS]), objective="mlm"),
    )
    assert alone <= together


def test_documents_that_are_added_take_over_their_share_of_random_next_sentences_only():
    alone, together = contents(joined(PARTS)), contents(joined([*PARTS, *corpus(6, 7)]))
    assert all(random_next for _, _, random_next, *_ in alone - together)
    share = sum((alone - together).values()) / sum(count for key, count in alone.items() if key[2])
    assert share < 2 * 6 / 66


def test_another_seed_gives_other_records():
    first = records_file(joined(PARTS).encode(), VOCABULARY, options(), seed=1)
    assert records_file(joined(PARTS).encode(), VOCABULARY, options(), seed=2) != first


def test_duplicates_differ_from_each_other():
    counts = contents(joined(PARTS), objective="mlm")  # a document of a few words may well get the same mask twice
    assert len(counts) > 0.98 * sum(counts.values())


def test_more_duplicates_leave_the_first_ones_as_they_are():
    assert contents(joined(PARTS), dupe_factor=2) <= contents(joined(PARTS), dupe_factor=5)


def test_the_kind_of_masks_does_not_change_the_segments():
    rows = [made(joined(PARTS), **changes).instances.rows for changes in ({}, {"whole_word_mask": True})]
    for name in ("a_begin", "a_length", "b_begin", "b_length", "random_next"):
        assert (rows[0][name] == rows[1][name]).all()


# Segments


@settings(max_examples=60, deadline=None)
@given(documents_text(), vocabularies(), st.integers(5, 40), st.sampled_from([0.0, 0.5, 1.0]), st.data())
def test_any_text_gives_sound_instances(text, vocabulary, max_seq_length, short_seq_prob, data):
    read = documents(text, vocabulary)
    kind = data.draw(st.sampled_from([{}, {"whole_word_mask": True}, {"span_masking": True}]))
    objective = data.draw(st.sampled_from(["mlm", "mlm+nsp"]))
    chosen = options(
        max_seq_length=max_seq_length,
        max_predictions=data.draw(st.integers(1, max_seq_length - 3)),
        short_seq_prob=short_seq_prob,
        objective=objective,
        **kind,
    )
    special = 3 if objective == "mlm+nsp" else 2
    try:
        generated = keyed.create_instances(read, vocabulary, chosen, 1)
    except BerthError as error:
        assert objective == "mlm+nsp" and "must come from another document" in str(error)
        return
    instances, rows = generated.instances, generated.instances.rows
    assert sorted(generated.order) == list(range(len(rows)))
    assert ((rows["a_length"] > 0) & (rows["a_length"] + rows["b_length"] <= max_seq_length - special)).all()
    assert ((rows["b_length"] > 0) == (objective == "mlm+nsp")).all()
    assert (np.diff(rows["mask_begin"], append=len(instances.masks)) >= rows["masks"]).all()
    budgets = prediction_budgets(max_seq_length, chosen.max_predictions, chosen.masked_lm_prob)
    for row in rows:
        length = int(row["a_length"]) + int(row["b_length"])
        positions = positions_of(instances, row)
        allowed = {*range(1, row["a_length"] + 1), *range(row["a_length"] + 2, length + 2)}
        assert list(positions) == sorted(set(positions))
        assert set(positions) <= allowed
        budget = min(budgets[length + special], length)
        assert len(positions) == budget if not kind else len(positions) <= budget


def test_half_of_the_next_sentences_are_random_where_there_is_a_choice():
    long = documents("\n\n".join(f"w{index} w1\nw2 w3\nw4 w{index} w5\nw6" for index in range(2000)), VOCABULARY)
    rows = keyed.create_instances(long, VOCABULARY, options(), 5).instances.rows
    first = rows[np.isin(rows["a_begin"], long.sentences[long.documents[:-1]])]  # chunks of a whole document
    assert abs(first["random_next"].mean() - 0.5) < 0.02


def test_a_random_next_sentence_is_from_another_document_and_an_actual_one_follows():
    rows = keyed.create_instances(BIG, VOCABULARY, options(max_seq_length=512), 5).instances.rows
    starts = BIG.sentences[BIG.documents]
    document_a = np.searchsorted(starts, rows["a_begin"], side="right")
    document_b = np.searchsorted(starts, rows["b_begin"], side="right")
    assert ((document_a != document_b) == rows["random_next"].astype(bool)).all()
    actual = rows[rows["random_next"] == 0]
    assert (actual["a_begin"] + actual["a_length"] == actual["b_begin"]).mean() > 0.95  # else cut at the seam


def test_every_document_is_as_likely_a_random_next_as_any_other():
    keys = np.arange(400, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    ring = ring_of(keys)
    points = np.random.default_rng(1).integers(0, 2**64, 40000, np.uint64)
    counts = np.bincount([partner_at(ring, point, keys, 0) for point in points], minlength=400)
    assert counts[0] == 0
    assert 0.15 < counts[1:].std() / counts[1:].mean() < 0.35  # 16 points a document: 1 / sqrt(16)


def test_one_document_alone_has_no_random_next_sentence():
    for text, found in (("a b\nc d\n", "one document"), ("a b\n\na b\n", "2 documents, all the same")):
        with pytest.raises(BerthError, match=f"text: a random next sentence.*Found {found}"):
            made(text)
        assert len(made(text, objective="mlm").order)


def test_without_documents_there_are_no_instances():
    assert len(made("\n \n").order) == 0


def test_full_sentences_are_packed_and_none_is_lost():
    generated = made(joined(PARTS), objective="mlm", dupe_factor=1, short_seq_prob=0.0)
    read = documents(joined(PARTS), VOCABULARY)
    rows = np.sort(generated.instances.rows, order="a_begin")
    ends = rows["a_begin"] + rows["a_length"]
    assert rows["a_begin"][0] == 0 and ends[-1] == len(read.ids)
    assert (rows["a_begin"][1:] == ends[:-1]).all()
    document_ends = set(read.sentences[read.documents])
    for row, end in zip(rows, ends, strict=True):
        assert end in read.sentences  # no sentence here is longer than a record
        following = read.sentences[min(np.searchsorted(read.sentences, end) + 1, len(read.sentences) - 1)]
        assert end in document_ends or following - row["a_begin"] > 62


def test_a_sentence_longer_than_a_record_is_cut_into_several():
    generated = made("w1 " * 150 + "\nw2\n", objective="mlm", dupe_factor=1, short_seq_prob=0.0)
    assert sorted(generated.instances.rows["a_length"]) == [27, 62, 62]


def test_instances_that_need_more_room_than_expected_are_all_there(monkeypatch):
    whole = made(joined(PARTS))
    monkeypatch.setattr(keyed, "expected_instances", lambda documents, settings: 3)
    grown = made(joined(PARTS))
    assert [array.tolist() for array in whole.instances] == [array.tolist() for array in grown.instances]
    assert list(whole.order) == list(grown.order)
    assert whole.counters == grown.counters


# Masks


def masks_of(**changes):
    """Instances of the big text: rows, what is shown at their masks, and the words."""
    instances = keyed.create_instances(BIG, VOCABULARY, options(masked_lm_prob=0.15, **changes), 11).instances
    kinds = instances.masks >> GAP_BITS
    return instances.rows, kinds[kinds != NOT_MASKED], instances.words


@pytest.mark.parametrize("changes", [{}, {"whole_word_mask": True}, {"span_masking": True}, {"objective": "mlm"}])
def test_15_percent_are_masked_and_shown_80_10_10(changes):
    rows, kinds, words = masks_of(**changes)
    special = 2 if changes.get("objective") == "mlm" else 3
    tokens = rows["a_length"].astype(int) + rows["b_length"] + special
    assert abs(len(kinds) / tokens.sum() - 0.15) < 0.005
    for kind, share in ((SHOW_MASK, 0.8), (SHOW_TOKEN, 0.1), (SHOW_WORD, 0.1)):
        assert abs((kinds == kind).mean() - share) < 0.01
    assert len(words) == np.count_nonzero(kinds == SHOW_WORD)


def test_random_replacements_are_uniform_over_real_words():
    _, _, drawn = masks_of()
    counts = np.bincount(drawn, minlength=len(VOCABULARY))
    assert set(np.flatnonzero(counts)) == set(VOCABULARY.words)
    expected = len(drawn) / len(VOCABULARY.words)
    chi_squared = ((counts[VOCABULARY.words] - expected) ** 2 / expected).sum()
    degrees = len(VOCABULARY.words) - 1
    assert abs(chi_squared - degrees) < 4 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("changes", [{}, {"span_masking": True}])
def test_every_position_is_as_likely_to_be_masked_as_any_other(changes):
    """In text of words of one token: a word of several is masked less often, since it does not always fit."""
    words = random.Random(1)
    text = joined(" ".join(words.choices([f"w{number}" for number in range(300)], k=62)) for _ in range(3000))
    plain = documents(text, VOCABULARY)
    chosen = options(objective="mlm", short_seq_prob=0.0, **changes)
    instances = keyed.create_instances(plain, VOCABULARY, chosen, 5).instances
    rows = instances.rows
    full = np.flatnonzero(rows["a_length"] == 62)
    counts = np.zeros(64)
    for row in rows[full]:
        counts[positions_of(instances, row)] += 1
    rates = counts[1:63] / len(full)
    expected = rates.mean()
    assert counts[0] == counts[63] == 0
    assert np.abs(rates - expected).max() < 4.5 * np.sqrt(expected * (1 - expected) / len(full))


def test_whole_words_are_masked_whole():
    instances = keyed.create_instances(BIG, VOCABULARY, options(whole_word_mask=True, objective="mlm"), 5).instances
    assert whole_word_share(instances) == 1.0
    assert whole_word_share(keyed.create_instances(BIG, VOCABULARY, options(objective="mlm"), 5).instances) < 0.5


def test_spans_are_of_whole_words():
    instances = keyed.create_instances(BIG, VOCABULARY, options(span_masking=True, objective="mlm"), 5).instances
    assert whole_word_share(instances) == 1.0


def whole_word_share(instances):
    """Of the words of several pieces that have a mask, the share that is masked whole."""
    whole = touched = 0
    for row in instances.rows[:3000]:
        ids = BIG.ids[row["a_begin"] : row["a_begin"] + row["a_length"]]
        begins = np.flatnonzero(~VOCABULARY.is_continuation[ids] | (np.arange(len(ids)) == 0))
        masked = np.zeros(len(ids), bool)
        masked[positions_of(instances, row) - 1] = True
        for begin, end in zip(begins, [*begins[1:], len(ids)], strict=True):
            if end - begin > 1 and masked[begin:end].any():
                touched += 1
                whole += masked[begin:end].all()
    return whole / touched


def test_spans_have_a_mean_length_of_three_words_and_one_decision():
    """Where few spans are drawn, hardly any two touch."""
    plain = documents(
        "\n\n".join(" ".join(f"w{(index + k) % 300}" for k in range(500)) for index in range(500)), VOCABULARY
    )
    chosen = options(max_seq_length=502, max_predictions=40, masked_lm_prob=0.02, objective="mlm", span_masking=True)
    instances = keyed.create_instances(plain, VOCABULARY, chosen, 5).instances
    lengths, decisions = [], []
    for row in instances.rows[instances.rows["a_length"] == 500]:
        kinds = kinds_of(instances, row)
        gaps = np.flatnonzero(np.diff(positions_of(instances, row)) > 1) + 1
        for span in np.split(np.arange(len(kinds)), gaps):
            lengths.append(len(span))
            decisions.append(len(set(kinds[span])))
    assert np.mean(decisions) < 1.05
    assert 2.4 < np.mean(lengths) < 3.2  # the last span of a record is cut where the budget ends
    assert 0.28 < np.mean(np.array(lengths) == 1) < 0.42


def test_special_tokens_are_the_only_ones_that_are_no_words():
    assert len(VOCABULARY) - len(VOCABULARY.words) == len(SPECIAL)
    assert isinstance(VOCABULARY, Vocabulary)
