"""The masked positions of records: their labels, what masking did to them, and the text before masking."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from berth.formats import records as names
from trainer.data.records import Features, RecordSet, evaluation_batches

RECORDS_PER_READ = 1024


def shown(features: Features) -> np.ndarray:
    """The ids that the model sees at the masked positions: int32 [batch, predictions]."""
    return np.take_along_axis(features[names.INPUT_IDS.name], features[names.MASKED_POSITIONS.name], axis=1)


def corrupted_weights(features: Features) -> np.ndarray:
    """The weights of the corrupted positions, 0 at the others: float32 [batch, predictions].

    Corrupted is a masked position whose token the model does not see: it sees [MASK] or another token. Masking keeps
    the token at about a tenth of the masked positions (Devlin et al. 2019, section 3.1), which can be copied.
    """
    is_kept = shown(features) == features[names.MASKED_IDS.name]
    return np.where(is_kept, np.float32(0), features[names.MASKED_WEIGHTS.name])


def original_ids(features: Features) -> np.ndarray:
    """The ids before masking: int32 [batch, max_seq_length]."""
    ids = features[names.INPUT_IDS.name].copy()
    rows, columns = np.nonzero(features[names.MASKED_WEIGHTS.name] > 0)
    ids[rows, features[names.MASKED_POSITIONS.name][rows, columns]] = features[names.MASKED_IDS.name][rows, columns]
    return ids


@dataclass
class Labels:
    """Counts of the labels of an evaluation set.

    Args:
        masked: Of each token id at masked positions, int64 [vocabulary].
        corrupted: Likewise at corrupted positions.
        next_sentence: Of each next-sentence label, int64 [2].
    """

    masked: np.ndarray
    corrupted: np.ndarray
    next_sentence: np.ndarray = field(default_factory=lambda: np.zeros(2, dtype=np.int64))


def count_labels(records: RecordSet, vocab_size: int) -> Labels:
    """Count the labels of all records."""
    labels = Labels(np.zeros(vocab_size, dtype=np.int64), np.zeros(vocab_size, dtype=np.int64))
    for features, real in evaluation_batches(records, RECORDS_PER_READ):
        ids = features[names.MASKED_IDS.name]
        labels.masked += np.bincount(ids[features[names.MASKED_WEIGHTS.name] > 0], minlength=vocab_size)
        labels.corrupted += np.bincount(ids[corrupted_weights(features) > 0], minlength=vocab_size)
        labels.next_sentence += np.bincount(features[names.NEXT_SENTENCE.name][:real, 0], minlength=2)
    return labels
