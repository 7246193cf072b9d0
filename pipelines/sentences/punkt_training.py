"""Punkt trained on a corpus in pieces: statistics that add up exactly, and NLTK's arithmetic on their sum.

NLTK's ``PunktTrainer`` wants the whole text at once. All it uses of it, though, is how often each token occurs, and how
often each pair occurs whose first token may end a sentence (in other pairs only the second token's own form matters).
Both are sums over pieces; the pair across the border of two pieces is kept apart, by the pieces' order. So the
result equals NLTK's for the whole text in one call, however the text is cut.

Kiss and Strunk (2006), Unsupervised Multilingual Sentence Boundary Detection; formulas by nltk.tokenize.punkt.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipelines.sentences.lines import Lines
from pipelines.sentences.nltk_punkt import punkt
from pipelines.sentences.punkt_kernels import NONE, Characters
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_token import Token
from pipelines.sentences.word_pairs import WordCounts, count_words

# A pair of words or tokens: the first (None for one that cannot end a sentence), the second, whether a paragraph begins
# with it.
Pair = tuple[str | None, str, bool]


def language_variables(end_characters: tuple[str, ...]) -> Any:
    """NLTK's language variables with these sentence-end characters."""
    return type("LanguageVariables", (punkt.PunktLanguageVars,), {"sent_end_chars": end_characters, "__slots__": ()})()


@dataclass
class Statistics:
    """The statistics of a text that Punkt is trained on: a commutative sum over the text's pieces.

    Attributes:
        pieces: Index of a piece → its words and pairs of words. The training tokenizes them and adds them up.
    """

    pieces: dict[int, WordCounts] = field(default_factory=dict)

    def add(self, other: Statistics) -> None:
        """Add the statistics of other pieces."""
        self.pieces.update(other.pieces)


class Reader:
    """Counts the words and pairs of words of pieces of text.

    Args:
        end_characters: Characters that may end a sentence.
    """

    def __init__(self, end_characters: tuple[str, ...]) -> None:
        self._characters = Characters(end_characters)

    def read(self, number: int, lines: Lines) -> Statistics:
        """The statistics of one piece.

        Args:
            number: Index of the piece in the whole text.
            lines: Its paragraphs.
        """
        if not len(lines.text):
            return Statistics()
        return Statistics({number: count_words(lines, self._characters.leads, self._characters.classes)})


def train(statistics: Statistics, end_characters: tuple[str, ...], abbreviations: Iterable[str] = ()) -> PunktModel:
    """The parameters that NLTK's trainer finds in the whole text in one call, with an empty line between paragraphs.

    Args:
        statistics: Of the whole text.
        end_characters: Characters that may end a sentence, as for :class:`Reader`.
        abbreviations: Known abbreviations, added to those that are found.
    """
    return _Training(statistics, end_characters).run(abbreviations)


