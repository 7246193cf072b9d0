"""The reference generator: the instances of create_pretraining_data.py, with the same random numbers.

The call order is that of MLPerf training v1.0's script and, for whole-word masking, of google-research/bert's, which
agree in everything else: one `random.Random(seed)` per input file shuffles the documents, makes the instances of each
document of each duplicate in turn, and shuffles the instances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import Vocabulary
from berth.kernels import borrowing_jit
from berth.recipe import RecordSet
from pipelines.mlm.instances import SHOW_MASK, SHOW_TOKEN, SHOW_WORD, Documents, Generated, Instances
from pipelines.mlm.masks import Scratch, find_words, position_of, prediction_budgets, scratch_for, write_masks
from pipelines.mlm.mersenne import Twister, below, shuffle, twister, uniform

TRIES = 10  # draws of another document for a random next sentence, before the same one is accepted

# Elements of `cursor`: the state of the generator, so that it can continue with larger arrays.
DOCUMENT, SENTENCE, TARGET, INSTANCES, MASKS, WORDS, TRUNCATED, SELF_NEXT = range(8)


class Settings(NamedTuple):
    """What the kernel needs of the options and the vocabulary.

    ``budgets`` (int64): see prediction_budgets. ``is_continuation`` (bool, by id).
    """

    max_seq_length: int
    short_seq_prob: float
    whole_word_mask: bool
    vocabulary_size: int
    budgets: NDArray[np.int64]
    is_continuation: NDArray[np.bool_]


class Work(NamedTuple):
    """What the kernel writes to: the random numbers, the cursor, the instances."""

    twister: Twister
    cursor: NDArray[np.int64]
    instances: Instances
    scratch: Scratch


def create_instances(documents: Documents, vocabulary: Vocabulary, options: RecordSet, seed: int) -> Generated:
    """The instances of one shard, in the order of the reference."""
    settings = Settings(
        options.max_seq_length,
        options.short_seq_prob,
        options.whole_word_mask,
        len(vocabulary),
        prediction_budgets(options.max_seq_length, options.max_predictions, options.masked_lm_prob),
        vocabulary.is_continuation,
    )
    room = expected_instances(documents, options)
    work = Work(
        twister(seed),
        np.zeros(8, np.int64),
        Instances.room_for(room, options, vocabulary.id_type),
        scratch_for(options.max_seq_length, vocabulary.id_type),
    )
    document_order = np.arange(len(documents.documents) - 1)
    shuffle(work.twister, document_order, len(document_order))
    for _ in range(options.dupe_factor):
        work.cursor[DOCUMENT] = 0
        while not generate(documents, document_order, settings, work):
            work = work._replace(instances=work.instances.grown(options))
    count, masks, words = (int(work.cursor[slot]) for slot in (INSTANCES, MASKS, WORDS))
    order = np.arange(count)
    shuffle(work.twister, order, count)
    counters = {"truncated": int(work.cursor[TRUNCATED]), "next_from_same_document": int(work.cursor[SELF_NEXT])}
    return Generated(work.instances.cut(count, masks, words), order, counters)


def expected_instances(documents: Documents, options: RecordSet) -> int:
    """A number of instances that is seldom exceeded: half of the chunks return sentences for further instances."""
    per_duplicate = 2 * len(documents.ids) / (options.max_seq_length - 3) + len(documents.documents)
    return int(options.dupe_factor * per_duplicate)


@borrowing_jit
def generate(documents, order, settings, work):
    """Make the instances of one duplicate from the cursor on; returns whether it is done (else the arrays are full)."""
    cursor = work.cursor
    room = settings.max_seq_length - 3  # [CLS] A [SEP] B [SEP]
    while cursor[DOCUMENT] < len(order):
        document = order[cursor[DOCUMENT]]
        end = documents.documents[document + 1]
        if cursor[TARGET] == 0:
            cursor[SENTENCE] = documents.documents[document]
            cursor[TARGET] = room
            if uniform(work.twister) < settings.short_seq_prob:
                cursor[TARGET] = 2 + below(work.twister, room - 1)
        while cursor[SENTENCE] < end:
            if cursor[INSTANCES] == len(work.instances.rows):
                return False
            _create_instance(documents, order, settings, work)
        cursor[TARGET] = 0
        cursor[DOCUMENT] += 1
    return True


@borrowing_jit
def _create_instance(documents, order, settings, work):
    """Write one instance from the sentences at the cursor, which moves past those that were used."""
    cursor = work.cursor
    sentences = documents.sentences
    begin = cursor[SENTENCE]
    target = cursor[TARGET]
    last = documents.documents[order[cursor[DOCUMENT]] + 1]
    end = begin + 1
    while end < last and sentences[end] - sentences[begin] < target:
        end += 1
    middle = begin + 1
    if end - begin >= 2:
        middle = begin + 1 + below(work.twister, end - begin - 1)
    a_begin, a_end = sentences[begin], sentences[middle]
    is_random_next = end - begin == 1 or uniform(work.twister) < 0.5
    if is_random_next:
        b_begin, b_end = _random_segment(documents, order, target - (a_end - a_begin), work)
        cursor[SENTENCE] = middle  # the rest of the chunk is used again
    else:
        b_begin, b_end = a_end, sentences[end]
        cursor[SENTENCE] = end

    room = settings.max_seq_length - 3
    excess = max((a_end - a_begin) + (b_end - b_begin) - room, 0)
    cursor[TRUNCATED] += excess
    for _ in range(excess):
        is_front = uniform(work.twister) < 0.5
        if a_end - a_begin > b_end - b_begin:
            a_begin += is_front
            a_end -= not is_front
        else:
            b_begin += is_front
            b_end -= not is_front

    row = work.instances.rows[cursor[INSTANCES]]
    row.a_begin, row.a_length = a_begin, a_end - a_begin
    row.b_begin, row.b_length = b_begin, b_end - b_begin
    row.random_next = is_random_next
    row.mask_begin, row.word_begin = cursor[MASKS], cursor[WORDS]
    _choose_masks(documents.ids, row, settings, work.twister, work.scratch)
    masks, words = write_masks(row, work.scratch, work.instances)
    cursor[MASKS] += masks
    cursor[WORDS] += words
    cursor[INSTANCES] += 1


@borrowing_jit
def _random_segment(documents, order, wanted, work):
    """The range of ids of sentences from a random one of a random document on.

    At least ``wanted`` tokens, if the document has them.
    """
    other = 0
    for _ in range(TRIES):
        other = below(work.twister, len(order))
        if other != work.cursor[DOCUMENT]:
            break
    work.cursor[SELF_NEXT] += other == work.cursor[DOCUMENT]
    first, last = documents.documents[order[other]], documents.documents[order[other] + 1]
    sentences = documents.sentences
    begin = first + below(work.twister, last - first)
    end = begin + 1
    while end < last and sentences[end] - sentences[begin] < wanted:
        end += 1
    return sentences[begin], sentences[end]


@borrowing_jit
def _choose_masks(ids, row, settings, twister, scratch):
    """Choose the masks of the instance ``row``: all its tokens, or words, are shuffled, and the first ones masked."""
    tokens = np.int64(row.a_length) + np.int64(row.b_length)
    budget = min(settings.budgets[tokens + 3], tokens)
    words = tokens
    if settings.whole_word_mask:
        words = find_words(ids, row, settings.is_continuation, True, scratch)
    for k in range(words):
        scratch.drawn[k] = k
    shuffle(twister, scratch.drawn, words)
    for k in range(words):
        if budget == 0:
            break
        begin = np.int64(scratch.drawn[k])
        end = begin + 1
        if settings.whole_word_mask:
            begin, end = np.int64(scratch.word_begins[begin]), np.int64(scratch.word_begins[end])
            if end - begin > budget:
                continue
        for candidate in range(begin, end):
            _show(position_of(candidate, row), settings, twister, scratch)
        budget -= end - begin


@borrowing_jit
def _show(position, settings, twister, scratch):
    """Choose what is shown at a masked position: 80% [MASK], 10% the token itself, 10% any entry of the vocabulary."""
    if uniform(twister) < 0.8:
        scratch.kinds[position] = SHOW_MASK
    elif uniform(twister) < 0.5:
        scratch.kinds[position] = SHOW_TOKEN
    else:
        scratch.kinds[position] = SHOW_WORD
        scratch.words[position] = below(twister, settings.vocabulary_size)
