"""The trained model's scores on the held-out set, and its guesses for masked tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from berth.formats.record_tokens import MaskedToken, Record
from berth.formats.results import EVALUATION, FILL_MASK
from berth.formats.vocabulary import CLASSIFIER, SEPARATOR
from berth.report.record_view import Example, Piece, pieces_of, view
from berth.report.run import Run

CONTEXT = 14  # tokens shown on either side of a masked one
BORDERS = (CLASSIFIER, SEPARATOR)

# Of evaluation.json: key, name in the table, and whether it is a share (else a loss in nats).
FIGURES = (
    ("masked_lm_accuracy", "Masked-token accuracy", True),
    ("masked_lm_loss", "Masked-token loss, nats", False),
    ("next_sentence_accuracy", "Next-sentence accuracy", True),
    ("next_sentence_loss", "Next-sentence loss, nats", False),
)


@dataclass(frozen=True)
class Score:
    """A score on the held-out set, and that of the best constant guess (None if it was not computed)."""

    key: str
    name: str
    is_share: bool
    value: float
    baseline: float | None


@dataclass(frozen=True)
class Scores:
    """All scores, and what they were measured on; ``token`` is the best constant guess for masked tokens."""

    figures: tuple[Score, ...]
    token: str | None
    step: int | None
    examples: int | None
    masked_positions: int | None


@dataclass(frozen=True)
class Guess:
    """A model's most likely guesses for one masked token of a record, and the text around it.

    ``is_cut``: whether the segment continues before and after that text.
    """

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    is_cut: tuple[bool, bool]
    truth: str
    guesses: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class FilledRecord:
    """A record whose masked tokens are filled in by the model: the replacements of its pieces are the best guesses."""

    example: Example
    right: int
    middle: Guess | None
    is_random_next: bool | None
    random_next_probability: float | None


def scores(run: Run) -> Scores | None:
    """The scores of the evaluation; None if there was none."""
    stage = run.having(EVALUATION)
    if stage is None:
        return None
    content = stage.json(EVALUATION)
    baseline = content.get("baseline") or {}
    figures = tuple(
        Score(key, name, is_share, content[key], baseline.get(key))
        for key, name, is_share in FIGURES
        if content.get(key) is not None
    )
    return Scores(
        figures, baseline.get("token"), content.get("step"), content.get("examples"), content.get("masked_positions")
    )


def guesses(run: Run) -> list[FilledRecord]:
    """The records that the evaluation filled in, in its order."""
    stage = run.having(FILL_MASK)
    return [_filled_record(record) for record in stage.json(FILL_MASK)] if stage is not None else []


def highest_probability(records: Sequence[FilledRecord]) -> float:
    """The highest probability among the guesses shown: the scale of the bars."""
    return max((value for record in records if record.middle for _, value in record.middle.guesses), default=0.0) or 1.0


def _filled_record(record: Mapping[str, Any]) -> FilledRecord:
    masked = {entry["position"]: entry for entry in record["masked"]}
    best = {position: entry["guesses"][0]["token"] for position, entry in masked.items() if entry["guesses"]}
    tokens = tuple(record["tokens"])
    segments = tuple(tokens[:position].count(SEPARATOR) for position in range(len(tokens)))
    masks = tuple(MaskedToken(position, masked[position]["truth"], guess) for position, guess in best.items())
    return FilledRecord(
        example=view(Record(tokens, segments, masks)),
        right=sum(best[position] == masked[position]["truth"] for position in best),
        middle=guess_at(record["tokens"], masked[sorted(best)[len(best) // 2]]) if best else None,
        is_random_next=record.get("is_random_next"),
        random_next_probability=record.get("random_next_probability"),
    )


def guess_at(tokens: Sequence[str], entry: Mapping[str, Any]) -> Guess:
    """The guesses for one masked token, with text of its own segment on both sides."""
    position = entry["position"]
    borders = [index for index, token in enumerate(tokens) if token in BORDERS]
    first = max((index + 1 for index in borders if index < position), default=0)
    last = min((index for index in borders if index > position), default=len(tokens))
    start, end = max(first, position - CONTEXT), min(last, position + 1 + CONTEXT)
    return Guess(
        before=pieces_of(tokens[start:position]),
        after=pieces_of(tokens[position + 1 : end]),
        is_cut=(start > first, end < last),
        truth=entry["truth"],
        guesses=tuple((guess["token"], guess["probability"]) for guess in entry["guesses"]),
    )
