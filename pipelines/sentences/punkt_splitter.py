"""Splitting paragraphs with Punkt: NLTK's decisions, each context decided once."""

from __future__ import annotations

import itertools
import re
from typing import Any

from nltk.tokenize import punkt

from pipelines.sentences.languages import OTHER_SPACE
from pipelines.sentences.punkt_decision import MAX_REMEMBERED, Decision
from pipelines.sentences.punkt_parameters import PunktModel
from pipelines.sentences.punkt_training import language_variables

# Groups of NLTK's pattern for possible ends: what follows, and the token in it if it is one.
AFTER, NEXT = 1, 2
# Characters with which NLTK's pattern for closing punctuation begins.
CLOSING = frozenset("\"')]}\u2018\u2019\u201c\u201d\xab\xbb")


class PunktSplitter:
    """Splits paragraphs into sentences exactly as ``nltk.tokenize.punkt.PunktSentenceTokenizer.tokenize`` does.

    NLTK's decision on a possible sentence end depends on nothing but the word before it and the one behind it, so it is
    remembered by their text.
    """

    def __init__(self, model: PunktModel) -> None:
        variables = language_variables(model.end_characters)
        self._tokenizer: Any = punkt.PunktSentenceTokenizer(model.nltk_parameters(), lang_vars=variables)
        self._decision = Decision(model, variables)
        flags = re.UNICODE | re.VERBOSE
        self._possible_ends = re.compile(variables.period_context_re().pattern, flags).finditer
        self._realigned = re.compile(variables.re_boundary_realignment.pattern, re.MULTILINE).match
        self._decisions: dict[str, bool] = {}

    def split(self, paragraph: str) -> list[str]:
        """The sentences of a paragraph, without the white space between them."""
        if OTHER_SPACE.search(paragraph):
            return [sentence for sentence in self._tokenizer.tokenize(paragraph) if sentence]
        return self.split_spaced(paragraph)

    def split_spaced(self, paragraph: str) -> list[str]:
        """As :meth:`split`, for a paragraph whose only white space is " "."""
        return [paragraph[start:stop] for start, stop in self._realign(paragraph, self._spans(paragraph))]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """As ``_slices_from_text`` with ``_match_potential_end_contexts``, for text whose only white space is " "."""
        spans: list[tuple[int, int]] = []
        decisions = self._decisions
        last_break = 0
        word_start = word_stop = 0  # the word before the possible end that was met last
        previous: re.Match[str] | None = None
        for match in itertools.chain(self._possible_ends(text), (None,)):
            start = match.start() if match else len(text)
            space = text.rfind(" ", word_stop, start)
            # NLTK takes a space at the very beginning of what lies between for none.
            next_start = space + 1 if space > word_stop else word_start
            if previous is not None and (word_stop <= next_start or match is None):
                context = text[word_start : previous.end(AFTER)]
                is_end = decisions.get(context)
                if is_end is None:
                    is_end = self._decide(context)
                if is_end:
                    spans.append((last_break, word_stop + 1))
                    next_token = previous.start(NEXT)
                    last_break = next_token if next_token >= 0 else word_stop + 1
            previous, word_start, word_stop = match, next_start, start
        spans.append((last_break, len(text.rstrip())))
        return spans

    def _decide(self, context: str) -> bool:
        is_end = self._decision.is_end(context)
        if len(self._decisions) < MAX_REMEMBERED:
            self._decisions[context] = is_end
        return is_end

    def _realign(self, text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """As ``_realign_boundaries``: closing quotes and brackets go to the sentence that they close."""
        aligned: list[tuple[int, int]] = []
        shift = 0
        for index, (start, stop) in enumerate(spans):
            start += shift
            if index + 1 < len(spans):
                next_start, next_stop = spans[index + 1]
                may_close = text[next_start : next_start + 1] in CLOSING
                if may_close and (closing := self._realigned(text, next_start, max(next_start, next_stop))):
                    aligned.append((start, next_start + len(closing[0].rstrip())))
                    shift = closing.end() - next_start
                    continue
                shift = 0
            if start < stop:
                aligned.append((start, stop))
        return aligned
