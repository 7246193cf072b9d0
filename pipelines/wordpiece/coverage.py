"""How well a vocabulary covers a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from berth.formats.vocabulary import CONTINUATION, UNKNOWN


def word_pieces(word: str, entries: frozenset[str], longest: int) -> list[str] | None:
    """The pieces of a word by greedy longest match, as BERT's tokenizer finds them; None if it is unknown."""
    pieces: list[str] = []
    start = 0
    while start < len(word):
        prefix = CONTINUATION if start else ""
        for stop in range(min(len(word), start + longest), start, -1):
            if (piece := prefix + word[start:stop]) in entries:
                pieces.append(piece)
                start = stop
                break
        else:
            return None
    return pieces


def coverage(words: Mapping[str, int], entries: Sequence[str]) -> dict[str, int]:
    """Counters for the manifest: words of the text, unknown ones among them, and their tokens.

    They are those of records made from the same text: as many tokens, and as many of them [UNK].

    Args:
        words: Word → count, as :func:`pipelines.wordpiece.word_counts.count_words` counts them.
        entries: The vocabulary.
    """
    known = frozenset(entries)
    longest = max(len(entry) for entry in entries)
    counters = {"words": 0, "distinct_words": len(words) - (UNKNOWN in words), "unknown_words": 0, "tokens": 0}
    for word, count in words.items():
        pieces = word_pieces(word, known, longest) if word != UNKNOWN else None
        counters["words"] += count
        counters["unknown_words"] += count * (pieces is None)
        counters["tokens"] += count * len(pieces or (UNKNOWN,))
    return counters
