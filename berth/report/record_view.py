"""Records in readable form: tokens joined to text, only the masked and special ones set apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from berth import storage
from berth.formats.record_tokens import MaskedToken, Record, read_record
from berth.formats.vocabulary import CONTINUATION, SPECIAL_TOKENS, VOCABULARY, Vocabulary
from berth.report.run import FinishedStage
from berth.stage.lineage import origin_uri

EXAMPLES = 2  # records shown of each record set


@dataclass(frozen=True)
class Piece:
    """Consecutive tokens of a record: plain text, a special token, or a masked token with the one shown instead."""

    text: str
    kind: Literal["text", "special", "mask"]
    replacement: str = ""
    is_glued: bool = False


@dataclass(frozen=True)
class Example:
    """A record for the page: the pieces of each segment (a or b), and its figures."""

    segments: tuple[tuple[Literal["a", "b"], tuple[Piece, ...]], ...]
    masked: int
    tokens: int
    padding: int
    next_sentence: Literal["actual", "random"] | None


def examples(stages: Iterable[FinishedStage]) -> dict[str, list[Record]]:
    """The first records of each record set, by the title of its stage.

    Args:
        stages: FinishedStage stages; those that made no records are ignored.

    Raises:
        BerthError: if a file of records or a vocabulary cannot be read.
    """
    from berth.formats.tfrecord import read_records  # brings Numba

    found = {}
    for stage in stages:
        names = [file.path for file in stage.manifest.files if file.records]
        if stage.kind != "records" or not names:
            continue
        vocabulary = Vocabulary.read(_vocabulary_of(stage))
        uri = storage.join(stage.directory, names[0])
        records = enumerate(islice(read_records(uri), EXAMPLES))
        found[stage.title] = [read_record(data, vocabulary, f"{uri}, record {index}") for index, data in records]
    return found


def view(record: Record) -> Example:
    """Join the tokens of a record to text, so that only masked and special ones are set apart."""
    masks = {mask.position: mask for mask in record.masks}
    segments: list[tuple[Literal["a", "b"], list[Piece]]] = []
    for position, (token, segment) in enumerate(zip(record.tokens, record.segments, strict=True)):
        name: Literal["a", "b"] = "b" if segment == 1 else "a"
        if not segments or segments[-1][0] != name:
            segments.append((name, []))
        _append(segments[-1][1], token, masks.get(position))
    return Example(
        segments=tuple((name, tuple(pieces)) for name, pieces in segments),
        masked=len(record.masks),
        tokens=len(record.tokens),
        padding=record.padding,
        next_sentence=None if record.is_random_next is None else "random" if record.is_random_next else "actual",
    )


def pieces_of(tokens: Sequence[str]) -> tuple[Piece, ...]:
    """Tokens none of which is masked, joined to text."""
    pieces: list[Piece] = []
    for token in tokens:
        _append(pieces, token, None)
    return tuple(pieces)


def _append(pieces: list[Piece], token: str, mask: MaskedToken | None) -> None:
    if mask is not None:
        pieces.append(Piece(mask.original, "mask", mask.shown, mask.original.startswith(CONTINUATION)))
        return
    kind: Literal["text", "special"] = "special" if token in SPECIAL_TOKENS else "text"
    is_glued = token.startswith(CONTINUATION)
    bare = token.removeprefix(CONTINUATION)
    if pieces and kind == pieces[-1].kind == "text":
        before = pieces.pop()
        pieces.append(Piece(before.text + ("" if is_glued else " ") + bare, kind, is_glued=before.is_glued))
    else:
        pieces.append(Piece(bare, kind, is_glued=is_glued))


def _vocabulary_of(stage: FinishedStage) -> str:
    """URI of the vocabulary that a stage made its records with."""
    recorded = stage.manifest.inputs["vocabulary"]
    uri = origin_uri(recorded, stage.directory)
    return storage.join(uri, VOCABULARY) if recorded.stage else uri
