"""The keyed generator's choice of masks: tokens, whole words or spans of words, drawing only what is masked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import jit
from pipelines.mlm.instances import kept_marker, write_masks
from pipelines.mlm.streams import POSITION, REPLACEMENT, SPAN, below, next_number, scaled, uniform

SPAN_END = 1 / 3  # chance that a word is the first of a new span: lengths are geometric with mean 3
_SHOW_MASK = np.uint64(0.8 * 2**32)  # of the 2**32 values of a draw, those that show [MASK] …
_SHOW_TOKEN = np.uint64(0.9 * 2**32)  # … and those that show the token itself; the rest show a random word
_32 = np.uint64(32)


class Masking(NamedTuple):
    """What masking needs of the options and the vocabulary.

    ``budgets`` (int64): see prediction_budgets. ``special`` (int64): special tokens in a record. ``is_continuation`` (bool, by
    id). ``words`` (int64): the ids that random replacements are drawn from.
    """

    by_words: bool
    by_spans: bool
    special: int
    mask_token: int
    budgets: NDArray[np.int64]
    is_continuation: NDArray[np.bool_]
    words: NDArray[np.int64]


class Scratch(NamedTuple):
    """Working memory of one instance, each as long as a record.

    Candidates are numbered through A and B, special tokens left out. ``word_begins`` (uint16), ``span_begins`` (int32): the
    candidate a word, and the word a span, begins with, and one number more that ends the last. ``drawn`` (uint16): what is shuffled. By
    position in the record: ``is_masked`` (uint8), ``shown`` (type of the ids, see Instances.replacements).
    """

    word_begins: NDArray[np.uint16]
    span_begins: NDArray[np.int32]
    drawn: NDArray[np.uint16]
    is_masked: NDArray[np.uint8]
    shown: NDArray[np.unsignedinteger]


def scratch_for(max_seq_length: int, id_type: type[np.unsignedinteger]) -> Scratch:
    """Working memory for instances of this length."""
    length = max_seq_length + 1
    return Scratch(
        np.empty(length, np.uint16),
        np.empty(length, np.int32),
        np.empty(length, np.uint16),
        np.zeros(length, np.uint8),
        np.empty(length, id_type),
    )


@jit(_nrt=False)
def mask_instance(ids, row, masking, streams, instances, scratch):
    """Choose the masks of the instance ``row`` and write them from ``row.mask_begin`` on.

    Every token is as likely to be masked as any other: a token, word or span is drawn without regard to its place or length.
    """
    tokens = np.int64(row.a_length) + np.int64(row.b_length)
    budget = min(masking.budgets[tokens + masking.special], tokens)
    if masking.by_spans:
        _draw_spans(ids, row, tokens, budget, masking, streams, instances, scratch)
    elif masking.by_words:
        _draw_words(ids, row, tokens, budget, masking, streams, instances, scratch)
    else:
        _draw_tokens(row, tokens, budget, masking, streams, instances, scratch)
    write_masks(row, tokens + 1, scratch.is_masked, scratch.shown, instances)


@jit(_nrt=False)
def _draw(drawn, count, k, streams):
    """The k-th item of a shuffle of which only the beginning is needed (the Fisher-Yates shuffle, from the front)."""
    chosen = k + below(streams, POSITION, count - k)
    item = drawn[chosen]
    drawn[chosen] = drawn[k]
    drawn[k] = item
    return np.int64(item)


@jit(_nrt=False)
def _number(drawn, count):
    for k in range(count):
        drawn[k] = k


@jit(_nrt=False)
def _draw_tokens(row, tokens, budget, masking, streams, instances, scratch):
    """Mask ``budget`` single tokens."""
    _number(scratch.drawn, tokens)
    for k in range(budget):
        _show(row, _draw(scratch.drawn, tokens, k, streams), masking, streams, instances, scratch)


@jit(_nrt=False)
def _draw_words(ids, row, tokens, budget, masking, streams, instances, scratch):
    """Mask whole words; one with more tokens than are left of the budget is passed over."""
    words = _find_words(ids, row, tokens, masking, scratch)
    _number(scratch.drawn, words)
    for k in range(words):
        if budget == 0:
            break
        word = _draw(scratch.drawn, words, k, streams)
        begin, end = np.int64(scratch.word_begins[word]), np.int64(scratch.word_begins[word + 1])
        if end - begin <= budget:
            for candidate in range(begin, end):
                _show(row, candidate, masking, streams, instances, scratch)
            budget -= end - begin


@jit(_nrt=False)
def _draw_spans(ids, row, tokens, budget, masking, streams, instances, scratch):
    """Mask spans of whole words, a span with one decision (SpanBERT: Joshi et al., TACL 8, 2020).

    The words, closed to a ring so that none is at an edge, are cut into spans of geometric length, some of which are masked. A
    span that the budget does not suffice for is masked up to the first word that is too long.
    """
    words = _find_words(ids, row, tokens, masking, scratch)
    spans = 0
    for word in range(words):
        if uniform(streams, SPAN) < SPAN_END:
            scratch.span_begins[spans] = word
            spans += 1
    if spans == 0:
        scratch.span_begins[0] = 0
        spans = 1
    scratch.span_begins[spans] = scratch.span_begins[0] + words
    _number(scratch.drawn, spans)
    for k in range(spans):
        if budget == 0:
            break
        span = _draw(scratch.drawn, spans, k, streams)
        decision = next_number(streams, REPLACEMENT) >> _32
        for place in range(np.int64(scratch.span_begins[span]), np.int64(scratch.span_begins[span + 1])):
            word = place % words
            begin, end = np.int64(scratch.word_begins[word]), np.int64(scratch.word_begins[word + 1])
            if end - begin > budget:
                break
            for candidate in range(begin, end):
                random_bits = next_number(streams, REPLACEMENT)
                _show_as(row, candidate, decision, random_bits, masking, instances, scratch)
            budget -= end - begin


@jit(_nrt=False)
def _find_words(ids, row, tokens, masking, scratch):
    """Number the words; returns how many there are. A piece that a cut left at the beginning of a segment is a word."""
    a_length = np.int64(row.a_length)
    words = 0
    for candidate in range(tokens):
        if candidate < a_length:
            token = ids[row.a_begin + candidate]
        else:
            token = ids[row.b_begin + candidate - a_length]
        if candidate == 0 or candidate == a_length or not masking.is_continuation[token]:
            scratch.word_begins[words] = candidate
            words += 1
    scratch.word_begins[words] = tokens
    return words


@jit(_nrt=False)
def _show(row, candidate, masking, streams, instances, scratch):
    """Mask a candidate with a decision of its own."""
    number = next_number(streams, REPLACEMENT)
    _show_as(row, candidate, number >> _32, number, masking, instances, scratch)


@jit(_nrt=False)
def _show_as(row, candidate, decision, random_bits, masking, instances, scratch):
    """Mask a candidate: 80% [MASK], 10% the token itself, 10% a word drawn by the low 32 ``random_bits``."""
    position = candidate + 1 + (candidate >= row.a_length)  # after [CLS], and in B after [SEP]
    scratch.is_masked[position] = 1
    if decision < _SHOW_MASK:
        scratch.shown[position] = masking.mask_token
    elif decision < _SHOW_TOKEN:
        scratch.shown[position] = kept_marker(instances.replacements)
    else:
        scratch.shown[position] = masking.words[scaled(random_bits, len(masking.words))]
