"""The trained model's scores on the held-out set, next to those of simple guesses, and its guesses for masked words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from berth.formats.results import EVALUATION, FILL_MASK
from berth.formats.vocabulary import CLASSIFIER, CONTINUATION, SEPARATOR
from berth.report.record_view import Piece, pieces_of
from berth.report.run import Run

CONTEXT = 14  # tokens shown on either side of a masked one, and the rest of a word
BORDERS = (CLASSIFIER, SEPARATOR)

# Of evaluation.json: key, name in the table, and whether it is a share (else a loss in nats).
FIGURES = (
    ("masked_lm_corrupted_accuracy", "Accuracy at corrupted positions", True),
    ("masked_lm_accuracy", "Masked-token accuracy", True),
    ("masked_lm_loss", "Masked-token loss, nats", False),
    ("next_sentence_accuracy", "Next-sentence accuracy", True),
    ("next_sentence_loss", "Next-sentence loss, nats", False),
)


@dataclass(frozen=True)
class Score:
    """A score on the held-out set, and those of the best constant guess and of the bigram table (None: no such)."""

    key: str
    name: str
    is_share: bool
    value: float
    baseline: float | None
    bigram: float | None


@dataclass(frozen=True)
class Scores:
    """All scores, and what they were measured on; ``token`` is the best constant guess for masked tokens.

    ``only_model`` and ``only_bigram``: shares of the corrupted positions where only this one is right; ``pairs``: pairs
    of tokens that the bigram table counted. None without a bigram table.
    """

    figures: tuple[Score, ...]
    token: str | None
    step: int | None
    examples: int | None
    masked_positions: int | None
    corrupted_positions: int | None
    pairs: int | None
    only_model: float | None
    only_bigram: float | None

    @property
    def verdicts(self) -> list[Score]:
        """The accuracies for the head of the page, one of each kind: kept tokens do not count, if that was measured."""
        shares = {score.key: score for score in self.figures if score.is_share}
        if "masked_lm_corrupted_accuracy" in shares:
            shares.pop("masked_lm_accuracy", None)
        return list(shares.values())


@dataclass(frozen=True)
class Guess:
    """A model's most likely guesses for one masked token of a record, and the text around it.

    ``is_cut``: whether the segment continues before and after that text. ``rank``: of the truth among all guesses.
    """

    group: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    is_cut: tuple[bool, bool]
    truth: str
    rank: int
    probability: float
    guesses: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The text with the truth in brackets."""
        parts = [*(piece.text for piece in self.before), f"[{self.truth}]", *(piece.text for piece in self.after)]
        return " ".join(["…"] * self.is_cut[0] + parts + ["…"] * self.is_cut[1])


def scores(run: Run) -> Scores | None:
    """The scores of the evaluation; None if there was none."""
    stage = run.having(EVALUATION)
    if stage is None:
        return None
    content = stage.json(EVALUATION)
    baseline, bigram = content.get("baseline") or {}, content.get("bigram") or {}
    return Scores(
        figures=tuple(
            Score(key, name, is_share, content[key], baseline.get(key), bigram.get(key))
            for key, name, is_share in FIGURES
            if content.get(key) is not None
        ),
        token=baseline.get("token"),
        step=content.get("step"),
        examples=content.get("examples"),
        masked_positions=content.get("masked_positions"),
        corrupted_positions=content.get("corrupted_positions"),
        pairs=bigram.get("pairs"),
        only_model=content.get("only_model_right"),
        only_bigram=content.get("only_bigram_right"),
    )


def guesses(run: Run) -> dict[str, list[Guess]]:
    """The fill-mask examples of the evaluation by their group: best, median, worst."""
    stage = run.having(FILL_MASK)
    groups: dict[str, list[Guess]] = {}
    for entry in stage.json(FILL_MASK) if stage is not None else []:
        groups.setdefault(entry["group"], []).append(guess_of(entry))
    return groups


def guess_of(entry: Mapping[str, Any]) -> Guess:
    """The guesses for one masked token, with text of its own segment on both sides."""
    tokens, position = entry["tokens"], entry["position"]
    borders = [index for index, token in enumerate(tokens) if token in BORDERS]
    first = max((index + 1 for index in borders if index < position), default=0)
    last = min((index for index in borders if index > position), default=len(tokens))
    start, end = max(first, position - CONTEXT), min(last, position + 1 + CONTEXT)
    while start > first and tokens[start].startswith(CONTINUATION):
        start -= 1
    while end < last and tokens[end].startswith(CONTINUATION):
        end += 1
    return Guess(
        group=entry["group"],
        before=pieces_of(tokens[start:position]),
        after=pieces_of(tokens[position + 1 : end]),
        is_cut=(start > first, end < last),
        truth=entry["truth"],
        rank=entry["rank"],
        probability=entry["probability"],
        guesses=tuple((guess["token"], guess["probability"]) for guess in entry["guesses"]),
    )
