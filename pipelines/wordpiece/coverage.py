"""How well a vocabulary suits a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.wordpiece.alphabet import CONTINUATION


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
    """Counts for the manifest: words of the text, those that are unknown to the vocabulary, tokens they become."""
    known = frozenset(entries)
    longest = max(len(entry) for entry in entries)
    counters = {"words": 0, "distinct_words": len(words), "unknown_words": 0, "tokens": 0}
    for word, count in words.items():
        pieces = word_pieces(word, known, longest)
        counters["words"] += count
        counters["unknown_words"] += count * (pieces is None)
        counters["tokens"] += count * len(pieces or ("[UNK]",))
    return counters
