"""Texts → normalized words, all characters of a batch at once: the basic tokenizer of google-research/bert."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from berth.text.characters import UNIT_BARRIER, UNIT_CLASS, UNIT_CODE_POINT, UNIT_PUNCTUATION
from trainer.serving.tokenizing.character_tables import (
    BLANK,
    CASED_LETTER,
    IGNORABLE_FOR_CASE,
    PAGE_SIZE,
    SIGMA_LETTER,
    character_tables,
)

Tensor = Any


class Words(NamedTuple):
    """The words of all texts, flattened to characters.

    ``code_points`` int64[characters]: the characters of all words. ``begins`` bool[characters]: whether a word begins
    here. ``rows`` int64[characters]: the index of the text.
    """

    code_points: Tensor
    begins: Tensor
    rows: Tensor


class BasicTokenizer:
    """Splits texts into words and punctuation, and normalizes them.

    Args:
        lower_case: Lower-case and strip accents ("uncased" models).
    """

    def __init__(self, lower_case: bool) -> None:
        tables = character_tables(lower_case)
        self._lower_case = lower_case
        self._pages = tf.constant(tables.pages)
        self._behaviours = tf.constant(tables.behaviours.reshape(-1))
        self._changes = tf.constant(tables.changes)
        self._casing = tf.constant(tables.casing)

    def __call__(self, texts: Tensor) -> Words:
        """The words of strings [n]; bytes that are not UTF-8 are dropped, as in the reference."""
        decoded = tf.strings.unicode_decode(texts, "UTF-8", errors="ignore")
        code_points, rows = decoded.flat_values, decoded.value_rowids()
        page = tf.gather(self._pages, code_points // PAGE_SIZE)
        behaviours = tf.gather(self._behaviours, page * PAGE_SIZE + code_points % PAGE_SIZE)
        code_points = tf.cast(code_points, tf.int64)
        if not self._lower_case:
            return _split(*self._units(code_points, behaviours, rows))
        casing = tf.gather(self._casing, behaviours)
        code_points = tf.cond(
            tf.reduce_any(casing == SIGMA_LETTER),
            lambda: code_points - _final_sigmas(casing, rows),  # the final sigma is the code point before the other
            lambda: code_points,
        )
        units, rows = self._units(code_points, behaviours, rows)
        units = tf.cond(tf.reduce_any(units & UNIT_CLASS != 0), lambda: _in_canonical_order(units, rows), lambda: units)
        return _split(units, rows)

    def _units(self, code_points: Tensor, behaviours: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The units of each character (none, one or several) after normalization, and the indices of their texts."""
        units = code_points[:, None] + tf.gather(self._changes, behaviours)
        present = tf.where(units >= 0)
        return tf.gather_nd(units, present), tf.gather(rows, present[:, 0])


def _final_sigmas(casing: Tensor, rows: Tensor) -> Tensor:
    """One where a capital sigma becomes a final one: after a cased letter of the same word, and before none.

    Characters that are ignorable for case do not count; those that end a word do, and are not cased.
    """
    counted = tf.where(casing != IGNORABLE_FOR_CASE)[:, 0]
    casing_of, row_of = tf.gather(casing, counted), tf.gather(rows, counted)
    is_sigma = casing_of == SIGMA_LETTER
    is_cased = is_sigma | (casing_of == CASED_LETTER)
    is_same_row = row_of[:-1] == row_of[1:]
    follows_cased = tf.concat([[False], is_cased[:-1] & is_same_row], axis=0)
    precedes_cased = tf.concat([is_cased[1:] & is_same_row, [False]], axis=0)
    is_final = is_sigma & follows_cased & ~precedes_cased
    return tf.scatter_nd(counted[:, None], tf.cast(is_final, tf.int64), tf.shape(casing, tf.int64))


def _in_canonical_order(units: Tensor, rows: Tensor) -> Tensor:
    """Unicode's canonical order: marks after a character of class 0, stably sorted by their combining class."""
    combining_class = units & UNIT_CLASS
    group = tf.cumsum(tf.cast((combining_class == 0) | _begins_row(rows), tf.int64))
    return tf.gather(units, tf.argsort(group * (UNIT_CLASS + 1) + combining_class, stable=True))


def _split(units: Tensor, rows: Tensor) -> Words:
    """Units split into words, which end at blanks and at the ends of texts; each punctuation is a word."""
    kept = tf.where(units & UNIT_BARRIER == 0)[:, 0]
    units, rows = tf.gather(units, kept), tf.gather(rows, kept)
    is_blank = units == BLANK
    is_punctuation = units & UNIT_PUNCTUATION != 0
    ends_word = is_blank | is_punctuation
    begins = is_punctuation | _begins_row(rows) | tf.concat([ends_word[:1], ends_word[:-1]], axis=0)
    kept = tf.where(~is_blank)[:, 0]
    return Words(tf.gather(units & UNIT_CODE_POINT, kept), tf.gather(begins, kept), tf.gather(rows, kept))


def _begins_row(rows: Tensor) -> Tensor:
    """Whether each element is the first of its text."""
    return tf.concat([rows[:1] >= 0, rows[1:] != rows[:-1]], axis=0)
