"""The reference generator: the instances of create_pretraining_data.py, random number for random number.

The call order is that of MLPerf training v1.0's script and, for whole-word masking, of google-research/bert's, which agree
in everything else: one `random.Random(seed)` per input file shuffles the documents, makes the instances of each document
of each duplicate in turn, and shuffles the instances.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import jit
from berth.recipe import RecordSet
from pipelines.mlm.instances import Documents, Generated, Instances, kept_marker, prediction_budgets, write_masks
from pipelines.mlm.mersenne import below, shuffle, twister, uniform
from pipelines.mlm.vocabulary import MASK, Vocabulary

TRIES = 10  # draws of another document for a random next, before the same one is taken

# Slots of `cursor`: where the generator stands, so that it can go on after its output was given more room.
DOCUMENT, SENTENCE, TARGET, INSTANCES, MASKS, TRUNCATED, SELF_NEXT = range(7)


class Settings(NamedTuple):
    """What the kernel needs of the options and the vocabulary."""

    max_seq_length: int
    short_seq_prob: float
    whole_word_mask: bool
    mask_token: int
    vocabulary_size: int


class Scratch(NamedTuple):
    """Working memory of one instance, as long as a record.

    ``candidates`` (uint16): the words or tokens that may be masked, shuffled. ``word_begins`` (uint16). By position:
    ``is_masked`` (uint8) and ``shown`` (type of the ids, see Instances.replacements).
    """

    candidates: NDArray[np.uint16]
    word_begins: NDArray[np.uint16]
    is_masked: NDArray[np.uint8]
    shown: NDArray[np.unsignedinteger]


def create_instances(documents: Documents, vocabulary: Vocabulary, options: RecordSet, seed: int) -> Generated:
    """The instances of one shard, in the order in which the reference writes them."""
    documents_count = len(documents.documents) - 1
    length = options.max_seq_length
    settings = Settings(length, options.short_seq_prob, options.whole_word_mask, vocabulary.ids[MASK], len(vocabulary))
    budgets = prediction_budgets(length, options.max_predictions, options.masked_lm_prob)
    scratch = Scratch(
        np.empty(length + 1, np.uint16),
        np.empty(length + 1, np.uint16),
        np.zeros(length + 1, np.uint8),
        np.empty(length + 1, vocabulary.id_type),
    )
    generator = twister(seed)
    order = np.arange(documents_count)
    shuffle(generator, order, len(order))

    # More than half of the chunks give sentences back, which make further instances.
    expected = int(options.dupe_factor * (2 * len(documents.ids) / (length - 3) + documents_count))
    instances = Instances.room_for(expected, expected * options.max_predictions + 1, vocabulary.id_type)
    cursor = np.zeros(7, np.int64)
    for _ in range(options.dupe_factor):
        cursor[DOCUMENT] = 0
        while not generate(
            documents, order, settings, budgets, vocabulary.is_continuation, generator, cursor, instances, scratch
        ):
            room = 2 * len(instances.rows) + 1
            instances = instances.resized(room, room * options.max_predictions + 1)
    count = int(cursor[INSTANCES])
    final_order = np.arange(count)
    shuffle(generator, final_order, count)
    counters = {"truncated": int(cursor[TRUNCATED]), "next_from_same_document": int(cursor[SELF_NEXT])}
    return Generated(instances.resized(count, int(cursor[MASKS])), final_order, counters)


@jit(_nrt=False)
def generate(documents, order, settings, budgets, is_continuation, twister, cursor, instances, scratch):
    """Make the instances of one duplicate from ``cursor`` on; returns whether it is done (else there is no more room)."""
    room = settings.max_seq_length - 3  # [CLS] A [SEP] B [SEP]
    while cursor[DOCUMENT] < len(order):
        document = order[cursor[DOCUMENT]]
        end = documents.documents[document + 1]
        if cursor[TARGET] == 0:
            cursor[SENTENCE] = documents.documents[document]
            cursor[TARGET] = room
            if uniform(twister) < settings.short_seq_prob:
                cursor[TARGET] = 2 + below(twister, room - 1)
        while cursor[SENTENCE] < end:
            if cursor[INSTANCES] == len(instances.rows):
                return False
            _create_instance(documents, order, settings, budgets, is_continuation, twister, cursor, instances, scratch)
        cursor[TARGET] = 0
        cursor[DOCUMENT] += 1
    return True


@jit(_nrt=False)
def _create_instance(documents, order, settings, budgets, is_continuation, twister, cursor, instances, scratch):
    """One instance from the sentences at the cursor, which moves behind those that are used up."""
    sentences = documents.sentences
    begin = cursor[SENTENCE]
    target = cursor[TARGET]
    last = documents.documents[order[cursor[DOCUMENT]] + 1]
    end = begin + 1
    while end < last and sentences[end] - sentences[begin] < target:
        end += 1
    middle = begin + 1
    if end - begin >= 2:
        middle = begin + 1 + below(twister, end - begin - 1)
    a_begin, a_end = sentences[begin], sentences[middle]
    is_random_next = end - begin == 1 or uniform(twister) < 0.5
    if is_random_next:
        b_begin, b_end = _random_segment(documents, order, target - (a_end - a_begin), twister, cursor)
        cursor[SENTENCE] = middle  # what the chunk has beyond A comes again
    else:
        b_begin, b_end = a_end, sentences[end]
        cursor[SENTENCE] = end

    room = settings.max_seq_length - 3
    excess = max((a_end - a_begin) + (b_end - b_begin) - room, 0)
    cursor[TRUNCATED] += excess
    for _ in range(excess):
        is_front = uniform(twister) < 0.5
        if a_end - a_begin > b_end - b_begin:
            a_begin += is_front
            a_end -= not is_front
        else:
            b_begin += is_front
            b_end -= not is_front

    row = instances.rows[cursor[INSTANCES]]
    row.a_begin, row.a_length = a_begin, a_end - a_begin
    row.b_begin, row.b_length = b_begin, b_end - b_begin
    row.random_next = is_random_next
    row.mask_begin = cursor[MASKS]
    _mask(documents.ids, row, settings, budgets, is_continuation, twister, instances, scratch)
    cursor[MASKS] += row.masks
    cursor[INSTANCES] += 1


@jit(_nrt=False)
def _random_segment(documents, order, wanted, twister, cursor):
    """The range of ids of sentences from a random place of a random document: at least ``wanted`` tokens if it has them."""
    other = 0
    for _ in range(TRIES):
        other = below(twister, len(order))
        if other != cursor[DOCUMENT]:
            break
    cursor[SELF_NEXT] += other == cursor[DOCUMENT]
    first, last = documents.documents[order[other]], documents.documents[order[other] + 1]
    sentences = documents.sentences
    begin = first + below(twister, last - first)
    end = begin + 1
    while end < last and sentences[end] - sentences[begin] < wanted:
        end += 1
    return sentences[begin], sentences[end]


@jit(_nrt=False)
def _mask(ids, row, settings, budgets, is_continuation, twister, instances, scratch):
    """Choose and write the masks of the instance ``row``.

    Candidates are numbered through A and B, special tokens left out: candidate c of A stands at position c + 1, of B at
    position c + 2.
    """
    a_begin, a_length = row.a_begin, np.int64(row.a_length)
    b_begin, b_length = row.b_begin, np.int64(row.b_length)
    tokens = a_length + b_length
    budget = min(budgets[tokens + 3], tokens)
    words = tokens
    if settings.whole_word_mask:
        words = 0
        for c in range(tokens):
            token = ids[a_begin + c] if c < a_length else ids[b_begin + c - a_length]
            # As in the reference, a piece at the beginning of B joins the last word of A.
            if c == 0 or not is_continuation[token]:
                scratch.word_begins[words] = c
                words += 1
        scratch.word_begins[words] = tokens
    for k in range(words):
        scratch.candidates[k] = k
    shuffle(twister, scratch.candidates, words)

    kept = kept_marker(instances.replacements)
    masked = 0
    for k in range(words):
        if masked >= budget:
            break
        word = np.int64(scratch.candidates[k])
        begin, end = word, word + 1
        if settings.whole_word_mask:
            begin, end = np.int64(scratch.word_begins[word]), np.int64(scratch.word_begins[word + 1])
            if masked + end - begin > budget:
                continue
        for c in range(begin, end):
            if uniform(twister) < 0.8:
                shown = settings.mask_token
            elif uniform(twister) < 0.5:
                shown = kept
            else:
                shown = below(twister, settings.vocabulary_size)
            position = c + 1 + (c >= a_length)
            scratch.is_masked[position] = 1
            scratch.shown[position] = shown
        masked += end - begin
    write_masks(row, tokens + 1, scratch.is_masked, scratch.shown, instances)
