"""Records as a person reads them: tokens joined to text, only masked and special ones standing out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from berth.report.run import ExplainedRecord

SPECIAL = re.compile(r"\[[A-Z]+\]")
CONTINUATION = "##"  # begins a WordPiece that is glued to the one before


@dataclass(frozen=True)
class Piece:
    """Consecutive tokens of a record: plain text, or one masked token with what was put in its place."""

    text: str
    kind: str  # "text", "special" or "mask"
    replacement: str = ""
    is_glued: bool = False


@dataclass(frozen=True)
class Example:
    """A record as a person reads it: its segments with the pieces of each, and what its labels say."""

    segments: tuple[tuple[str, tuple[Piece, ...]], ...]
    masked: int
    tokens: int
    padding: int
    next_sentence: str | None


def read_example(record: ExplainedRecord) -> Example:
    """Join the tokens of an explained record to text, so that only masked tokens stand out."""
    tokens: Sequence[Mapping[str, Any]] = record["tokens"]
    segments: list[tuple[str, list[Piece]]] = []
    for token in tokens:
        name = "b" if token["segment"] in (1, "b", "B") else "a"
        if not segments or segments[-1][0] != name:
            segments.append((name, []))
        _append(segments[-1][1], token)
    return Example(
        segments=tuple((name, tuple(pieces)) for name, pieces in segments),
        masked=sum(bool(token["masked"]) for token in tokens),
        tokens=len(tokens),
        padding=record.get("padding", 0),
        next_sentence=record.get("next_sentence"),
    )


def joined(tokens: Sequence[str]) -> tuple[Piece, ...]:
    """Tokens of which none is to be told apart as masked."""
    pieces: list[Piece] = []
    for token in tokens:
        _append(pieces, {"text": token, "masked": False})
    return tuple(pieces)


def _append(pieces: list[Piece], token: Mapping[str, Any]) -> None:
    text = token["text"]
    if token["masked"]:
        pieces.append(Piece(token["original"], "mask", token["replacement"], token["original"].startswith("##")))
        return
    kind = "special" if re.fullmatch(r"\[[A-Z]+\]", text) else "text"
    is_glued = text.startswith("##")
    bare = text.removeprefix("##")
    if pieces and kind == pieces[-1].kind == "text":
        before = pieces.pop()
        pieces.append(Piece(before.text + ("" if is_glued else " ") + bare, kind, is_glued=before.is_glued))
    else:
        pieces.append(Piece(bare, kind, is_glued=is_glued))
