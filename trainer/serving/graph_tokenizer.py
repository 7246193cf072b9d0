"""BERT's tokenizer as a TensorFlow graph of core operations: a SavedModel with it needs no Python code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from berth.formats.records import PADDING
from berth.formats.vocabulary import CLASSIFIER, SEPARATOR, UNKNOWN, check_special_tokens
from trainer.serving.tokenizing.basic_tokenizer import BasicTokenizer
from trainer.serving.tokenizing.word_pieces import WordPieces

Tensor = Any


class GraphTokenizer(tf.Module):  # type: ignore[misc]
    """The tokenizer of the records, in a graph: the same ids as `FullTokenizer` of google-research/bert.

    Its tables are constants. It runs on the CPU, where strings are; XLA cannot compile it.

    Args:
        entries: The vocabulary; a token's index is its id.
        lower_case: Lower-case and strip accents ("uncased" models).

    Raises:
        BerthError: if the vocabulary lacks [UNK], [CLS] or [SEP].
    """

    def __init__(self, entries: Sequence[str], *, lower_case: bool) -> None:
        super().__init__(name="tokenizer")
        ids = {token: index for index, token in enumerate(entries)}
        check_special_tokens(entries, "tokenizer", (UNKNOWN, CLASSIFIER, SEPARATOR))
        self._classifier, self._separator = ids[CLASSIFIER], ids[SEPARATOR]
        with tf.device("CPU:0"):
            self._split = BasicTokenizer(lower_case)
            self._cut = WordPieces(entries, ids[UNKNOWN])
        strings = tf.TensorSpec([None], tf.string)
        self._tokenize = tf.function(self._ids, input_signature=[strings], autograph=False)

    def tokenize(self, texts: Tensor) -> Tensor:
        """The ids of texts, without special tokens.

        Args:
            texts: Strings [n] in UTF-8; invalid bytes are dropped, as in the reference.

        Returns:
            RaggedTensor int32 [n, (tokens)].
        """
        return self._tokenize(texts)

    def encode(self, first: Tensor, second: Tensor | None, max_seq_length: int) -> dict[str, Tensor]:
        """The model's inputs: ``[CLS] first [SEP]``, then ``second [SEP]`` where there is a second text, then padding.

        Truncated as in google-research/bert's run_classifier.py: tokens are dropped from the end of the longer text, or
        of the second if both are equally long. A second text without tokens counts as none.

        Args:
            first: Strings [n].
            second: Strings [n], or None.
            max_seq_length: Length of the result, at least 5.

        Returns:
            int32 input_ids, input_mask and segment_ids [n, max_seq_length].
        """
        count = tf.size(first, tf.int64)
        tokens = self.tokenize(tf.concat([first, tf.zeros_like(first) if second is None else second], axis=0))
        lengths = tokens.row_lengths()[:, None]
        first_length, second_length = lengths[:count], lengths[count:]
        has_second = tf.cast(second_length > 0, tf.int64)
        room = max_seq_length - 2 - has_second
        # The same as dropping one token after the other: neither text is cut below half of the room.
        first_length = tf.minimum(first_length, tf.maximum(room - second_length, room - room // 2))
        second_length = tf.minimum(second_length, room - first_length)
        begin = first_length + 2  # of the second text
        end = begin + second_length + has_second
        position = tf.range(max_seq_length, dtype=tf.int64)[None, :]
        ids = tokens.to_tensor(shape=[None, max_seq_length])
        first_ids = tf.roll(ids[:count], 1, axis=1)
        second_ids = tf.gather(ids[count:], tf.maximum(position - begin, 0), batch_dims=1)
        input_ids = tf.where(position < begin, first_ids, second_ids)
        input_ids = tf.where(position == 0, self._classifier, input_ids)
        input_ids = tf.where((position == begin - 1) | (position == end - 1), self._separator, input_ids)
        is_token = position < end
        return {
            "input_ids": tf.where(is_token, input_ids, PADDING),
            "input_mask": tf.cast(is_token, tf.int32),
            "segment_ids": tf.cast(is_token & (position >= begin), tf.int32),
        }

    def _ids(self, texts: Tensor) -> Tensor:
        with tf.device("CPU:0"):
            ids, rows = self._cut(self._split(texts))
            return tf.RaggedTensor.from_value_rowids(ids, rows, tf.size(texts, tf.int64), validate=False)
