"""Words → WordPiece ids, all words of a batch at once: the greedy longest match of google-research/bert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from berth.kernels.trie import CODE_POINT_BITS, NO_NODE, NO_TOKEN, ROOT
from berth.text.words import MAX_WORD
from trainer.serving.tokenizing.basic_tokenizer import Words
from trainer.serving.tokenizing.trie import build_trie

NO_PIECE = -2  # no piece begins at this character

Tensor = Any


class _Walk(NamedTuple):
    """The state of each unfinished word, int64[unfinished words] each.

    ``end``: end of the word; ``begin``: begin of the current piece; ``position``: the next character; ``node``: node of
    the trie; ``token`` and ``token_end``: the longest piece found so far, or NO_TOKEN.
    """

    end: Tensor
    begin: Tensor
    position: Tensor
    node: Tensor
    token: Tensor
    token_end: Tensor


class WordPieces:
    """WordPiece over a vocabulary.

    Args:
        entries: The vocabulary; a token's index is its id.
        unknown: The id of [UNK].
    """

    def __init__(self, entries: Sequence[str], unknown: int) -> None:
        trie = build_trie(entries)
        self._edges = tf.constant(trie.edges)
        self._tokens = tf.constant(trie.tokens)
        self._continuation = tf.constant(trie.continuation, tf.int64)
        self._unknown = unknown

    def __call__(self, words: Words) -> tuple[Tensor, Tensor]:
        """The ids int32[pieces] of words, and the indices int64[pieces] of their texts."""
        begins = tf.where(words.begins)[:, 0]
        ends = tf.concat([begins, tf.shape(words.begins, tf.int64)], axis=0)[1:]
        walk = _Walk(
            end=ends,
            begin=begins,
            position=begins,
            node=tf.where(ends - begins > MAX_WORD, tf.constant(NO_NODE, tf.int64), ROOT),
            token=tf.fill(tf.shape(begins), NO_TOKEN),
            token_end=begins,
        )
        ids = tf.fill(tf.shape(words.begins), NO_PIECE)
        _, ids = tf.while_loop(
            lambda walk, ids: tf.size(walk.end) > 0,
            lambda walk, ids: self._step(words.code_points, walk, ids),
            (walk, ids),
            shape_invariants=(_Walk(*[tf.TensorShape([None])] * len(walk)), ids.shape),
        )
        ids = self._with_unknown_words(ids, words.begins)
        kept = tf.where(ids != NO_PIECE)[:, 0]
        return tf.gather(ids, kept), tf.gather(words.rows, kept)

    def _step(self, code_points: Tensor, walk: _Walk, ids: Tensor) -> tuple[_Walk, Tensor]:
        """Follow one character in each word; at the word's end, or without an edge, take the longest piece found."""
        keys = walk.node * (1 << CODE_POINT_BITS) + tf.gather(code_points, walk.position)
        edge = tf.minimum(tf.searchsorted(self._edges, keys, out_type=tf.int64), len(self._edges) - 1)
        is_edge = tf.gather(self._edges, edge) == keys
        node = edge + 1
        position = walk.position + 1
        found = tf.where(is_edge, tf.gather(self._tokens, node), NO_TOKEN)
        is_longer = found != NO_TOKEN
        token = tf.where(is_longer, found, walk.token)
        token_end = tf.where(is_longer, position, walk.token_end)
        is_stuck = ~is_edge | (position == walk.end)
        stuck = tf.where(is_stuck)
        ids = tf.tensor_scatter_nd_update(ids, tf.gather(walk.begin, stuck), tf.gather(token, stuck[:, 0]))
        remaining = tf.where(~is_stuck | ((token != NO_TOKEN) & (token_end < walk.end)))[:, 0]
        following = _Walk(
            end=walk.end,
            begin=tf.where(is_stuck, token_end, walk.begin),
            position=tf.where(is_stuck, token_end, position),
            node=tf.where(is_stuck, self._continuation, node),
            token=tf.where(is_stuck, NO_TOKEN, token),
            token_end=token_end,
        )
        return _Walk(*[tf.gather(values, remaining) for values in following]), ids

    def _with_unknown_words(self, ids: Tensor, begins: Tensor) -> Tensor:
        """Replace the pieces of words that have an unknown part by [UNK]."""
        words = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        is_unknown = tf.math.segment_max(tf.cast(ids == NO_TOKEN, tf.int32), words) > 0
        return tf.where(tf.gather(is_unknown, words), tf.where(begins, self._unknown, NO_PIECE), ids)
