"""Fill-mask examples, chosen by a rule: the words that a model guesses best, as well as the median, and worst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from berth.formats import records as names
from berth.formats.vocabulary import CONTINUATION, MASK, SPECIAL_TOKENS
from trainer.evaluation.model import LoadedModel
from trainer.evaluation.positions import original_ids, shown

RECORDS = 512  # examined
BATCH = 8
EACH = 5
GUESSES = 5
SPAN = 8  # tokens: two examples with as many in a row in common show the same text
DECIMALS = 4


@dataclass(frozen=True)
class Record:
    """A record: its number in the evaluation set, ids before masking, and tokens as the model sees them."""

    number: int
    ids: tuple[int, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A masked word, and how well the model guesses it.

    Args:
        record: Its record.
        position: In the record.
        frequency: How often the word is masked in the evaluation set.
        rank: Place of the word among the model's guesses, from 1.
        probability: The model's probability of the word.
        guesses: The likeliest tokens with their probabilities.
    """

    record: Record
    position: int
    frequency: int
    rank: int
    probability: float
    guesses: tuple[tuple[str, float], ...]

    @property
    def truth(self) -> int:
        """Id of the word."""
        return self.record.ids[self.position]

    @property
    def key(self) -> tuple[int, float, int, int]:
        """The order of candidates, the best guessed first."""
        return self.rank, -self.probability, self.record.number, self.position

    @property
    def spans(self) -> set[tuple[int, ...]]:
        """All rows of SPAN tokens that the word is in."""
        starts = range(max(0, self.position - SPAN + 1), min(self.position, len(self.record.ids) - SPAN) + 1)
        return {self.record.ids[start : start + SPAN] for start in starts}


def examples(model: LoadedModel) -> list[dict[str, Any]]:
    """The examples: EACH of the words that the model guesses best, as well as the median, and worst, in this order.

    Returns:
        For each: `group` (best, median or worst), `tokens` of its record as the model sees them, `position`, `truth`,
        its `rank` among the guesses and `probability`, and the likeliest `guesses` with theirs.

    Raises:
        BerthError: if the model's logits are NaN or infinite.
    """
    return [
        {
            "group": group,
            "tokens": each.record.tokens,
            "position": each.position,
            "truth": model.tokens[each.truth],
            "rank": each.rank,
            "probability": round(each.probability, DECIMALS),
            "guesses": [{"token": token, "probability": round(value, DECIMALS)} for token, value in each.guesses],
        }
        for group, each in choose(list(candidates(model)))
    ]


def choose(found: Sequence[Candidate]) -> Iterator[tuple[str, Candidate]]:
    """The examples among candidates, with their groups: no two of the same word, of one record, or of the same text.

    The frequent words that make up half of the candidates are left out: the best guessed would be "the" and "of".
    """
    limit = np.median([candidate.frequency for candidate in found]) if found else 0
    ranked = sorted((each for each in found if each.frequency <= limit), key=lambda candidate: candidate.key)
    taken: set[object] = set()

    def first(candidates: Iterable[Candidate]) -> list[Candidate]:
        group: list[Candidate] = []
        for each in candidates:
            what = {("record", each.record.number), ("word", each.truth), *each.spans}
            if len(group) < EACH and taken.isdisjoint(what):
                taken.update(what)
                group.append(each)
        return sorted(group, key=lambda candidate: candidate.key)

    middle = len(ranked) // 2
    groups = {
        "best": first(ranked),
        "worst": first(reversed(ranked)),
        "median": first(ranked[index] for index in sorted(range(len(ranked)), key=lambda index: abs(index - middle))),
    }
    for group in ("best", "median", "worst"):
        yield from ((group, each) for each in groups[group])


def candidates(model: LoadedModel) -> Iterator[Candidate]:
    """The masked words of evenly spaced records: whole words with a letter, which the model sees as [MASK]."""
    count, mask = model.records.count, model.tokens.index(MASK)
    is_start = np.array([not token.startswith(CONTINUATION) for token in model.tokens])
    is_word = is_start & [token not in SPECIAL_TOKENS and any(map(str.isalpha, token)) for token in model.tokens]
    frequencies = model.labels.masked
    numbers = np.unique(np.arange(RECORDS) * count // RECORDS)
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        # Batches of one size, so that the model is compiled once.
        features = model.records.read(batch[np.minimum(np.arange(BATCH), len(batch) - 1)])
        logits, _ = model.engine.predict(features)
        if not np.isfinite(logits).all():
            raise model.not_finite("logits that are NaN or infinite")
        ids, positions = original_ids(features), features[names.MASKED_POSITIONS.name]
        after = np.take_along_axis(ids, np.minimum(positions + 1, ids.shape[1] - 1), axis=1)
        is_candidate = is_word[features[names.MASKED_IDS.name]] & is_start[after] & (shown(features) == mask)
        is_candidate &= features[names.MASKED_WEIGHTS.name] > 0
        for row, number in enumerate(batch.tolist()):
            length = int(features[names.INPUT_MASK.name][row].sum())
            tokens = tuple(model.tokens[token] for token in features[names.INPUT_IDS.name][row, :length])
            record = Record(number, tuple(ids[row, :length].tolist()), tokens)
            for index in np.flatnonzero(is_candidate[row]):
                position = int(positions[row, index])
                yield _candidate(record, position, int(frequencies[record.ids[position]]), logits[row, index], model)


def _candidate(record: Record, position: int, frequency: int, logits: np.ndarray, model: LoadedModel) -> Candidate:
    """A masked word with the model's guesses; of equal logits the first is the better one."""
    truth = record.ids[position]
    rank = 1 + int((logits > logits[truth]).sum() + (logits[:truth] == logits[truth]).sum())
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    probabilities = exponentials / exponentials.sum()
    likeliest = np.argsort(-probabilities, kind="stable")[:GUESSES].tolist()
    guesses = tuple((model.tokens[token], float(probabilities[token])) for token in likeliest)
    return Candidate(record, position, frequency, rank, float(probabilities[truth]), guesses)