class _Training:
    """One training run: fills the tables of an NLTK trainer from sums instead of from a list of tokens."""

    def __init__(self, statistics: Statistics, end_characters: tuple[str, ...]) -> None:
        self.end_characters = end_characters
        self.ends = frozenset(end_characters) | {"."}
        variables = language_variables(end_characters)
        self.trainer = punkt.PunktTrainer(lang_vars=variables)
        # The engine of the standard library on NLTK's own pattern: twice as fast as NLTK's guarded one.
        self.tokenize = re.compile(variables._word_tokenizer_re().pattern, re.UNICODE | re.VERBOSE).findall
        self.counts: Counter[str] = Counter()
        self.pairs: Counter[Pair] = Counter()
        self.count_tokens(*_summed(statistics))

    def count_tokens(self, words: dict[str, int], pairs: dict[Pair, int]) -> None:
        """Count the tokens of words. Tokens cross no white space, so a word has the same tokens everywhere."""
        first, last = {}, {}
        for word, count in words.items():
            if word.isalnum():
                self.counts[word] += count
                first[word] = last[word] = word
                continue
            tokens = self.tokenize(word)
            first[word], last[word] = tokens[0], tokens[-1]
            for token in tokens:
                self.counts[token] += count
            for one, two in itertools.pairwise(tokens):
                if one[-1] in self.ends:
                    self.pairs[one, two, False] += count
        for (before, word, starts), count in pairs.items():
            self.pairs[last[before] if before is not None else None, first[word], starts] += count

    def run(self, abbreviations: Iterable[str]) -> PunktModel:
        trainer = self.trainer
        if self.counts:
            tokens = {token: Token(token) for token in self.counts}
            for token, count in self.counts.items():
                trainer._type_fdist[tokens[token].type] += count
                trainer._num_period_toks += count * tokens[token].period_final
            trainer.find_abbrev_types()
            trainer._params.abbrev_types.update(abbreviations)
            for annotated in tokens.values():
                trainer._first_pass_annotation(annotated)
            self.collect_orthography(tokens)
            trainer._sentbreak_count = sum(count for token, count in self.counts.items() if tokens[token].sentbreak)
            self.collect_pairs(tokens)
            trainer.finalize_training()
        else:
            trainer._params.abbrev_types.update(abbreviations)
        return PunktModel.from_nltk(trainer._params, self.end_characters)

    def collect_orthography(self, tokens: dict[str, Any]) -> None:
        """In which contexts each word type occurs, as ``PunktTrainer._get_orthography_data`` finds them."""
        inside = Counter(self.counts)  # occurrences after a token that cannot end a sentence, within a paragraph
        for (before, token, starts), count in self.pairs.items():
            inside[token] -= count
            context = _context_after(tokens[before]) if before is not None else "internal"
            if starts and context != "unknown":
                context = "initial"
            self.add_context(tokens[token], context)
        for token, count in inside.items():
            if count > 0:
                self.add_context(tokens[token], "internal")

    def add_context(self, token: Any, context: str) -> None:
        if flag := punkt._ORTHO_MAP.get((context, token.first_case)):
            self.trainer._params.add_ortho_context(token.type_no_sentperiod, flag)

    def collect_pairs(self, tokens: dict[str, Any]) -> None:
        """Rare abbreviations, sentence starters, collocations: the last part of ``PunktTrainer._train_tokens``."""
        trainer = self.trainer
        rare = set()
        for (before, token, _), count in self.pairs.items():
            first = tokens[before] if before is not None else None
            if first is None or not first.period_final:
                continue
            second = tokens[token]
            if trainer._is_rare_abbrev_type(first, second):
                rare.add(first.type_no_period)
            if trainer._is_potential_sent_starter(second, first):
                trainer._sent_starter_fdist[second.type] += count
            if trainer._is_potential_collocation(first, second):
                trainer._collocation_fdist[(first.type_no_period, second.type_no_sentperiod)] += count
        trainer._params.abbrev_types.update(rare)


def _summed(statistics: Statistics) -> tuple[dict[str, int], dict[Pair, int]]:
    """Words, and pairs of words, of the whole text: its pieces' and those across their borders."""
    counts: dict[str, int] = {}
    pairs: dict[Pair, int] = {}
    before: str | None = None
    for _, piece in sorted(statistics.pieces.items()):
        words = piece.words
        for word, count in zip(words, piece.counts.tolist(), strict=True):
            counts[word] = counts.get(word, 0) + count
        for first, second, count in zip(*piece.pairs.tolist(), strict=True):
            pair: Pair = (words[first], words[second], False)
            pairs[pair] = pairs.get(pair, 0) + count
        for first, second, count in zip(*piece.starts.tolist(), strict=True):
            pair = (None if first == NONE else words[first], words[second], True)
            pairs[pair] = pairs.get(pair, 0) + count
        pair = (before, words[0], True)
        pairs[pair] = pairs.get(pair, 0) + 1
        before = words[piece.last] if piece.last_may_end else None
    return counts, pairs


def _context_after(token: Any) -> str:
    """NLTK's name for the position in its sentence of the word after a token."""
    if token.sentbreak:
        return "unknown" if token.is_number or token.is_initial else "initial"
    return "unknown" if token.ellipsis or token.abbr else "internal"
