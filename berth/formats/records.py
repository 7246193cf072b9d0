"""Masked records: the features of a tf.train.Example, their widths and types, and one record as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from berth.errors import BerthError
from berth.formats.vocabulary import MASK

# Neither NumPy nor Numba: the recipe and the stages import this module for its bounds and names.
if TYPE_CHECKING:
    from berth.formats.vocabulary import Vocabulary

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
EVALUATION = "eval.tfrecord"


def record_name(text_name: str, compression: Literal["none", "gzip"]) -> str:
    """The name of the record shard made from a text shard: part-00000-of-00008.txt → part-00000-of-00008.tfrecord."""
    stem = text_name.removesuffix(".txt")
    return f"{stem}.tfrecord.gz" if compression == "gzip" else f"{stem}.tfrecord"


def text_names(record_name: str) -> tuple[str, ...]:
    """The names that the text shard of a record shard may have; MLPerf's prepared shards have no extension."""
    stem = record_name.removesuffix(".gz").removesuffix(".tfrecord")
    return f"{stem}.txt", stem


@dataclass(frozen=True)
class MaskedToken:
    """A masked position: the token that was there and the one that the record shows."""

    position: int
    original: str
    shown: str

    @property
    def kind(self) -> Literal["masked", "kept", "replaced"]:
        """What masking did to the token."""
        if self.shown == MASK:
            return "masked"
        return "kept" if self.shown == self.original else "replaced"


@dataclass(frozen=True)
class Record:
    """A masked record as tokens.

    Attributes:
        tokens: The tokens as the model sees them, without padding.
        segments: The segment of each token: 0 is A, 1 is B.
        masks: The masked positions, in the record's order.
        is_random_next: Whether segment B is from elsewhere; None without a segment B.
        padding: Positions after the last token.
    """

    tokens: tuple[str, ...]
    segments: tuple[int, ...]
    masks: tuple[MaskedToken, ...] = ()
    is_random_next: bool | None = None
    padding: int = 0

    @property
    def has_pair(self) -> bool:
        """Whether there is a segment B."""
        return 1 in self.segments

    @property
    def originals(self) -> tuple[str, ...]:
        """The tokens as they were before masking."""
        tokens = list(self.tokens)
        for mask in self.masks:
            tokens[mask.position] = mask.original
        return tuple(tokens)


def read_record(data: bytes, vocabulary: Vocabulary, origin: str) -> Record:
    """A serialized record as tokens.

    Args:
        data: A serialized tf.train.Example.
        vocabulary: The vocabulary that it was made with.
        origin: Name of the record in errors.

    Raises:
        BerthError: if it is no masked record, or was made with a larger vocabulary.
    """
    from berth.formats.record_decoder import decode_one

    features = {name: values.tolist() for name, values in decode_one(data, origin).items()}
    length = sum(mask > 0 for mask in features[INPUT_MASK.name])
    try:
        tokens = [_at(vocabulary.tokens, token, "id") for token in features[INPUT_IDS.name][:length]]
        names = (MASKED_POSITIONS.name, MASKED_IDS.name, MASKED_WEIGHTS.name)
        masks = tuple(
            MaskedToken(position, _at(vocabulary.tokens, original, "id"), _at(tokens, position, "masked position"))
            for position, original, weight in zip(*(features[name] for name in names), strict=True)
            if weight
        )
    except IndexError as error:
        raise BerthError(
            "this record cannot be read with this vocabulary",
            where=origin,
            found=str(error),
            expected=f"ids below {len(vocabulary):,}, and masked positions within the {length} tokens",
            fix="Name the vocab.txt that the records were made with.",
        ) from error
    segments = tuple(features[SEGMENT_IDS.name][:length])
    is_random_next = bool(features[NEXT_SENTENCE.name][0]) if 1 in segments else None
    return Record(tuple(tokens), segments, masks, is_random_next, len(features[INPUT_IDS.name]) - length)


def _at(values: Sequence[str], index: int, what: str) -> str:
    if not 0 <= index < len(values):
        raise IndexError(f"the {what} {index}")
    return values[index]
