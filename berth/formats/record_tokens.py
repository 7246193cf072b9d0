"""One masked record as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from berth.errors import BerthError
from berth.formats.records import (
    INPUT_IDS,
    INPUT_MASK,
    MASKED_IDS,
    MASKED_POSITIONS,
    MASKED_WEIGHTS,
    NEXT_SENTENCE,
    SEGMENT_IDS,
)
from berth.formats.vocabulary import MASK, Vocabulary


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
