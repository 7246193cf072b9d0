"""The keyed generator: a document's instances are a function of the seed, its content and the duplicate's number.

Documents can be added, removed and moved without changing the instances of the others, except that a few random next
sentences then come from another document. A random next sentence never comes from the same document.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.errors import BerthError
from berth.formats.vocabulary import Vocabulary
from berth.kernels import borrowing_jit
from berth.kernels.hashing import fold, multiplicative_hash
from berth.kernels.keyed_random import absorb, below, next_number, start, uniform
from berth.recipe import RecordSet
from pipelines.mlm.instances import Documents, Generated, Instances
from pipelines.mlm.masking import Masking, mask_instance
from pipelines.mlm.masks import Scratch, prediction_budgets, scratch_for
from pipelines.mlm.partners import Ring, partner_at, ring_of
from pipelines.mlm.reference import expected_instances
from pipelines.mlm.streams import (
    LENGTH,
    NEXT,
    ORDER,
    PARTNER,
    PURPOSES,
    SPLIT,
    TRUNCATION,
)

# Elements of `cursor`: the next document, and the numbers of items written so far.
DOCUMENT, INSTANCES, MASKS, WORDS, TRUNCATED = range(5)


class Settings(NamedTuple):
    """What the kernel needs of the options: ``room`` is the number of tokens of a record that are not special."""

    seed: np.uint64
    room: int
    short_seq_prob: float
    dupe_factor: int
    is_pair: bool


class Shard(NamedTuple):
    """The documents, their keys (uint64, hashes of their contents), and the ring of partners."""

    documents: Documents
    keys: NDArray[np.uint64]
    ring: Ring


class Work(NamedTuple):
    """What the kernel writes to.

    ``streams`` (uint64[PURPOSES]): random numbers. ``order_keys``: by instance, the random number by which
    they are sorted.
    """

    streams: NDArray[np.uint64]
    cursor: NDArray[np.int64]
    instances: Instances
    order_keys: NDArray[np.uint64]
    scratch: Scratch


def create_instances(
    documents: Documents, vocabulary: Vocabulary, options: RecordSet, seed: int, origin: str = "text"
) -> Generated:
    """The instances of one shard, in an order that does not depend on that of the documents.

    Args:
        documents: The shard.
        vocabulary: Its vocabulary.
        options: Lengths, masking, objective.
        seed: Below 2**64.
        origin: Name of the shard in errors.

    Raises:
        BerthError: if next sentences are asked for and the shard has less than two different documents.
    """
    is_pair = options.objective == "mlm+nsp"
    special = 3 if is_pair else 2
    keys = np.empty(len(documents.documents) - 1, np.uint64)
    hash_documents(documents, keys)
    if is_pair and len(keys) and (keys == keys[0]).all():
        raise BerthError(
            "a random next sentence must come from another document, and there is none",
            where=origin,
            found="one document" if len(keys) == 1 else f"{len(keys)} documents, all the same",
            expected="at least two different documents in each text file",
            fix="Make fewer, larger text files; or use `objective: mlm`, which has no next sentences.",
        )
    settings = Settings(
        np.uint64(seed), options.max_seq_length - special, options.short_seq_prob, options.dupe_factor, is_pair
    )
    masking = Masking(
        options.whole_word_mask,
        options.span_masking,
        special,
        prediction_budgets(options.max_seq_length, options.max_predictions, options.masked_lm_prob),
        vocabulary.is_continuation,
        vocabulary.words,
    )
    shard = Shard(documents, keys, ring_of(keys))
    room = expected_instances(documents, options)
    work = Work(
        np.empty(PURPOSES, np.uint64),
        np.zeros(5, np.int64),
        Instances.room_for(room, options, vocabulary.id_type),
        np.empty(room, np.uint64),
        scratch_for(options.max_seq_length, vocabulary.id_type),
    )
    while not generate(shard, settings, masking, work):
        more = work.instances.grown(options)
        work = work._replace(instances=more, order_keys=np.resize(work.order_keys, len(more.rows)))
    count, masks, words, truncated = (int(work.cursor[slot]) for slot in (INSTANCES, MASKS, WORDS, TRUNCATED))
    order = np.argsort(work.order_keys[:count])  # equal keys belong to equal documents, whose records are the same
    return Generated(work.instances.cut(count, masks, words), order, {"truncated": truncated})


@borrowing_jit
def hash_documents(documents, keys):
    """Write the hash of each document's content (its tokens and where its sentences end)."""
    for document in range(len(keys)):
        key = np.uint64(0)
        for sentence in range(documents.documents[document], documents.documents[document + 1]):
            begin, end = documents.sentences[sentence], documents.sentences[sentence + 1]
            key = absorb(key, end - begin)
            for k in range(begin, end):
                key = multiplicative_hash(fold(key) ^ np.uint64(documents.ids[k]))
        keys[document] = key


