"""How large checkpoints and records are."""

from __future__ import annotations

from berth.recipe import RecordSet

FLOAT = 4  # bytes of a variable in a checkpoint
COPIES = 3  # the variable and the two moments of LAMB and AdamW
# A record's framing (length and two CRCs), and its seven features without their numbers: names, tags, lengths.
FRAMING, FEATURES = 16, 190


def checkpoint_bytes(parameters: int) -> int:
    """Bytes of a training run's checkpoint without its header: each parameter and its two moments, in 32 bits."""
    return parameters * FLOAT * COPIES


def record_bytes(records: RecordSet, vocab_size: int) -> int:
    """Upper bound of a record's bytes, uncompressed and without padding: numbers are varints, 7 bits a byte.

    Real records are smaller: frequent tokens have small numbers, and padding takes one byte a number.
    """
    length, predictions = records.max_seq_length, records.max_predictions
    numbers = (length + predictions) * _varint(vocab_size - 1)  # input_ids and masked_lm_ids
    numbers += 2 * length  # input_mask and segment_ids
    numbers += predictions * _varint(length - 1)  # masked_lm_positions
    numbers += predictions * FLOAT + 1  # masked_lm_weights, next_sentence_labels
    return FRAMING + FEATURES + numbers


def _varint(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))
