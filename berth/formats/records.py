"""Masked records: the features of a tf.train.Example, their widths and types, and the names of record files."""

from __future__ import annotations

from typing import Literal, NamedTuple

Width = Literal["max_seq_length", "max_predictions", "one"]


class Feature(NamedTuple):
    """A feature of a record.

    Attributes:
        name: Its name in the tf.train.Example.
        width: How many values it has: one for each position of the sequence, one for each prediction, or one.
        type: Type of its values where a model reads them.
    """

    name: str
    width: Width
    type: Literal["int32", "float32"] = "int32"


INPUT_IDS = Feature("input_ids", "max_seq_length")
INPUT_MASK = Feature("input_mask", "max_seq_length")
SEGMENT_IDS = Feature("segment_ids", "max_seq_length")
MASKED_POSITIONS = Feature("masked_lm_positions", "max_predictions")
MASKED_IDS = Feature("masked_lm_ids", "max_predictions")
MASKED_WEIGHTS = Feature("masked_lm_weights", "max_predictions", "float32")
NEXT_SENTENCE = Feature("next_sentence_labels", "one")  # 1: segment B is from elsewhere

FEATURES = (
    INPUT_IDS,
    INPUT_MASK,
    SEGMENT_IDS,
    MASKED_POSITIONS,
    MASKED_IDS,
    NEXT_SENTENCE,
    MASKED_WEIGHTS,
)
# What models take: an encoder, and one with the head that predicts masked tokens.
ENCODER_INPUTS = (INPUT_IDS.name, INPUT_MASK.name, SEGMENT_IDS.name)
PRETRAINING_INPUTS = (*ENCODER_INPUTS, MASKED_POSITIONS.name)
PADDING = 0  # in every feature, whatever the id of [PAD], as in the reference
MIN_SEQ_LENGTH = 5  # [CLS], a token, [SEP], a token, [SEP]
MAX_SEQ_LENGTH = 1 << 14  # lengths of segments are held in two bytes; far beyond any BERT

PATTERN = "*.tfrecord*"  # the record files of a directory
INDEX = ".index"  # the index of a file has its name and this ending, and is beside it
EVALUATION = "eval.tfrecord"


def record_name(text_name: str, compression: Literal["none", "gzip"]) -> str:
    """The name of the record shard made from a text shard: part-00000-of-00008.txt → part-00000-of-00008.tfrecord."""
    stem = text_name.removesuffix(".txt")
    return f"{stem}.tfrecord.gz" if compression == "gzip" else f"{stem}.tfrecord"


def text_names(record_name: str) -> tuple[str, ...]:
    """The names that the text shard of a record shard may have; MLPerf's prepared shards have no extension."""
    stem = record_name.removesuffix(".gz").removesuffix(".tfrecord")
    return f"{stem}.txt", stem