@borrowing_jit
def generate(shard, settings, masking, work):
    """Make the instances of all documents from the cursor on; returns whether all are done (else the arrays are full).

    A document for which there is no room is started again by the next call.
    """
    cursor = work.cursor
    while cursor[DOCUMENT] < len(shard.keys):
        document = cursor[DOCUMENT]
        made, masks, words, truncated = cursor[INSTANCES], cursor[MASKS], cursor[WORDS], cursor[TRUNCATED]
        for duplicate in range(settings.dupe_factor):
            key = absorb(absorb(absorb(np.uint64(0), settings.seed), shard.keys[document]), duplicate)
            if settings.is_pair:
                fits = _create_pairs(shard, document, key, settings, masking, work)
            else:
                fits = _create_packed(shard.documents, document, key, settings, masking, work)
            if not fits:
                cursor[INSTANCES], cursor[MASKS], cursor[WORDS], cursor[TRUNCATED] = made, masks, words, truncated
                return False
        cursor[DOCUMENT] += 1
    return True


@borrowing_jit
def _target(key, settings, streams):
    """The target length of this duplicate's instances: usually all there is room for."""
    start(streams, key)
    if uniform(streams, LENGTH) < settings.short_seq_prob:
        return 2 + below(streams, LENGTH, settings.room - 1)
    return np.int64(settings.room)


@borrowing_jit
def _finish(ids, row, masking, work):
    """Mask the instance at the cursor, draw its order key, and move the cursor."""
    cursor = work.cursor
    row.mask_begin, row.word_begin = cursor[MASKS], cursor[WORDS]
    masks, words = mask_instance(ids, row, masking, work.streams, work.instances, work.scratch)
    cursor[MASKS] += masks
    cursor[WORDS] += words
    work.order_keys[cursor[INSTANCES]] = next_number(work.streams, ORDER)
    cursor[INSTANCES] += 1


@borrowing_jit
def _create_packed(documents, document, key, settings, masking, work):
    """Write instances of one segment: as many full sentences as there is room for; a longer sentence is split.

    DOC-SENTENCES of RoBERTa (Liu et al., 2019): an instance does not continue into the next document.
    """
    sentences = documents.sentences
    sentence, last = documents.documents[document], documents.documents[document + 1]
    begin = sentences[sentence]
    target = _target(key, settings, work.streams)
    ordinal = 0
    while begin < sentences[last]:
        if work.cursor[INSTANCES] == len(work.instances.rows):
            return False
        ordinal += 1
        start(work.streams, absorb(key, ordinal))  # so that an instance does not depend on those before it
        end = begin
        while sentence < last and sentences[sentence + 1] - begin <= target:
            sentence += 1
            end = sentences[sentence]
        if end == begin:  # not even one sentence fits
            end = begin + target
        row = work.instances.rows[work.cursor[INSTANCES]]
        row.a_begin, row.a_length = begin, end - begin
        row.b_begin, row.b_length = end, 0
        row.random_next = 0
        _finish(documents.ids, row, masking, work)
        begin = end
    return True


@borrowing_jit
def _create_pairs(shard, document, key, settings, masking, work):
    """Write instances of two segments: B is what follows A or, half of the time, comes from another document.

    As in the reference: sentences are collected until there are enough tokens; some of them, at least one, are A; the
    others are B, or are used again. A single remaining sentence can only be followed by a random one.
    """
    documents = shard.documents
    sentences = documents.sentences
    sentence, last = documents.documents[document], documents.documents[document + 1]
    target = _target(key, settings, work.streams)
    ordinal = 0
    while sentence < last:
        if work.cursor[INSTANCES] == len(work.instances.rows):
            return False
        ordinal += 1
        start(work.streams, absorb(key, ordinal))  # so that an instance does not depend on those before it
        end = sentence + 1
        while end < last and sentences[end] - sentences[sentence] < target:
            end += 1
        middle = sentence + 1
        if end - sentence >= 2:
            middle += below(work.streams, SPLIT, end - sentence - 1)
        row = work.instances.rows[work.cursor[INSTANCES]]
        a_begin, a_end = sentences[sentence], sentences[middle]
        row.random_next = end - sentence == 1 or uniform(work.streams, NEXT) < 0.5
        if row.random_next:
            other = partner_at(shard.ring, next_number(work.streams, PARTNER), shard.keys, document)
            b_begin, b_end = _random_segment(documents, other, target - (a_end - a_begin), work.streams)
            sentence = middle
        else:
            b_begin, b_end = a_end, sentences[end]
            sentence = end
        excess = max((a_end - a_begin) + (b_end - b_begin) - settings.room, 0)
        work.cursor[TRUNCATED] += excess
        for _ in range(excess):
            is_front = below(work.streams, TRUNCATION, 2)
            if a_end - a_begin > b_end - b_begin:
                a_begin += is_front
                a_end -= 1 - is_front
            else:
                b_begin += is_front
                b_end -= 1 - is_front
        row.a_begin, row.a_length = a_begin, a_end - a_begin
        row.b_begin, row.b_length = b_begin, b_end - b_begin
        _finish(documents.ids, row, masking, work)
    return True


@borrowing_jit
def _random_segment(documents, other, wanted, streams):
    """The range of ids of sentences from a random one of a document on: at least ``wanted`` tokens if it has them."""
    sentences = documents.sentences
    first, last = documents.documents[other], documents.documents[other + 1]
    begin = first + below(streams, PARTNER, last - first)
    end = begin + 1
    while end < last and sentences[end] - sentences[begin] < wanted:
        end += 1
    return sentences[begin], sentences[end]
