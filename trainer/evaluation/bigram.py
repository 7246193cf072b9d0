"""The bigram baseline: the token that follows the left neighbour of a masked position most often in training text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from berth.formats import records as names
from berth.formats.results import Bigram
from berth.formats.vocabulary import SPECIAL_TOKENS, UNKNOWN
from berth.progress import Progress
from berth.stage.inputs import Inputs
from trainer.data.records import Features, RecordSet, evaluation_batches
from trainer.evaluation.positions import RECORDS_PER_READ, Labels, corrupted_weights, original_ids

# What is counted of the training records, in their order: files until they hold so many records, and of these records
# until there are so many pairs, which take 8 bytes each.
MAX_RECORDS = 1 << 16
MAX_PAIRS = 1 << 23


@dataclass(frozen=True)
class BigramTable:
    """The guess at a masked position, by the token on its left.

    Args:
        following: int64 [vocabulary], the guess by the id of the token on the left.
        pairs: Number of pairs of tokens that were counted.
    """

    following: np.ndarray
    pairs: int

    def is_right(self, features: Features) -> np.ndarray:
        """Whether the guess by the left neighbour as the model sees it is right: bool [batch, predictions]."""
        left = np.maximum(features[names.MASKED_POSITIONS.name] - 1, 0)
        neighbours = np.take_along_axis(features[names.INPUT_IDS.name], left, axis=1)
        return np.asarray(self.following[neighbours] == features[names.MASKED_IDS.name])

    def scores(self, records: RecordSet) -> Bigram:
        """The accuracies of the guesses over all records."""
        right, total = np.zeros(2), np.zeros(2)
        for features, _ in evaluation_batches(records, RECORDS_PER_READ):
            is_right = self.is_right(features)
            for index, weights in enumerate((features[names.MASKED_WEIGHTS.name], corrupted_weights(features))):
                right[index] += weights[is_right].sum(dtype=np.float64)
                total[index] += weights.sum(dtype=np.float64)
        masked, corrupted = (right / np.maximum(total, 1)).tolist()
        return {"pairs": self.pairs, "masked_lm_accuracy": masked, "masked_lm_corrupted_accuracy": corrupted}


def count(training_records: Inputs, held_out: RecordSet, labels: Labels, tokens: list[str]) -> BigramTable:
    """Count which token follows which in the text of training records, as it was before masking.

    Special tokens, which are never masked, are no guess. Of several that follow a token equally often the guess is the
    one with the smallest id. For a token that nothing follows in the text, as for [MASK], the guess is the best
    constant guess: the most frequent label of the evaluation set.

    Args:
        training_records: TFRecord files; the first MAX_RECORDS records or MAX_PAIRS pairs are counted.
        held_out: The evaluation set.
        labels: Counts of its labels.
        tokens: The vocabulary.

    Raises:
        BerthError: if records are damaged or do not fit the model.
    """
    is_guess = np.array([token not in SPECIAL_TOKENS or token == UNKNOWN for token in tokens])
    counted = RecordSet(_first_files(training_records), held_out.limits)
    found = np.concatenate(list(_keys(counted, is_guess)))[:MAX_PAIRS]
    keys, counts = np.unique(found, return_counts=True)
    left, right = np.divmod(keys, len(tokens))
    order = np.lexsort((right, -counts, left))
    is_first = np.diff(left[order], prepend=-1) > 0
    following = np.full(len(tokens), labels.masked.argmax(), dtype=np.int64)
    following[left[order][is_first]] = right[order][is_first]
    return BigramTable(following, len(found))


def _first_files(records: Inputs) -> Inputs:
    """The first files that hold MAX_RECORDS records; all, where a file's number of records is not known."""
    held = itertools.accumulate((file.records or 0 for file in records.files), initial=0)
    files = tuple(file for file, before in zip(records.files, held, strict=False) if before < MAX_RECORDS)
    return Inputs(files, records.origins, records.is_stage)


def _keys(records: RecordSet, is_guess: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of neighbouring tokens, as left · vocabulary + right: int64 [pairs], for RECORDS_PER_READ records each."""
    pairs, total = 0, min(records.count, MAX_RECORDS)
    with Progress("bigrams", total=total, unit="record") as progress:
        for start in range(0, total, RECORDS_PER_READ):
            if pairs >= MAX_PAIRS:
                return
            numbers = np.arange(start, min(start + RECORDS_PER_READ, total))
            features = records.read(numbers)
            ids = original_ids(features).astype(np.int64)
            is_pair = (features[names.INPUT_MASK.name][:, 1:] > 0) & is_guess[ids[:, 1:]]
            keys = (ids[:, :-1] * len(is_guess) + ids[:, 1:])[is_pair]
            pairs += len(keys)
            yield keys
            progress.update(len(numbers))
