"""How large checkpoints and records are.

A record is a framed `tf.train.Example` whose integers are varints: a number below 2^7 takes one byte, one below 2^14
two, one below 2^21 three. So its size follows from its real tokens and its masked positions; padding (zeros) takes one
byte a number. Wire format: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from berth.formats import records as features
from berth.formats.tfrecord import FRAME_BYTES
from berth.recipe import LengthShare, RecordSet

FLOAT = 4  # bytes of a variable in a checkpoint
COPIES = 3  # the variable and the two moments of LAMB and AdamW
# Bytes a second at which a checkpoint is assumed to be written: a file system or bucket that is shared and busy. A
# local SSD is ten to a hundred times as fast.
WRITTEN_PER_SECOND = 25_000_000
ONE_BYTE, TWO_BYTES = 1 << 7, 1 << 14  # the first numbers that take another byte
# Of the masked tokens, those that are shown as [MASK], and those that are replaced by a random entry (Devlin et al.).
SHOWN_AS_MASK, REPLACED = 0.8, 0.1
EULER = 0.5772156649  # sum of 1/n up to N is about log(N) + EULER
# Share of the tokens of running text that are single characters, mostly punctuation: measured in the quickstart's
# excerpt of the English Wikipedia. A vocabulary that Berth learns has them first, among the ids of one byte.
CHARACTERS = 0.13


def checkpoint_bytes(parameters: int) -> int:
    """Bytes of a training run's checkpoint without its header: each parameter and its two moments, in 32 bits."""
    return parameters * FLOAT * COPIES


def checkpoint_seconds(parameters: int) -> float:
    """Seconds in which a checkpoint is written even to slow storage (`WRITTEN_PER_SECOND`)."""
    return checkpoint_bytes(parameters) / WRITTEN_PER_SECOND


def largest_record_bytes(options: RecordSet, vocab_size: int) -> float:
    """Upper bound of a record's bytes, uncompressed: no padding, and every number as long as the largest."""
    length, predictions = options.max_seq_length, options.max_predictions
    return framed_bytes(
        options,
        input_ids=length * _varint(vocab_size - 1),
        masked_ids=predictions * _varint(vocab_size - 1),
        positions=predictions * _varint(length - 1),
    )


def record_bytes(options: RecordSet, vocab_size: int, tokens: float, one_byte: float = 0.0) -> float:
    """Expected bytes of an uncompressed record.

    Args:
        options: How records are made.
        vocab_size: Entries of the vocabulary.
        tokens: Its real tokens, special ones included.
        one_byte: Share of the tokens of running text whose ids take one byte: `CHARACTERS` for a learned vocabulary, 0
            for BERT's, whose first 999 entries are special or unused.
    """
    length, predictions = options.max_seq_length, options.max_predictions
    masked = masked_positions(options, tokens)
    special = (3 if options.objective == "mlm+nsp" else 2) + SHOWN_AS_MASK * masked  # their ids are small
    replaced = REPLACED * masked
    word = _bytes_of_word(vocab_size, one_byte)
    far = max(0.0, tokens - ONE_BYTE) / tokens  # of the positions, which are even; they are below 2^14
    return framed_bytes(
        options,
        input_ids=(length - tokens)
        + special
        + replaced * _bytes_of_any(vocab_size)
        + max(0.0, tokens - special - replaced) * word,
        masked_ids=masked * word + (predictions - masked),
        positions=masked * (1 + far) + (predictions - masked),
    )


def masked_positions(options: RecordSet, tokens: float) -> float:
    """Masked positions of a record, at least one and at most `max_predictions`."""
    return min(options.max_predictions, max(1.0, options.masked_lm_prob * tokens))


def mean_record_bytes(
    options: RecordSet, vocab_size: int, lengths: Sequence[LengthShare], one_byte: float = 0.0
) -> float:
    """:func:`record_bytes` over a distribution of lengths."""
    sizes = (length.share * record_bytes(options, vocab_size, length.tokens, one_byte) for length in lengths)
    return sum(sizes) / sum(length.share for length in lengths)


def mean_tokens(lengths: Sequence[LengthShare]) -> float:
    """Mean number of real tokens over a distribution of lengths."""
    return sum(length.share * length.tokens for length in lengths) / sum(length.share for length in lengths)


def framed_bytes(options: RecordSet, *, input_ids: float, masked_ids: float, positions: float) -> float:
    """Bytes of a record with its names and framing, from the bytes of the values that are not always the same."""
    values: Mapping[str, float] = {
        features.INPUT_IDS.name: input_ids,
        features.INPUT_MASK.name: options.max_seq_length,
        features.SEGMENT_IDS.name: options.max_seq_length,
        features.MASKED_POSITIONS.name: positions,
        features.MASKED_IDS.name: masked_ids,
        features.MASKED_WEIGHTS.name: options.max_predictions * FLOAT,
        features.NEXT_SENTENCE.name: 1,
    }
    # A map entry: the name, and a feature in which the list of values is nested.
    entries = (_nested(_nested(len(name)) + _nested(_nested(_nested(size)))) for name, size in values.items())
    return FRAME_BYTES + _nested(sum(entries))


def _nested(size: float) -> float:
    """Bytes of a field of this many bytes, with its tag and its length."""
    return 1 + _varint(int(size)) + size


def _varint(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))


def _bytes_of_word(vocab_size: int, one_byte: float) -> float:
    """Mean bytes of the id of a word piece in running text.

    By Zipf's law, with ids in order of frequency, the share of the tokens with ids from n on is
    log(V / n) / (log V + EULER).
    """
    if vocab_size <= ONE_BYTE:
        return 1.0
    rare = math.log(vocab_size / TWO_BYTES) / (math.log(vocab_size) + EULER) if vocab_size > TWO_BYTES else 0.0
    return 2.0 + rare - one_byte


def _bytes_of_any(vocab_size: int) -> float:
    """Mean bytes of an id that is drawn evenly from the vocabulary."""
    return 1 + max(0, vocab_size - ONE_BYTE) / vocab_size + max(0, vocab_size - TWO_BYTES) / vocab_size
