"""The keyed generator's choice of masked positions: tokens, whole words or spans of words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit
from berth.kernels.keyed_random import below, next_number, scaled, uniform
from pipelines.mlm.instances import SHOW_MASK, SHOW_TOKEN, SHOW_WORD
from pipelines.mlm.masks import find_words, position_of, write_masks
from pipelines.mlm.streams import POSITION, REPLACEMENT, SPAN

SPAN_END = 1 / 3  # chance that a word is the first of a new span: lengths are geometric with mean 3
_MASKS = np.uint64(0.8 * 2**32)  # draws of 32 bits below this show [MASK] …
_MASKS_AND_TOKENS = np.uint64(0.9 * 2**32)  # … and below this the token itself; the others show a random word
_32 = np.uint64(32)


class Masking(NamedTuple):
    """What masking needs of the options and the vocabulary.

    ``budgets`` (int64): see prediction_budgets. ``special`` (int64): special tokens in a record. ``is_continuation``
    (bool, by id). ``words`` (int64): the ids that random replacements are drawn from.
    """

    by_words: bool
    by_spans: bool
    special: int
    budgets: NDArray[np.int64]
    is_continuation: NDArray[np.bool_]
    words: NDArray[np.int64]


@borrowing_jit
def mask_instance(ids, row, masking, streams, instances, scratch):
    """Choose the masks of the instance ``row`` and write them; returns the numbers of entries and of words written.

    Every token is as likely to be masked as any other: a token, word or span is drawn regardless of its position or
    length.
    """
    tokens = np.int64(row.a_length) + np.int64(row.b_length)
    budget = min(masking.budgets[tokens + masking.special], tokens)
    if masking.by_spans:
        _draw_spans(ids, row, budget, masking, streams, scratch)
    elif masking.by_words:
        _draw_words(ids, row, budget, masking, streams, scratch)
    else:
        _draw_tokens(row, tokens, budget, masking, streams, scratch)
    return write_masks(row, scratch, instances)


@borrowing_jit
def _draw(drawn, count, k, streams):
    """The k-th item of a shuffle of which only the beginning is needed (the Fisher-Yates shuffle, from the front)."""
    chosen = k + below(streams, POSITION, count - k)
    item = drawn[chosen]
    drawn[chosen] = drawn[k]
    drawn[k] = item
    return np.int64(item)


@borrowing_jit
def _number(drawn, count):
    for k in range(count):
        drawn[k] = k


@borrowing_jit
def _draw_tokens(row, tokens, budget, masking, streams, scratch):
    """Mask ``budget`` single tokens."""
    _number(scratch.drawn, tokens)
    for k in range(budget):
        _show(row, _draw(scratch.drawn, tokens, k, streams), masking, streams, scratch)


@borrowing_jit
def _draw_words(ids, row, budget, masking, streams, scratch):
    """Mask whole words; one with more tokens than are left of the budget is skipped."""
    words = find_words(ids, row, masking.is_continuation, False, scratch)
    _number(scratch.drawn, words)
    for k in range(words):
        if budget == 0:
            break
        word = _draw(scratch.drawn, words, k, streams)
        begin, end = np.int64(scratch.word_begins[word]), np.int64(scratch.word_begins[word + 1])
        if end - begin <= budget:
            for candidate in range(begin, end):
                _show(row, candidate, masking, streams, scratch)
            budget -= end - begin


@borrowing_jit
def _draw_spans(ids, row, budget, masking, streams, scratch):
    """Mask spans of whole words, a span with one decision (SpanBERT: Joshi et al., TACL 8, 2020).

    The words, joined to a ring so that none is at an edge, are divided into spans of geometric length, of which some
    are masked. A span that exceeds the budget is masked up to the first word that is too long.
    """
    words = find_words(ids, row, masking.is_continuation, False, scratch)
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
        for unwrapped in range(np.int64(scratch.span_begins[span]), np.int64(scratch.span_begins[span + 1])):
            word = unwrapped % words
            begin, end = np.int64(scratch.word_begins[word]), np.int64(scratch.word_begins[word + 1])
            if end - begin > budget:
                break
            for candidate in range(begin, end):
                random_bits = next_number(streams, REPLACEMENT)
                _show_as(row, candidate, decision, random_bits, masking, scratch)
            budget -= end - begin


@borrowing_jit
def _show(row, candidate, masking, streams, scratch):
    """Mask a candidate with a decision of its own."""
    number = next_number(streams, REPLACEMENT)
    _show_as(row, candidate, number >> _32, number, masking, scratch)


@borrowing_jit
def _show_as(row, candidate, decision, random_bits, masking, scratch):
    """Mask a candidate: 80% [MASK], 10% the token itself, 10% a word drawn by the low 32 ``random_bits``."""
    position = position_of(candidate, row)
    if decision < _MASKS:
        scratch.kinds[position] = SHOW_MASK
    elif decision < _MASKS_AND_TOKENS:
        scratch.kinds[position] = SHOW_TOKEN
    else:
        scratch.kinds[position] = SHOW_WORD
        scratch.words[position] = masking.words[scaled(random_bits, len(masking.words))]
