"""A WordPiece vocabulary from word counts, by repeatedly merging the most frequent pair of pieces.

The merging is that of byte-pair encoding (Sennrich et al. 2016) on characters within words, as in Hugging Face's
WordPieceTrainer; the pieces are written as WordPiece's. Ties are broken by the pieces' text, so the result depends on
the counts only.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from berth.formats.vocabulary import CONTINUATION

Pair = tuple[int, int]


class PieceLearner:
    """Learns pieces one by one.

    Args:
        words: Word → count; every character must be in the alphabet.
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self._texts: list[str] = []
        self._ids: dict[str, int] = {}
        self._words: list[list[int]] = []
        self._counts: list[int] = []
        self._pair_counts: defaultdict[Pair, int] = defaultdict(int)
        self._holders: defaultdict[Pair, set[int]] = defaultdict(set)  # indices of words that hold (or held) the pair
        for word, count in sorted(words.items()):
            if len(word) < 2:
                continue
            pieces = [self._id(word[0])] + [self._id(CONTINUATION + character) for character in word[1:]]
            index = len(self._words)
            self._words.append(pieces)
            self._counts.append(count)
            for pair in itertools.pairwise(pieces):
                self._pair_counts[pair] += count
                self._holders[pair].add(index)
        self._heap = [self._entry(pair) for pair in self._pair_counts]
        heapq.heapify(self._heap)

    def pieces(self) -> Iterator[str]:
        """New pieces in the order in which they are learned, until every word is one piece."""
        known = set(self._texts)
        while self._heap:
            negative_count, _, _, pair = heapq.heappop(self._heap)
            count = self._pair_counts.get(pair, 0)
            if count <= 0:
                continue
            if count != -negative_count:  # the entry is out of date; the count can only have fallen
                heapq.heappush(self._heap, self._entry(pair))
                continue
            merged = self._merged_text(pair)
            self._merge(pair, self._id(merged))
            if merged not in known:
                known.add(merged)
                yield merged

    def _id(self, text: str) -> int:
        number = self._ids.get(text)
        if number is None:
            number = self._ids[text] = len(self._texts)
            self._texts.append(text)
        return number

    def _merged_text(self, pair: Pair) -> str:
        return self._texts[pair[0]] + self._texts[pair[1]].removeprefix(CONTINUATION)

    def _entry(self, pair: Pair) -> tuple[int, str, str, Pair]:
        """A heap entry: the most frequent pair first, among equals the first by its pieces' texts."""
        return -self._pair_counts[pair], self._texts[pair[0]], self._texts[pair[1]], pair

    def _merge(self, pair: Pair, merged: int) -> None:
        """Replace ``pair`` by ``merged`` in every word, and correct the counts of the neighbouring pairs."""
        first, second = pair
        counts, changed = self._pair_counts, set()
        for index in self._holders.pop(pair):
            old, count = self._words[index], self._counts[index]
            new: list[int] = []
            at, last = 0, len(old) - 1
            while at <= last:
                if at < last and old[at] == first and old[at + 1] == second:
                    new.append(merged)
                    at += 2
                else:
                    new.append(old[at])
                    at += 1
            if len(new) == len(old):
                continue
            for gone in itertools.pairwise(old):
                counts[gone] -= count
            for made in itertools.pairwise(new):
                counts[made] += count
                if merged in made:
                    self._holders[made].add(index)
                    changed.add(made)
            self._words[index] = new
        counts.pop(pair, None)
        for made in changed:
            heapq.heappush(self._heap, self._entry(made))


def first_pieces(words: Mapping[str, int], alphabet: Iterable[str], wanted: int) -> list[str]:
    """The first ``wanted`` pieces of several characters; fewer if the words hold no more."""
    known = set(alphabet)
    learner = PieceLearner({word: count for word, count in words.items() if known.issuperset(word)})
    return [piece for piece, _ in zip(learner.pieces(), range(wanted), strict=False)]
