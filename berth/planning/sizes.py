"""How large a model, its checkpoints and its records are."""

from __future__ import annotations

from berth.recipe import ModelConfig, RecordSet

FLOAT = 4  # bytes of a variable in a checkpoint
COPIES = 3  # variable and the optimizer's two moments
LABELS = 2  # of the next-sentence head
# A record's framing (length and two CRCs), and what its seven features take beside their numbers: names, tags, lengths.
FRAMING, FEATURES = 16, 190


def parameters(model: ModelConfig, vocab_size: int, next_sentence: bool = True) -> int:
    """Numbers in the variables of BERT with its pre-training heads.

    Args:
        model: The model's shape.
        vocab_size: Entries of the vocabulary.
        next_sentence: Whether it has the next-sentence head; the pooler is there in any case.
    """
    hidden, wide = model.hidden_size, model.intermediate_size
    normalisation = 2 * hidden
    embeddings = (vocab_size + model.max_position_embeddings + model.type_vocab_size) * hidden + normalisation
    attention = 4 * (hidden * hidden + hidden) + normalisation
    feed_forward = hidden * wide + wide + wide * hidden + hidden + normalisation
    pooler = hidden * hidden + hidden
    masked_lm = hidden * hidden + hidden + normalisation + vocab_size
    relation = LABELS * hidden + LABELS if next_sentence else 0
    return embeddings + model.num_hidden_layers * (attention + feed_forward) + pooler + masked_lm + relation


def checkpoint_bytes(count: int) -> int:
    """Bytes of a training's checkpoint without its header: each number and the optimizer's two moments, in 32 bits."""
    return count * FLOAT * COPIES


def record_bytes(records: RecordSet, vocab_size: int) -> int:
    """Bytes of a record without padding, uncompressed, at most: numbers are written as varints, 7 bits a byte.

    Real ones are smaller: frequent tokens have small numbers, and padding takes one byte a number.
    """
    length, predictions = records.max_seq_length, records.max_predictions
    numbers = (length + predictions) * _varint(vocab_size - 1)  # input_ids and masked_lm_ids
    numbers += 2 * length  # input_mask and segment_ids
    numbers += predictions * _varint(length - 1)  # masked_lm_positions
    numbers += predictions * FLOAT + 1  # masked_lm_weights, next_sentence_labels
    return FRAMING + FEATURES + numbers


def _varint(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))
